"""A story reaches further places, or the press."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from libs.common.events import Author
from services.alert.detector import Finding, Voice
from services.alert.detectors.spread import Spread
from services.alert.level import Usual
from tests.unit.alert.detectors.voices import (
    BEGIN,
    DAY,
    HOUR,
    a_voice,
    check_survives_saving,
    size,
    streams,
)

PLATFORMS = ("x", "mastodon", "reddit", "youtube", "bluesky", "facebook", "instagram", "telegram")


def an_article(at: float = 0.0, url: str = "https://zeitung.example/1", who: int = 90) -> Voice:
    return a_voice(at, who=who, label="other", kind="article", platform="news", url=url)


def usually(critical: float, scatter: float = 0.0) -> Usual:
    """So many critical voices an hour on the story's subject."""
    return Usual(10.0, 0.2, critical, scatter)


def fold(spread: Spread, voice: Voice, story: str = "brakes", usual: float = 0.0) -> Finding | None:
    return spread.fold(voice, story, usually(usual), strand=False)


def told(*voices: Voice, usual: float = 0.0) -> list[int]:
    spread = Spread()
    return [p for p, voice in enumerate(voices) if fold(spread, voice, usual=usual) is not None]


def test_the_third_fifth_and_eighth_platform_are_told() -> None:
    assert told(*(a_voice(who=n, platform=p) for n, p in enumerate(PLATFORMS))) == [2, 4, 7]


def test_a_finding_says_how_far_and_how_fast() -> None:
    spread = Spread()
    for place in range(2):
        fold(spread, a_voice(place * HOUR, who=place, platform=PLATFORMS[place]))
    fold(spread, an_article(2 * HOUR))
    found = fold(spread, a_voice(6 * HOUR, who=7, platform="x"), usual=0.01)
    assert found is not None
    assert (found.detector, found.at) == ("spread", BEGIN + 6 * HOUR)
    assert found.numbers == {"places": 3.0, "press": 1.0, "hours": 6.0}
    # Three where 0.06 are usual: e^-0.06 · 0.06³ / 6, and what is beyond it.
    assert found.surprise == pytest.approx(4.46, abs=0.05)


def test_the_criticism_that_is_usual_is_no_spread() -> None:
    voices = [a_voice(n * HOUR, who=n, platform=p) for n, p in enumerate(PLATFORMS)]
    assert told(*voices, usual=0.1) == [2, 4, 7]
    assert told(*voices, an_article(8 * HOUR), usual=0.5) == []


def test_after_weeks_of_the_usual_an_outbreak_is_told_and_another_one_later() -> None:
    weeks = [a_voice(n * HOUR / 3, who=n, platform=PLATFORMS[n % 8]) for n in range(3 * 24 * 14)]
    first, later = (
        [a_voice(at * DAY + n, who=9000 + n, platform=PLATFORMS[n % 8]) for n in range(60)]
        for at in (14, 28)
    )
    calm = [replace(voice, at=voice.at + 14 * DAY) for voice in weeks]
    found = told(*weeks, *first, *calm, *later, usual=3.0)
    assert len(found) == 2
    assert len(weeks) < found[0] < len(weeks) + 60
    assert found[1] > 2 * len(weeks) + 60


def test_copies_are_no_further_voices() -> None:
    voices = [a_voice(n * HOUR, who=n, platform=p) for n, p in enumerate(PLATFORMS)]
    copies = [replace(voices[7], at=voices[7].at + n, copied=True) for n in range(20)]
    others = [a_voice(7 * HOUR + n, who=100 + n, platform="x") for n in range(20)]
    assert told(*voices, *copies, usual=0.5) == []
    assert told(*voices, *others, usual=0.5) != []


def test_a_strand_of_a_storm_is_told_when_the_storm_is_over() -> None:
    spread = Spread()
    for n, platform in enumerate(PLATFORMS[:4]):
        voice = a_voice(n, who=n, platform=platform)
        assert spread.fold(voice, "brakes", usually(0.0), strand=True) is None
    found = fold(spread, a_voice(HOUR, who=9, platform="x"))
    assert found is not None
    assert found.numbers["places"] == 4.0


def test_where_criticism_comes_in_swarms_a_swarm_is_usual() -> None:
    voices = [a_voice(n * HOUR, who=n, platform=p) for n, p in enumerate(PLATFORMS)]
    swarms = Spread()
    often = usually(0.1, 2.0)
    assert [swarms.fold(v, "brakes", often, strand=False) for v in voices] == [None] * 8


def test_many_voices_in_one_place_are_no_spread() -> None:
    assert told(*(a_voice(who=n, platform="x") for n in range(50))) == []


def test_who_says_the_same_everywhere_is_one_voice() -> None:
    assert told(*(a_voice(who=1, platform=platform) for platform in PLATFORMS)) == []


def test_the_first_of_the_press_is_told_once() -> None:
    voices = [a_voice(who=n, platform="x") for n in range(3)]
    assert told(*voices, an_article(), an_article(url="https://zeitung.example/2")) == [3]


def test_the_press_alone_is_no_story_of_many() -> None:
    assert told(an_article(), an_article(url="https://b.example/1")) == []


def test_two_forums_are_two_places_and_two_threads_are_one() -> None:
    one, two, three = (
        a_voice(who=n, platform="forum", url=f"https://{host}/t/1")
        for n, host in enumerate(["a.example", "b.example", "c.example"])
    )
    again = replace(one, who=9, mention=replace(one.mention, url="https://www.a.example/t/2"))
    assert told(one, two, again) == []
    assert told(one, two, three) == [2]


def test_papers_behind_a_news_search_are_told_apart_by_their_name() -> None:
    def relayed(paper: str) -> Voice:
        article = an_article(url="https://news.google.com/rss/articles/x")
        author = Author(key=paper)
        return replace(
            article, mention=replace(article.mention, platform="google_news", author=author)
        )

    spread = Spread()
    for n in range(3):
        fold(spread, a_voice(who=n, platform="x"))
    first = fold(spread, relayed("Anzeiger"))
    second = fold(spread, relayed("Bote"))
    assert first is not None
    assert second is not None
    assert (first.numbers["places"], second.numbers["places"]) == (2.0, 3.0)


def test_voices_that_are_not_critical_do_not_spread_it() -> None:
    assert told(*(a_voice(who=n, label="other", platform=p) for n, p in enumerate(PLATFORMS))) == []


def test_stories_do_not_help_each_other() -> None:
    spread = Spread()
    found = [
        fold(spread, a_voice(who=n, platform=platform), f"story-{n % 4}")
        for n, platform in enumerate(PLATFORMS)
    ]
    assert found == [None] * 8


def test_places_where_it_has_died_down_do_not_count() -> None:
    voices = [a_voice(n * 2 * DAY, who=n, platform=p) for n, p in enumerate(PLATFORMS)]
    assert told(*voices) == []


def test_a_story_that_rested_begins_anew() -> None:
    spread = Spread()
    for n in range(3):
        assert (fold(spread, a_voice(who=n, platform=PLATFORMS[n])) is None) is (n < 2)
    for n in range(3):
        later = a_voice(5 * DAY, who=n, platform=PLATFORMS[n])
        assert (fold(spread, later) is None) is (n < 2)


@given(streams())
@settings(max_examples=60, deadline=None)
def test_saving_at_any_voice_changes_nothing(heard: list[Voice]) -> None:
    check_survives_saving(Spread, lambda s, voice: fold(s, voice, f"s{voice.reach % 3}"), heard)


def test_the_state_stays_small() -> None:
    spread = Spread()
    for n in range(3000):
        platform = f"a platform with a long name {n % 40}"
        fold(spread, a_voice(n, who=n << 40, platform=platform), f"{n % 20:032d}")
        fold(spread, an_article(n, f"https://{n % 40}.example/"), f"{n % 20:032d}")
    assert len(spread.stories) == 8
    assert size(spread) < 2800
