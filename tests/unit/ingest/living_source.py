"""A simulated source with days and nights, weekends, holidays, and days that are just different."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.ingest.health.holidays import is_holiday
from services.ingest.health.silence import HISTORY, HOUR, Hour

BERLIN: Final = ZoneInfo("Europe/Berlin")
BEGIN: Final = datetime(2025, 1, 6, tzinfo=UTC)
"""A Monday."""
LEARNING: Final = HISTORY // HOUR
_NIGHT_AND_DAY: Final = (3, 2, 1, 1, 1, 2, 4, 8, 12, 14, 15, 15, 15, 14, 14, 14, 14, 15, 16)
_EVENING: Final = (17, 17, 14, 9, 5)
_HOURS: Final = _NIGHT_AND_DAY + _EVENING
_DAYS: Final = (1.1, 1.1, 1.1, 1.1, 1.1, 0.8, 0.7)


@dataclass(slots=True)
class LivingSource:
    """Posts come by chance around rates that vary themselves, by the day and by the hour.

    a_day: posts on an average day. day_scatter, hour_scatter: squares of the relative deviations
    of a day's and an hour's rate from what is usual then.
    """

    seed: int
    a_day: float
    day_scatter: float = 0.1
    hour_scatter: float = 0.2

    def rates(self, hours: int) -> Iterator[tuple[datetime, float]]:
        """Hour by hour from `BEGIN` on: its beginning and its rate."""
        chance = random.Random(f"rates {self.seed} {self.a_day}")
        of_the_day = 1.0
        for number in range(hours):
            start = BEGIN + number * HOUR
            local = start.astimezone(BERLIN)
            if number % 24 == 0:
                of_the_day = chance.gammavariate(1 / self.day_scatter, self.day_scatter)
            of_the_hour = chance.gammavariate(1 / self.hour_scatter, self.hour_scatter)
            rate = self.a_day * _HOURS[local.hour] / sum(_HOURS) * _DAYS[local.weekday()]
            quiet = 0.35 if is_holiday(local.date()) else 1.0
            yield start, rate * of_the_day * of_the_hour * quiet

    def hours(self, hours: int) -> Iterator[Hour]:
        """Hour by hour, all of it observed."""
        chance = random.Random(f"posts {self.seed} {self.a_day}")
        for start, rate in self.rates(hours):
            yield Hour(start, _posts(chance, rate), 1.0)


def _posts(chance: random.Random, mean: float) -> int:
    """A Poisson number; nearly so where the mean is large."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, product, posts = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        posts += 1
    return posts


def dead_from(hours: list[Hour], place: int) -> list[Hour]:
    """The same source, nothing of which comes through from that hour on."""
    return [hour if n < place else hour._replace(posts=0) for n, hour in enumerate(hours)]


def at_the_end_of(hour: Hour) -> datetime:
    return hour.start + HOUR - timedelta(seconds=1)
