"""What is usual at this hour: the daily and weekly rhythm of counts, learned as they come.

The model is a Gamma-Poisson one. A level per hour, times the share of the hour of the day (working
days and weekends apart, each drawn towards both together while it has seen little), times the share
of the weekday. Counts scatter around it more than a Poisson process would; how much more is learned
by moments. Hours are those of UTC. What was observed in part counts by the part observed.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import msgspec

LEVEL_DAYS: Final = 7.0
"""Half-life of the level: so long until a lasting change has been half learned."""
CELL_WEEKS: Final = 4.0
"""Half-life of the rhythm."""
SCATTER_DAYS: Final = 14.0
OUTLIER: Final = 4.0
"""An hour teaches no more than this many times what was expected, so that a storm is not learned
as a habit; a change that stays still is."""
LEAST_SEEN: Final = 0.25
"""Of an hour of which less was observed nothing is learned."""
MOST_SCATTER: Final = 2.0

_HOURS: Final = 24
_THURSDAY: Final = 3
"""The weekday of 1970-01-01, from Monday 0."""
_SATURDAY: Final = 5
_PRIOR_HOURS: Final = 6.0
_SHRINK: Final = 4.0
_LEVEL_KEEPS: Final = 0.5 ** (1 / (LEVEL_DAYS * _HOURS))
_SCATTER_KEEPS: Final = 0.5 ** (1 / (SCATTER_DAYS * _HOURS))
_WORKDAY_KEEPS: Final = 0.5 ** (1 / (CELL_WEEKS * 5))
_WEEKEND_KEEPS: Final = 0.5 ** (1 / (CELL_WEEKS * 2))
_WEEKDAY_KEEPS: Final = 0.5 ** (1 / (CELL_WEEKS * _HOURS))


class Expected(NamedTuple):
    """A count to come. mean: its expectation. scatter: its variance beyond that of a Poisson
    process, in squares of the mean. unsure: the part of it that is the uncertainty of the level.
    """

    mean: float
    scatter: float
    unsure: float


class Rhythm(msgspec.Struct):
    """counted, seen: the level is their quotient, in counts an hour; `seen` in hours.
    shares, share_seen: 24 hours of working days, then 24 of weekends; by weekday likewise."""

    counted: float = 0.0
    seen: float = 0.0
    shares: list[float] = msgspec.field(default_factory=lambda: [0.0] * (2 * _HOURS))
    share_seen: list[float] = msgspec.field(default_factory=lambda: [0.0] * (2 * _HOURS))
    days: list[float] = msgspec.field(default_factory=lambda: [0.0] * 7)
    day_seen: list[float] = msgspec.field(default_factory=lambda: [0.0] * 7)
    beyond: float = 0.0
    squares: float = 0.0

    @property
    def level(self) -> float:
        """Counts an hour, over all hours of the week."""
        return self.counted / self.seen if self.seen else 0.0

    def learn(self, hour: int, count: float, observed: float = 1.0) -> None:
        """Takes in a whole hour. hour: since 1970. observed: which part of it was, 0 to 1."""
        if observed < LEAST_SEEN:
            return
        usual = self._mean(hour) * observed
        if self.seen >= _HOURS:
            count = min(count, OUTLIER * usual + OUTLIER)
            self._learn_scatter(count, usual)
        self.counted = self.counted * _LEVEL_KEEPS + count
        self.seen = self.seen * _LEVEL_KEEPS + observed
        level = self.counted / self.seen
        if level > 0.0:
            self._learn_shares(hour, count / level, observed)

    def expected(self, hour: int, observed: float = 1.0) -> Expected:
        """What this hour brings, if so many hours (or such a part of one) are observed of it."""
        weekday = (hour // _HOURS + _THURSDAY) % 7
        cell = hour % _HOURS + (_HOURS if weekday >= _SATURDAY else 0)
        learned = self.beyond / self.squares if self.squares else 0.0
        unsure = 1.0 / (1.0 + self.counted)
        own = min(max(learned, 0.0), MOST_SCATTER)
        scatter = own * (1.0 + 1.0 / (1.0 + self.share_seen[cell])) + unsure
        return Expected(self._mean(hour) * observed, scatter, unsure)

    def _mean(self, hour: int) -> float:
        """The level, times how the hour and the weekday differ from the mean of the week."""
        if not self.seen:
            return 0.0
        of_day = hour % _HOURS
        weekday = (hour // _HOURS + _THURSDAY) % 7
        shares, seen = self.shares, self.share_seen
        both = (shares[of_day] + shares[of_day + _HOURS] + _PRIOR_HOURS) / (
            seen[of_day] + seen[of_day + _HOURS] + _PRIOR_HOURS
        )
        cell = of_day + _HOURS if weekday >= _SATURDAY else of_day
        share = (shares[cell] + _SHRINK * both) / (seen[cell] + _SHRINK)
        day = (self.days[weekday] + _HOURS) / (self.day_seen[weekday] + _HOURS)
        return self.counted / self.seen * share * day

    def _learn_shares(self, hour: int, share: float, observed: float) -> None:
        """The weekday explains what the hour of its kind of day does not."""
        weekday = (hour // _HOURS + _THURSDAY) % 7
        weekend = weekday >= _SATURDAY
        cell = hour % _HOURS + (_HOURS if weekend else 0)
        keeps = _WEEKEND_KEEPS if weekend else _WORKDAY_KEEPS
        usual = (self.shares[cell] + _SHRINK) / (self.share_seen[cell] + _SHRINK)
        self.shares[cell] = self.shares[cell] * keeps + share
        self.share_seen[cell] = self.share_seen[cell] * keeps + observed
        self.days[weekday] = self.days[weekday] * _WEEKDAY_KEEPS + share / max(usual, 0.05)
        self.day_seen[weekday] = self.day_seen[weekday] * _WEEKDAY_KEEPS + observed

    def _learn_scatter(self, count: float, usual: float) -> None:
        self.beyond = self.beyond * _SCATTER_KEEPS + (count - usual) ** 2 - usual
        self.squares = self.squares * _SCATTER_KEEPS + usual * usual


def surprise(count: float, mean: float, scatter: float) -> float:
    """-log10 of the probability of at least so many, under a negative binomial distribution with
    this mean and the variance mean + scatter * mean².

    The tail is bounded from above by the geometric series that begins with its first two terms, so
    the surprise is never overstated. 0 for what is not more than expected.
    """
    mean = max(mean, 1e-6)
    if count <= mean:
        return 0.0
    size = 1.0 / max(scatter, 1e-4)
    stay = mean / (mean + size)
    first = (
        math.lgamma(count + size)
        - math.lgamma(size)
        - math.lgamma(count + 1.0)
        + size * math.log1p(-stay)
        + count * math.log(stay)
    )
    ratio = stay * (count + size) / (count + 1.0)
    tail = first - math.log1p(-ratio) if ratio < 1.0 else 0.0
    return max(0.0, -tail / math.log(10.0))
