"""Somebody criticises who reaches far more people than is usual here."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alert.detector import Voice
from services.alert.detectors.big_voice import BigVoice
from tests.unit.alert.detectors.voices import (
    BEGIN,
    DAY,
    HOUR,
    a_voice,
    check_survives_saving,
    size,
    streams,
)


def after(*reaches: int) -> BigVoice:
    """A watch that has heard voices of these reaches."""
    watch = BigVoice()
    for reach in reaches:
        watch.fold(a_voice(who=2, label="other", reach=reach))
    return watch


def test_a_far_voice_is_found_with_its_numbers() -> None:
    watch = after(*[500] * 1000)
    finding = watch.fold(a_voice(HOUR, reach=50_000))
    assert finding is not None
    assert (finding.detector, finding.at) == ("big_voice", BEGIN + HOUR)
    assert finding.surprise == pytest.approx(3.0, abs=0.05)
    assert finding.numbers["reach"] == 50_000
    assert finding.numbers["usual"] == pytest.approx(512)
    assert finding.numbers["ratio"] == pytest.approx(50_000 / 512)


@pytest.mark.parametrize(
    ("usual", "reach", "found"),
    [
        (100, 9_999, False),
        (100, 10_000, True),
        (20_000, 300_000, False),
        (20_000, 500_000, True),
    ],
    ids=["small everywhere", "far for a small watch", "usual for a large one", "far for any"],
)
def test_far_is_relative_to_what_is_usual(usual: int, reach: int, found: bool) -> None:
    assert (after(*[usual] * 1000).fold(a_voice(reach=reach)) is not None) is found


@pytest.mark.parametrize("reach", [20_000, 90_000])
def test_a_new_watch_waits_for_what_is_far_anywhere(reach: int) -> None:
    assert BigVoice().fold(a_voice(reach=reach)) is None
    assert BigVoice().fold(a_voice(reach=150_000)) is not None


def test_praise_from_afar_is_no_finding() -> None:
    assert after(*[100] * 100).fold(a_voice(label="praise", reach=1_000_000)) is None


def test_unknown_reach_is_unknown_and_not_zero() -> None:
    watch = after(*[20_000] * 100)
    usual = watch.usual()
    for _ in range(1000):
        assert watch.fold(a_voice(reach=0)) is None
    assert watch.usual() == usual


def test_a_reach_that_was_seen_lately_is_no_news_whoever_has_it() -> None:
    watch = after(*[100] * 1000)
    heard = [
        a_voice(reach=50_000),
        a_voice(HOUR, reach=50_000),
        a_voice(3 * HOUR, who=5, reach=40_000),
        a_voice(3 * HOUR + DAY, reach=100_000),
    ]
    told = [place for place, voice in enumerate(heard) if watch.fold(voice) is not None]
    assert told == [0, 3]


def test_a_large_account_that_praised_is_known_when_it_criticises() -> None:
    watch = after(*[100] * 1000)
    assert watch.fold(a_voice(label="praise", reach=90_000)) is None
    assert watch.fold(a_voice(HOUR, reach=90_000)) is None


def test_what_is_usual_follows_the_watch() -> None:
    watch = after(*[100] * 5000)
    assert watch.usual() < 200
    for _ in range(5000):
        watch.fold(a_voice(label="other", reach=50_000))
    assert watch.usual() > 50_000


def test_one_voice_in_twenty_exceeds_what_is_usual() -> None:
    rng = random.Random(4)
    reaches = [int(rng.lognormvariate(6.0, 2.0)) + 1 for _ in range(3000)]
    exact = sorted(reaches)[int(0.95 * len(reaches))]
    assert exact / 1.1 <= after(*reaches).usual() <= exact * 2**0.5 * 1.1


@given(streams())
@settings(max_examples=60, deadline=None)
def test_saving_at_any_voice_changes_nothing(heard: list[Voice]) -> None:
    check_survives_saving(BigVoice, BigVoice.fold, heard)


@given(st.permutations([1, 3, 70, 900, 900, 9_000, 2**53]))
def test_the_order_within_a_second_changes_nothing(reaches: list[int]) -> None:
    assert after(*reaches) == after(*sorted(reaches))


def test_the_state_stays_small() -> None:
    rng, watch = random.Random(4), BigVoice()
    for place in range(20_000):
        watch.fold(a_voice(place, who=rng.getrandbits(64), reach=int(10 ** rng.uniform(0, 7))))
    assert size(watch) < 600
