"""The share of critical voices shifts."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.alert.detector import Finding, Voice
from services.alert.detectors.tone import Tone, log10_tail
from tests.unit.alert.detectors.voices import (
    BEGIN,
    DAY,
    HOUR,
    MINUTE,
    a_voice,
    check_survives_saving,
    size,
    streams,
)

CRITICAL, OTHER = a_voice(label="complaint"), a_voice(label="other")


def voices(
    rng: random.Random, share: float, a_day: float, begin: float, days: float
) -> Iterator[Voice]:
    """Voices at random times, each of somebody else, of whom that share is critical."""
    at = begin
    while (at := at + rng.expovariate(a_day / DAY)) < begin + days * DAY:
        voice = CRITICAL if rng.random() < share else OTHER
        yield replace(voice, at=BEGIN + at, who=rng.getrandbits(64))


def findings(tone: Tone, heard: Iterator[Voice]) -> list[Finding]:
    return [finding for voice in heard if (finding := tone.fold(voice)) is not None]


@pytest.mark.parametrize("share", [0.02, 0.2, 0.6])
@pytest.mark.parametrize(
    ("a_day", "years", "most"),
    [(5, 30, 3), (120, 3, 0), (4800, 0.2, 0)],
    ids=["5 a day", "5 an hour", "200 an hour"],
)
def test_a_share_that_stays_raises_next_to_nothing(
    share: float, a_day: float, years: float, most: int
) -> None:
    found = findings(Tone(), voices(random.Random(7), share, a_day, 0.0, 365 * years))
    assert len(found) <= most


@pytest.mark.parametrize(
    ("usual", "now", "a_day", "known", "within"),
    [
        (0.02, 0.3, 120, 28, 12 * HOUR),
        (0.2, 0.6, 120, 28, 12 * HOUR),
        (0.6, 0.95, 120, 28, 24 * HOUR),
        (0.02, 0.3, 4800, 7, HOUR),
        (0.2, 0.6, 4800, 7, HOUR),
        (0.2, 0.35, 4800, 7, 8 * HOUR),
        (0.6, 0.9, 4800, 7, HOUR),
        (0.2, 0.8, 5, 90, 10 * DAY),
    ],
)
def test_a_shift_is_found_once(
    usual: float, now: float, a_day: float, known: float, within: float
) -> None:
    rng, tone = random.Random(3), Tone()
    assert findings(tone, voices(rng, usual, a_day, 0.0, known)) == []
    found = findings(tone, voices(rng, now, a_day, known * DAY, max(1.0, within / DAY)))
    assert [finding.detector for finding in found] == ["tone"]
    assert found[0].at - BEGIN - known * DAY < within
    assert found[0].surprise > 4.5
    numbers = found[0].numbers
    assert numbers["share"] == numbers["critical"] / numbers["voices"]
    assert numbers["usual_share"] == pytest.approx(usual, abs=0.05)
    assert numbers["share"] > numbers["usual_share"]


def test_where_days_differ_anyway_only_more_than_that_is_told() -> None:
    rng, tone = random.Random(3), Tone()
    shares = [rng.betavariate(8, 32) for _ in range(300)]
    quiet = [findings(tone, voices(rng, s, 1440, n * DAY, 1)) for n, s in enumerate(shares)]
    assert sum(map(len, quiet)) <= 1
    assert len(findings(tone, voices(rng, 0.85, 1440, 300 * DAY, 1))) == 1


def test_a_new_watch_does_not_alarm_on_its_first_complaints() -> None:
    tone = Tone()
    complaints = [a_voice(place * HOUR, who=place) for place in range(72)]
    assert [tone.fold(voice) for voice in complaints] == [None] * 72


def test_one_angry_person_is_one_voice() -> None:
    rng, tone = random.Random(3), Tone()
    findings(tone, voices(rng, 0.02, 120, 0.0, 28))
    angry = [a_voice(28 * DAY + place * MINUTE, who=7) for place in range(100)]
    assert [tone.fold(voice) for voice in angry] == [None] * 100


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 500), unique=True, max_size=40))
def test_two_voices_are_two_and_count_once_a_day_for_each_tone(who: list[int]) -> None:
    tone = Tone()
    for each in who:
        for label in ("complaint", "other", "complaint", "other"):
            tone.fold(a_voice(who=each, label=label))
    assert tone.sums == [2 * len(who), len(who)] * 2


def test_a_shift_that_lasts_becomes_usual_and_one_that_passed_does_not() -> None:
    rng, tone = random.Random(3), Tone()
    findings(tone, voices(rng, 0.1, 240, 0.0, 28))
    assert len(findings(tone, voices(rng, 0.5, 240, 28 * DAY, 2))) == 1
    findings(tone, voices(rng, 0.1, 240, 30 * DAY, 3))
    assert tone.shift is None
    assert tone.usual() == pytest.approx(0.1, abs=0.03)
    assert len(findings(tone, voices(rng, 0.5, 240, 33 * DAY, 14))) == 1
    assert tone.shift is None
    assert tone.usual() == pytest.approx(0.5, abs=0.05)


@given(streams())
@settings(max_examples=60, deadline=None)
def test_saving_at_any_voice_changes_nothing(heard: list[Voice]) -> None:
    check_survives_saving(Tone, Tone.fold, heard)


def test_saving_changes_nothing_around_a_shift() -> None:
    rng = random.Random(5)
    heard = [*voices(rng, 0.1, 120, 0.0, 14), *voices(rng, 0.7, 120, 14 * DAY, 2)]
    assert len(findings(Tone(), iter(heard))) == 1
    check_survives_saving(Tone, Tone.fold, heard)


@given(st.permutations(range(12)))
def test_the_order_within_a_second_changes_no_window_of_time(order: list[int]) -> None:
    heard = [a_voice(who=who, label="complaint" if who % 3 else "other") for who in range(12)]
    one, other = Tone(), Tone()
    for voice, place in zip(heard, order, strict=True):
        one.fold(voice)
        other.fold(heard[place])
    assert (one.sums, one.slots_all) == (other.sums, other.slots_all)
    assert sorted(one.heard) == sorted(other.heard)


def test_what_comes_from_before_the_longest_window_is_not_counted() -> None:
    tone = Tone()
    tone.fold(a_voice(12 * HOUR, who=1))
    before = size(tone)
    assert tone.fold(a_voice(5 * HOUR, who=2)) is None
    assert (tone.sums, size(tone)) == ([1, 1, 1, 1], before)


@pytest.mark.parametrize(
    ("voices", "critical", "a", "b"), [(20, 12, 30, 110), (60, 41, 3, 4), (7, 7, 1, 2)]
)
def test_the_tail_is_that_of_the_beta_binomial(voices: int, critical: int, a: int, b: int) -> None:
    exact = sum(_chance(k, voices, a, b) for k in range(critical, voices + 1))
    found = log10_tail((voices, critical), float(a), float(b))
    assert found == pytest.approx(math.log10(exact), abs=0.001)


def _chance(k: int, n: int, a: int, b: int) -> Fraction:
    def beta(x: int, y: int) -> Fraction:
        return Fraction(math.factorial(x - 1) * math.factorial(y - 1), math.factorial(x + y - 1))

    return math.comb(n, k) * beta(k + a, n - k + b) / beta(a, b)


def test_the_state_stays_small() -> None:
    rng, tone = random.Random(3), Tone()
    for voice in itertools.islice(voices(rng, 0.4, 1e6, 0.0, 1), 5000):
        tone.fold(voice)
    assert size(tone) < 1000
