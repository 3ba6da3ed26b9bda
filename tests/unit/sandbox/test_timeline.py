"""What is shown when."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.timeline import Timeline, Unknown, remembered_start
from tests.unit.sandbox.playing import START, Hand, a_post, a_story

LENGTH = timedelta(minutes=4)


def texts(timeline: Timeline) -> list[str]:
    return [entry.post.text for entry in timeline.shown("forum")]


def test_posts_appear_at_their_second_and_not_before() -> None:
    clock = Hand()
    story = a_story(a_post(text="früher", at=-60), a_post(text="jetzt"), a_post(text="bald", at=5))
    timeline = Timeline(story, clock)
    assert texts(timeline) == ["früher", "jetzt"]
    clock.forward(4.999)
    assert texts(timeline) == ["früher", "jetzt"]
    clock.forward(0.001)
    assert texts(timeline) == ["früher", "jetzt", "bald"]


def test_speed_shortens_the_story_but_not_the_past() -> None:
    clock = Hand()
    story = a_story(a_post(text="früher", at=-60), a_post(text="bald", at=50))
    timeline = Timeline(story, clock, speed=10)
    clock.forward(5)
    assert [entry.published_at - START for entry in timeline.shown("forum")] == [
        timedelta(seconds=-60),
        timedelta(seconds=5),
    ]
    assert timeline.position == 50


def test_the_same_start_gives_the_same_entries() -> None:
    story = a_story(a_post(), a_post(text="Und weiter?", at=1))
    clock = Hand(START + timedelta(seconds=10))
    first, second = (Timeline(story, clock, started=START) for _ in range(2))
    assert first.shown("forum") == second.shown("forum")


def test_another_play_of_the_story_has_ids_of_its_own() -> None:
    clock = Hand(START + timedelta(seconds=10))
    plays = [
        Timeline(a_story(a_post()), clock, started=START + timedelta(seconds=n)) for n in (0, 1)
    ]
    assert len({play.shown("forum")[0].id for play in plays}) == 2


def test_a_reply_belongs_to_the_post_that_opened_its_thread() -> None:
    story = a_story(
        a_post(thread="t", title="Wer hilft?"), a_post(thread="t", text="Ich.", at=-0.0)
    )
    opener, reply = Timeline(story, Hand()).thread("forum", "t")
    assert (opener.in_reply_to, opener.title) == (None, "Wer hilft?")
    assert (reply.in_reply_to, reply.title) == (opener.id, "Re: Wer hilft?")


def test_an_added_post_is_shown_from_now_on() -> None:
    clock = Hand()
    timeline = Timeline(a_story(a_post(at=3, text="aus der Geschichte")), clock)
    clock.forward(1)
    added = timeline.add(a_post(text="dazu"), published_at=START - timedelta(days=1))
    assert timeline.changed_at("forum") == clock.now
    clock.forward(2)
    assert texts(timeline) == ["dazu", "aus der Geschichte"]
    assert added.published_at == START - timedelta(days=1)


def test_an_edited_post_keeps_its_id_and_its_date() -> None:
    clock = Hand()
    timeline = Timeline(a_story(a_post(text="alt"), a_post(text="anderes")), clock)
    old = timeline.shown("forum")[0]
    clock.forward(9)
    new = timeline.edit(old.id, "neu")
    assert (new.id, new.published_at, new.changed_at) == (old.id, START, clock.now)
    assert texts(timeline) == ["anderes", "neu"]


def test_a_removed_post_is_gone_and_the_feed_has_changed() -> None:
    clock = Hand()
    timeline = Timeline(a_story(a_post(text="weg"), a_post(text="bleibt")), clock)
    gone = timeline.shown("forum")[0]
    clock.forward(9)
    timeline.remove(gone.id)
    assert texts(timeline) == ["bleibt"]
    assert timeline.is_removed(gone.id)
    assert timeline.changed_at("forum") == clock.now
    with pytest.raises(Unknown):
        timeline.edit(gone.id, "zurück")


def test_what_is_not_shown_yet_cannot_be_removed() -> None:
    timeline = Timeline(a_story(a_post(), a_post(text="später", at=9)), Hand())
    not_yet = timeline.shown("forum")[0].id.replace("0001", "0002")
    with pytest.raises(Unknown):
        timeline.remove(not_yet)


def test_a_restart_goes_on_where_the_story_was(tmp_path: Path) -> None:
    path = tmp_path / "data" / "started"
    assert remembered_start(path, START, LENGTH) == START
    assert remembered_start(path, START + timedelta(minutes=3), LENGTH) == START


def test_a_story_that_ended_long_ago_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "started"
    remembered_start(path, START, LENGTH)
    later = START + timedelta(hours=2)
    assert remembered_start(path, later, LENGTH) == later
    assert remembered_start(path, later + timedelta(seconds=5), LENGTH) == later


@pytest.mark.parametrize("content", ["", "gestern", "2026-05-04T09:00:00", "2999-01-01T00:00:00Z"])
def test_a_memory_that_makes_no_sense_is_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "started"
    path.write_text(content)
    assert remembered_start(path, START, LENGTH) == START
    assert path.read_text() == START.isoformat()


@pytest.mark.parametrize(
    ("text", "title"),
    [("Läuft gut.", "Läuft gut."), ("Wort " * 30, f"{'Wort ' * 11}…")],
)
def test_a_post_without_a_title_takes_its_first_words(text: str, title: str) -> None:
    timeline = Timeline(a_story(a_post(text=text)), Hand())
    assert [entry.title for entry in timeline.shown("forum")] == [title]
