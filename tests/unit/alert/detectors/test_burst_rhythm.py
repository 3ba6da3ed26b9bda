"""What is usual at an hour, and how unlikely a count is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from services.alert.detectors.rhythm import Rhythm, surprise

MONDAY = 490_992
"""2026-01-05, midnight UTC, in hours since 1970."""


def busy(hour: int) -> float:
    """Forty an hour by day and ten in the night; at weekends half."""
    return (40.0 if 8 <= hour % 24 < 20 else 10.0) * (0.5 if hour // 24 % 7 >= 5 else 1.0)


def learned(weeks: int, seed: int = 1, scatter: float = 0.0) -> Rhythm:
    random = np.random.default_rng(seed)
    rhythm = Rhythm()
    for hour in range(weeks * 168):
        mean = busy(hour) * (random.gamma(1 / scatter, scatter) if scatter else 1.0)
        rhythm.learn(MONDAY + hour, float(random.poisson(mean)))
    return rhythm


def test_it_learns_the_hours_of_working_days_and_weekends() -> None:
    rhythm = learned(8)
    for hour in (3, 12, 24 + 14, 4 * 24 + 10, 5 * 24 + 12, 6 * 24 + 3, 6 * 24 + 15):
        expected = rhythm.expected(MONDAY + 8 * 168 + hour)
        assert expected.mean == pytest.approx(busy(hour), rel=0.25)


def test_how_much_counts_scatter_is_learned() -> None:
    hour = MONDAY + 12 * 168 + 12
    calm, restless = learned(12).expected(hour), learned(12, scatter=0.4).expected(hour)
    assert calm.scatter < 0.1
    assert restless.scatter == pytest.approx(0.4, abs=0.2)


def test_a_storm_is_not_learned_as_a_habit() -> None:
    rhythm = learned(6)
    before = rhythm.expected(MONDAY + 7 * 168 + 12).mean
    for hour in range(6 * 168 + 8, 6 * 168 + 20):
        rhythm.learn(MONDAY + hour, 5_000.0)
    assert rhythm.expected(MONDAY + 7 * 168 + 12).mean < 3 * before


def test_what_was_hardly_observed_teaches_nothing_and_half_an_hour_its_half() -> None:
    rhythm, whole = learned(4), learned(4)
    rhythm.learn(MONDAY + 4 * 168, 0.0, 0.2)
    assert rhythm == whole
    for hour in range(4 * 168, 6 * 168):
        rhythm.learn(MONDAY + hour, busy(hour) / 2, 0.5)
    assert rhythm.level == pytest.approx(whole.level, rel=0.1)


def test_nothing_learned_expects_nothing_and_is_unsure() -> None:
    expected = Rhythm().expected(MONDAY)
    assert (expected.mean, expected.unsure) == (0.0, 1.0)


@pytest.mark.parametrize("mean", [0.3, 4.0, 50.0])
@pytest.mark.parametrize("times", [2, 4, 10])
def test_the_surprise_is_that_of_a_poisson_tail(mean: float, times: int) -> None:
    count = math.ceil(mean * times) + 1
    logs = [k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count, count + 400)]
    tail = -math.log10(math.fsum(math.exp(each) for each in logs))
    found = surprise(count, mean, 0.0)
    assert found <= tail + 0.05
    assert found == pytest.approx(tail, rel=0.05, abs=0.15)


def test_what_scatters_surprises_less_and_what_is_expected_not_at_all() -> None:
    assert surprise(60, 10.0, 0.0) > surprise(60, 10.0, 0.5) > surprise(60, 10.0, 2.0) > 1.0
    assert surprise(10, 10.0, 0.5) == 0.0
    assert surprise(1e9, 1e-9, 0.1) > 5.0
