from __future__ import annotations

from datetime import timedelta

import pytest

from libs.common.events import Author, Mention, mention_id
from libs.common.settings import Watch
from services.ingest.post import PostAuthor
from tests.unit.ingest.building import NOW, a_post, a_watch, some_watches


def matched(*watches: Watch, **fields: object) -> list[str]:
    found = some_watches(*watches).mentions(a_post(**fields), "kurve", NOW)
    return [mention.watch for mention in found]


def test_a_post_becomes_one_mention_per_watch() -> None:
    watches = some_watches(a_watch("a", "Bremse"), a_watch("b", "Lenker"), a_watch("c", "versagt"))
    assert [m.watch for m in watches.mentions(a_post(), "kurve", NOW)] == ["a", "c"]


def test_a_mention_in_full() -> None:
    (mention,) = some_watches().mentions(a_post(), "kurve", NOW)
    assert mention == Mention(
        id=mention_id("forum", "kurve/1", "motorrad-ag"),
        watch="motorrad-ag",
        source="kurve",
        platform="forum",
        native_id="kurve/1",
        kind="post",
        url="https://forum.example/1",
        text="Die Bremse meiner Motorrad AG versagt.",
        author=Author(key=mention.author.key if mention.author else ""),
        published_at=NOW - timedelta(minutes=5),
        collected_at=NOW,
    )


def test_not_takes_out_what_the_query_took_in() -> None:
    watch = a_watch(query="Motorrad", **{"not": "author:biker* OR Gewinnspiel"})
    assert matched(watch) == []
    assert matched(watch, author=PostAuthor(handle="ann")) == ["motorrad-ag"]
    assert matched(watch, author=None, text="Gewinnspiel: Motorrad!") == []


@pytest.mark.parametrize(
    ("lang", "expected"), [("de-AT", ["w"]), ("DE", ["w"]), ("fr", []), (None, ["w"])]
)
def test_a_known_language_must_be_one_of_the_watch(lang: str | None, expected: list[str]) -> None:
    assert matched(a_watch("w", languages=["de"]), lang=lang) == expected


def test_authors_are_pseudonymous_unless_the_configuration_opens_them() -> None:
    (closed,) = some_watches().mentions(a_post(), "kurve", NOW)
    (opened,) = some_watches(is_open=True).mentions(a_post(), "kurve", NOW)
    assert closed.author is not None
    assert len(closed.author.key) == 32
    assert closed.author == Author(key=closed.author.key)
    assert opened.author == Author(
        key=closed.author.key, handle="biker77", name="Ann", url="https://forum.example/u/1"
    )


def test_the_key_of_an_author_depends_on_platform_and_account_only() -> None:
    def key(**fields: object) -> str:
        (mention,) = some_watches().mentions(a_post(**fields), "kurve", NOW)
        assert mention.author is not None
        return mention.author.key

    same = key(author=PostAuthor(handle="Biker77", followers=3), native_id="kurve/2")
    assert same == key()
    assert key(platform="news") != same
    assert key(author=PostAuthor(name="Bela")) != same


def test_a_platform_that_names_nobody_gives_no_author() -> None:
    (mention,) = some_watches().mentions(a_post(author=PostAuthor()), "kurve", NOW)
    assert mention.author is None


def test_a_post_without_a_time_was_published_when_it_was_found() -> None:
    (mention,) = some_watches().mentions(a_post(published_at=None), "kurve", NOW)
    assert mention.published_at == NOW


def test_an_edited_post_says_when_it_was_edited() -> None:
    edited = a_post(edited_at=NOW - timedelta(minutes=1))
    (mention,) = some_watches().mentions(edited, "presse", NOW)
    assert mention.edited_at == NOW - timedelta(minutes=1)
    (plain,) = some_watches().mentions(a_post(), "presse", NOW)
    assert plain.edited_at is None
    assert plain.id == mention.id
