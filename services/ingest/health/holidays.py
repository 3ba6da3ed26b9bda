"""Days on which people are allowed to be quiet: the holidays of all of Germany."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

_EVERY_YEAR = ((1, 1), (5, 1), (10, 3), (12, 24), (12, 25), (12, 26), (12, 31))
_AFTER_EASTER = (-2, 0, 1, 39, 49, 50)
"""Good Friday, Easter Sunday and Monday, Ascension, Whit Sunday and Monday."""


def is_holiday(day: date) -> bool:
    """Whether it is a holiday in every federal state, or Christmas Eve or New Year's Eve."""
    return day in _holidays(day.year)


@cache
def _holidays(year: int) -> frozenset[date]:
    easter = easter_sunday(year)
    return frozenset(
        [date(year, month, day) for month, day in _EVERY_YEAR]
        + [easter + timedelta(days=days) for days in _AFTER_EASTER]
    )


def easter_sunday(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm, Nature, 20 April 1876)."""
    century, rest = divmod(year, 100)
    lunar = year % 19
    skipped = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * lunar + century - century // 4 - skipped + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (lunar + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)
