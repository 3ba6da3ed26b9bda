"""What is measured of a story: by voices, over windows that end with its newest minute."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alert.detector import Voice
from services.alert.storm import HOUR, HOURS, Audience, Storm, publisher
from tests.unit.alert.storms import NOON, a_storm, a_voice, an_article

PLATFORMS = ("forum", "mastodon", "bluesky", "reddit")


@st.composite
def some_voices(draw: st.DrawFn, most: int = 60, hours: int = 30) -> list[Voice]:
    """In log order: time mostly rises, with late ones among them."""
    minutes = sorted(draw(st.lists(st.integers(0, hours * 60), max_size=most)))
    return [
        a_voice(
            draw(st.integers(0, 15)),
            minute=max(0, minute - draw(st.sampled_from((0, 0, 0, 3, 90, 2000)))),
            platform=draw(st.sampled_from(PLATFORMS)),
            kind=draw(st.sampled_from(("post", "post", "article"))),
            url=f"https://{draw(st.sampled_from('abc'))}.example/",
            critical=draw(st.sampled_from((True, True, True, False))),
            copied=draw(st.booleans()),
            abusive=draw(st.booleans()),
        )
        for minute in minutes
    ]


def measures(storm: Storm) -> dict[str, float]:
    return {
        "last_hour": storm.last_hour(),
        "last_minutes": storm.last_minutes(),
        "last_day": storm.last_day(),
        "posts": storm.posts_last_hour(),
        "repeats": storm.repeats(),
        "abuse": storm.abuse(),
        "growth": storm.growth(storm.last_hour()),
        "lasting": storm.lasting(3),
        "channels": storm.channels_reached(),
        "press": storm.press(),
    }


def test_who_speaks_ten_times_is_one_voice() -> None:
    storm = a_storm(a_voice(1, minute=minute) for minute in range(10))
    assert (storm.last_hour(), storm.last_minutes(), storm.posts_last_hour()) == (1, 1, 10)


def test_windows_end_with_the_newest_minute() -> None:
    storm = a_storm(a_voice(who, minute=10 * who) for who in range(10))
    assert (storm.last_minutes(), storm.last_hour(), storm.last_day()) == (1, 6, 10)
    storm.pass_to(storm.now + 30)
    assert (storm.last_minutes(), storm.last_hour(), storm.last_day()) == (0, 3, 10)
    storm.pass_to(storm.now + 24 * 60)
    assert set(measures(storm).values()) == {0}


def test_a_late_word_counts_in_its_own_minute_and_takes_nothing_back() -> None:
    storm = a_storm([a_voice(1, minute=55), a_voice(1, minute=2), a_voice(2, minute=2)])
    assert (storm.last_minutes(), storm.last_hour()) == (1, 2)
    storm.pass_to(storm.now + 10)
    assert storm.last_hour() == 1


def test_what_is_older_than_a_day_does_not_count() -> None:
    storm = a_storm([a_voice(1)])
    before = msgspec.msgpack.encode(storm)
    storm.fold(a_voice(2, minute=-24 * 60, platform="mastodon"))
    assert msgspec.msgpack.encode(storm) == before


def test_growth_compares_the_last_hour_with_the_five_that_ended_before_it_began() -> None:
    steady = [a_voice(100 * hour + n, minute=60 * hour + 20) for hour in range(6) for n in range(4)]
    last = [a_voice(1000 + n, minute=6 * 60 + 50) for n in range(12)]
    storm = a_storm([*steady, *last])
    assert storm.growth(storm.last_hour()) == pytest.approx(12 / 4)
    assert storm.lasting(4) == 6
    assert storm.lasting(5) == 1


def test_the_same_people_hour_after_hour_are_no_growth() -> None:
    storm = a_storm(a_voice(n, minute=60 * hour + 30) for hour in range(8) for n in range(5))
    assert storm.growth(storm.last_hour()) == 1.0


def test_repeats_are_voices_that_come_again_or_posts_that_copy() -> None:
    again = a_storm([*(a_voice(n) for n in range(4)), a_voice(0, minute=70)])
    assert again.repeats() == 0.25
    copied = a_storm(
        [a_voice(7), *(a_voice(7, copied=True) for _ in range(5)), a_voice(8), a_voice(9)]
    )
    assert (copied.last_hour(), copied.repeats()) == (3, 5 / 8)


def test_one_who_insults_in_every_post_is_one_voice_that_insults() -> None:
    insults = [a_voice(1, minute=minute, abusive=minute % 2 == 0) for minute in range(20)]
    storm = a_storm([*insults, *(a_voice(who, minute=30) for who in (2, 3, 4))])
    assert storm.abuse() == 0.25


def test_channels_count_for_six_hours_and_publishers_for_a_day() -> None:
    storm = a_storm([a_voice(1), a_voice(2, platform="mastodon"), an_article(1), an_article(2)])
    assert (storm.channels_reached(), storm.press()) == (3, 2)
    storm.fold(a_voice(3, minute=6 * 60))
    assert (storm.channels_reached(), storm.press()) == (1, 2)
    storm.pass_to(storm.now + 18 * 60)
    assert (storm.channels_reached(), storm.press()) == (0, 0)


def test_an_article_that_is_not_critical_is_still_the_press() -> None:
    storm = a_storm([an_article(1, critical=False)])
    assert (storm.press(), storm.last_day(), storm.channels_reached()) == (1, 0, 0)


def test_nothing_else_that_is_not_critical_counts() -> None:
    assert set(measures(a_storm([a_voice(1, critical=False)])).values()) == {0}


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://www.zeitung.example/a?b", "zeitung.example"),
        ("http://m.Zeitung.example:80/", "zeitung.example"),
        ("https://zeitung.example", "zeitung.example"),
        (None, "presse"),
        ("zeitung", "presse"),
    ],
)
def test_a_publisher_is_the_host_or_the_source(url: str | None, name: str) -> None:
    assert publisher(url, "presse") == name


def test_more_platforms_and_publishers_than_can_be_told_apart_are_many() -> None:
    storm = a_storm(
        [
            *(a_voice(n, platform=f"platform{n}") for n in range(40)),
            *(an_article(n, critical=False) for n in range(80)),
        ]
    )
    assert (storm.channels_reached(), storm.press()) == (16, 32)


@given(some_voices())
def test_small_storms_are_measured_exactly(voices: list[Voice]) -> None:
    storm = a_storm(voices)
    newest, told = 0, []
    for voice in voices:
        newest = max(newest, int(voice.at // 60))
        if int(voice.at // 3600) > newest // 60 - 24:
            told.append(voice)
    critical = [voice for voice in told if voice.critical]

    def voices_since(minutes: int) -> int:
        return len({v.who for v in critical if int(v.at // 60) > newest - minutes})

    assert storm.last_hour() == voices_since(60)
    assert storm.last_minutes() == voices_since(10)
    assert storm.channels_reached() == len(
        {v.mention.platform for v in critical if int(v.at // 60) > newest - 360}
    )
    assert storm.press() == len(
        {
            v.mention.url
            for v in told
            if v.mention.kind == "article" and int(v.at // 60) > newest - 1440
        }
    )


@given(some_voices(most=40), st.randoms(use_true_random=False))
def test_the_order_inside_a_minute_does_not_matter(
    voices: list[Voice], shuffle: random.Random
) -> None:
    voices.sort(key=lambda voice: voice.at)
    mixed = sorted(voices, key=lambda voice: (voice.at // 60, shuffle.random()))
    assert measures(a_storm(mixed)) == measures(a_storm(voices))


@pytest.mark.parametrize("seed", range(5))
def test_nor_does_it_where_voices_are_estimated(seed: int) -> None:
    mix = random.Random(seed)
    voices = [
        a_voice(mix.randrange(3000), minute=mix.randrange(300), abusive=mix.random() < 0.2)
        for _ in range(6000)
    ]
    ordered = sorted(voices, key=lambda voice: voice.at)
    mixed = sorted(ordered, key=lambda voice: (voice.at, mix.random()))
    assert measures(a_storm(mixed)) == measures(a_storm(ordered))


@given(some_voices(), st.integers(0, 60))
def test_a_storm_written_and_read_at_any_event_goes_on_as_it_was(
    voices: list[Voice], cut: int
) -> None:
    whole = a_storm(voices)
    storm = a_storm(voices[:cut])
    storm = msgspec.msgpack.decode(msgspec.msgpack.encode(storm), type=Storm)
    for voice in voices[cut:]:
        storm.fold(voice)
    assert storm == whole
    assert msgspec.msgpack.encode(storm) == msgspec.msgpack.encode(whole)


@pytest.mark.parametrize("count", [200, 2000, 50_000])
def test_many_voices_are_estimated_within_a_third(count: int) -> None:
    mix = random.Random(count)
    everyone = [mix.getrandbits(64) for _ in range(count)]
    storm = a_storm(
        a_voice(who, minute=60 * place / count, abusive=place % 4 == 0)
        for place, who in enumerate(everyone)
    )
    assert storm.last_hour() == pytest.approx(count, rel=0.33)
    assert storm.last_minutes() == pytest.approx(count / 6, rel=0.5)
    assert storm.abuse() == pytest.approx(0.25, abs=0.12)


def test_what_was_estimated_yesterday_is_counted_exactly_today() -> None:
    storm = a_storm(a_voice(who, minute=who / 100) for who in range(6000))
    for who in range(5):
        storm.fold(a_voice(who, minute=300 + who))
    assert (storm.last_hour(), storm.last_minutes()) == (5, 5)


def test_the_state_is_small_however_large_the_storm() -> None:
    mix = random.Random(6)
    storm, largest = Storm(), 0
    for minute in range(26 * 60):
        for _ in range(40):
            storm.fold(
                a_voice(
                    mix.getrandbits(64),
                    minute=minute,
                    platform=f"platform-{mix.randrange(30)}",
                    kind=mix.choice(("post", "article")),
                    url=f"https://zeitung{mix.randrange(99)}.example/",
                )
            )
        if minute % 60 == 59:
            largest = max(largest, len(msgspec.msgpack.encode(storm)))
    assert largest <= 4000


def test_an_everyday_story_takes_little_room() -> None:
    storm = a_storm(a_voice(who, minute=15 * who) for who in range(96))
    assert len(msgspec.msgpack.encode(storm)) <= 2000


def test_the_audience_is_that_of_the_last_hour() -> None:
    audience = Audience()
    for minute in (0, 0, 10, 59, 60, 30, -200):
        audience.heard(NOON + 60 * minute)
    noon = int(NOON // 60)
    assert audience.last_hour(noon + 60) == 4
    assert audience.last_hour(noon + 89) == 3
    assert audience.last_hour(noon + 500) == 0


def test_a_storm_whose_level_may_change_is_looked_at_every_five_minutes() -> None:
    storm = judged(level=2, moves=True)
    assert not storm.due(storm.now + 4)
    assert storm.due(storm.now + 5)


def test_a_calm_story_is_left_alone_until_its_day_is_over_or_somebody_speaks() -> None:
    storm = judged(level=1, moves=False)
    day_is_over = (storm.now // HOUR + HOURS) * HOUR
    assert not storm.due(day_is_over - 1)
    assert storm.due(day_is_over)
    storm.fold(a_voice(2, minute=3))
    assert storm.due(storm.now)


def test_a_story_without_a_level_waits_for_somebody_to_speak() -> None:
    assert not judged(level=0, moves=False).due(10**9)


def judged(level: int, moves: bool) -> Storm:
    """A storm with one voice, judged in the minute it spoke."""
    storm = Storm(level=level)
    storm.fold(a_voice(1, minute=0))
    storm.was_judged(1, moves)
    return storm
