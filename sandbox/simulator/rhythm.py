"""How many ordinary mentions a watch has, quarter hour by quarter hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sandbox.simulator.settings import Settings

BINS: Final = 96
BIN_SECONDS: Final = 900.0
DAY_SECONDS: Final = 86_400.0
DRIFT: Final = 0.012
"""Standard deviation of a day's change of the usual number, as a logarithm."""
BACK: Final = 0.004
"""So much of its way from the begin the drift loses a day."""
SHIFTS: Final = (1.5, 2.5)
"""A change of level multiplies, or divides, by so much."""
HOURS_SCATTER: Final = 12.0
DAYS_SCATTER: Final = 40.0
"""Shapes of the gamma distributions by which hours and days differ from what is usual: counts are
negative-binomial, the less alike the smaller these are."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is usual for one watch.

    usual: ordinary mentions an hour, day by day. week: factors from Monday on, their mean is 1.
    day: factors of the quarter hours of a day, their mean is 1. shifts: the days on which the
    level changed.
    """

    usual: NDArray[np.float64]
    week: NDArray[np.float64]
    day: NDArray[np.float64]
    shifts: tuple[int, ...]
    weekday: int

    def expected(self, day: int) -> NDArray[np.float64]:
        """Mentions an hour in each quarter hour of a day, without chance."""
        return self.day * float(self.usual[day] * self.week[(day + self.weekday) % 7])

    def scattered(self, day: int, choice: np.random.Generator) -> NDArray[np.float64]:
        """As `expected`, with the good and bad hours that a day happens to have."""
        of_day = choice.gamma(DAYS_SCATTER) / DAYS_SCATTER
        of_hours = choice.gamma(HOURS_SCATTER, size=24) / HOURS_SCATTER
        return self.expected(day) * of_day * np.repeat(of_hours, BINS // 24)


def rhythm(settings: Settings, per_hour: float, choice: np.random.Generator) -> Rhythm:
    """A watch's own rhythm: night and weekend are quiet, for some watches more than for others."""
    hours = np.arange(BINS) / (BINS / 24)
    night = choice.uniform(0.08, 0.3)
    day = np.full(BINS, night)
    for weight, peak, width in (
        (choice.uniform(0.4, 1.2), choice.uniform(7, 12), 3.0),
        (choice.uniform(0.6, 1.4), choice.uniform(16, 20), 3.5),
    ):
        day += weight * np.exp(-((_apart(hours, peak) / width) ** 2))
    weekend = choice.uniform(0.5, 1.3)
    week = np.array([*choice.uniform(0.9, 1.1, size=5), weekend, weekend * 0.95])
    usual, shifts = _usual(settings, per_hour, choice)
    return Rhythm(usual, week / week.mean(), day / day.mean(), shifts, settings.begin.weekday())


def times(
    per_hour: NDArray[np.float64], choice: np.random.Generator, seconds: float = BIN_SECONDS
) -> NDArray[np.float64]:
    """Moments at such rates, in seconds since the begin of the first of the equal parts."""
    counts = choice.poisson(per_hour * (seconds / 3600.0))
    moments = np.repeat(np.arange(len(per_hour)), counts) + choice.random(int(counts.sum()))
    moments *= seconds
    moments.sort()
    return moments


def _apart(hours: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    return np.abs((hours - peak + 12) % 24 - 12)


def _usual(
    settings: Settings, per_hour: float, choice: np.random.Generator
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    expected = settings.per_year.level_shifts * settings.years
    shifts = sorted(
        {int(day) for day in choice.uniform(0, settings.days, choice.poisson(expected))}
    )
    walk, at = np.empty(settings.days), 0.0
    steps = choice.normal(0.0, DRIFT, settings.days)
    for day in range(settings.days):
        at += steps[day] - BACK * at
        walk[day] = at
    for day in shifts:
        up = 1.0 if choice.random() < 0.5 else -1.0
        walk[day:] += up * np.log(choice.uniform(*SHIFTS))
    return np.clip(np.exp(walk), 0.2, 5.0) * per_hour, tuple(shifts)
