"""A story reaches further places, or the press."""

from __future__ import annotations

from hypothesis import given, settings
from msgspec.structs import replace

from libs.common.events import Author
from services.alert.detector import Finding, Voice
from services.alert.detectors.spread import Spread
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


def told(*voices: Voice) -> list[int]:
    spread = Spread()
    return [p for p, voice in enumerate(voices) if spread.fold(voice, "brakes") is not None]


def test_the_third_fifth_and_eighth_platform_are_told() -> None:
    assert told(*(a_voice(who=n, platform=p) for n, p in enumerate(PLATFORMS))) == [2, 4, 7]


def test_a_finding_says_how_far_and_how_fast() -> None:
    spread = Spread()
    for place in range(2):
        spread.fold(a_voice(place * HOUR, who=place, platform=PLATFORMS[place]), "brakes")
    spread.fold(an_article(2 * HOUR), "brakes")
    assert spread.fold(a_voice(6 * HOUR, who=7, platform="x"), "brakes") == Finding(
        detector="spread",
        at=BEGIN + 6 * HOUR,
        surprise=0.0,
        numbers={"places": 3.0, "press": 1.0, "hours": 6.0},
    )


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
        spread.fold(a_voice(who=n, platform="x"), "brakes")
    first = spread.fold(relayed("Anzeiger"), "brakes")
    second = spread.fold(relayed("Bote"), "brakes")
    assert first is not None
    assert second is not None
    assert (first.numbers["places"], second.numbers["places"]) == (2.0, 3.0)


def test_voices_that_are_not_critical_do_not_spread_it() -> None:
    assert told(*(a_voice(who=n, label="other", platform=p) for n, p in enumerate(PLATFORMS))) == []


def test_stories_do_not_help_each_other() -> None:
    spread = Spread()
    found = [
        spread.fold(a_voice(who=n, platform=platform), f"story-{n % 4}")
        for n, platform in enumerate(PLATFORMS)
    ]
    assert found == [None] * 8


def test_places_where_it_has_died_down_do_not_count() -> None:
    voices = [a_voice(n * 2 * DAY, who=n, platform=p) for n, p in enumerate(PLATFORMS)]
    assert told(*voices) == []


def test_a_story_that_rested_begins_anew() -> None:
    spread = Spread()
    for n in range(3):
        assert (spread.fold(a_voice(who=n, platform=PLATFORMS[n]), "brakes") is None) is (n < 2)
    for n in range(3):
        later = a_voice(5 * DAY, who=n, platform=PLATFORMS[n])
        assert (spread.fold(later, "brakes") is None) is (n < 2)


@given(streams())
@settings(max_examples=60, deadline=None)
def test_saving_at_any_voice_changes_nothing(heard: list[Voice]) -> None:
    check_survives_saving(Spread, lambda s, voice: s.fold(voice, f"s{voice.reach % 3}"), heard)


def test_the_state_stays_small() -> None:
    spread = Spread()
    for n in range(3000):
        platform = f"a platform with a long name {n % 40}"
        spread.fold(a_voice(n, who=n << 40, platform=platform), f"{n % 20:032d}")
        spread.fold(an_article(n, f"https://{n % 40}.example/"), f"{n % 20:032d}")
    assert len(spread.stories) == 8
    assert size(spread) < 2800
