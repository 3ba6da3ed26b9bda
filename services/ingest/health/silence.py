"""Whether a source is quieter than it usually is at this hour and weekday.

What is usual follows from the hours in which the source was really observed. A source is silent
when a count as low as that of one of the last windows would hardly ever happen by chance. So a
quiet brand is no silence: all posts count, whether a watch wants them or not.

The model: the posts of a window are negative-binomially distributed around the sum of the rates of
its hours. A rate belongs to an hour of the local week; as far as an hour was seen too rarely, it
follows that hour of the day, and that the source as a whole. How much windows of a length scatter
beyond chance is measured on the history itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

HOUR: Final = timedelta(hours=1)
HISTORY: Final = timedelta(weeks=15)
"""So far back it is looked to learn what is usual."""
ENOUGH_HOURS: Final = 168.0
"""Before a source was observed for a week, nothing counts as unusual,"""
ENOUGH_POSTS: Final = 10
"""nor before it had so many posts."""
WINDOWS: Final = (1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 96, 120, 168)
"""Hours looked back, the begun one included."""
FALSE_A_YEAR: Final = 0.2
"""So many false silences a source and year may have, should the model be right; in the
simulations of the tests it stays below one."""
HOLIDAY_SHARE: Final = 0.25
"""On a holiday this share of the quietest weekday's posts is enough."""
_HALF_LIFE: Final = 28 * 24.0
"""Hours after which what was seen counts half: sources grow and shrink."""
_LEAST_SCATTER: Final = 0.05
"""No source is steadier than this: a square of a relative deviation, as all scatters."""
_LIKELY_SCATTER: Final = 0.1
_LIKELY_WEIGHT: Final = 8.0
"""What is assumed of the scatter of a source not seen yet, as if it were so many windows."""
_DAY_SHAPE: Final = 3.0
_WEEK_SHAPE: Final = 6.0
"""Posts that have to be seen in an hour of the day, or week, to count as much as what is assumed
of it: the shapes of the gamma priors."""
_LOOKS: Final = 4.0
"""Windows overlap: that many of them in a row are about as many chances as separate ones."""
_SURGE: Final = 3.0
_SURGE_POSTS: Final = 6.0
"""More posts in an hour than this many times the usual and that many are a firestorm, and
teach nothing about calm: they are cut down to it."""
_NINE_OF_TEN: Final = 1.645
_DAYTIMES: Final = ("night", "morning", "afternoon", "evening")
_WEEKDAYS: Final = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)
Holidays = Callable[[date], bool]


class Hour(NamedTuple):
    """An hour of a source. start: in UTC; observed: the share of it that was observed, 0 to 1;
    posts: those of the observed part."""

    start: datetime
    posts: int
    observed: float


class Silence(NamedTuple):
    """A source is silent: why, in a sentence for people, and since when."""

    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Band:
    """What is usual for a source.

    rates: posts an observed hour, for the 168 hours of the local week from Monday 0 h on.
    scatters: by window, the square of the relative deviation beyond chance.
    posts: how many it was learned from.
    """

    zone: ZoneInfo
    holidays: Holidays
    rates: tuple[float, ...]
    scatters: Mapping[int, float]
    posts: int

    def rate(self, start: datetime) -> float:
        """Posts that are usual in the whole hour that begins then."""
        place, is_holiday = _place(start, self.zone, self.holidays)
        if is_holiday:
            return HOLIDAY_SHARE * min(self.rates[place % 24 :: 24])
        return self.rates[place]

    def expected(self, hours: Iterable[Hour]) -> float:
        """Posts that are usual in the observed parts of these hours."""
        return sum(self.rate(hour.start) * hour.observed for hour in hours)

    def scatter(self, window: int) -> float:
        """That of the window, and that we know the rate only from so many posts."""
        return self.scatters[window] + 1 / (self.posts + 1)


def hour_of(moment: datetime) -> datetime:
    """The beginning of the hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def learn(history: Sequence[Hour], zone: ZoneInfo, holidays: Holidays) -> Band | None:
    """What is usual, from a source's hours in order; None when they are too few to say.

    What came after the last post teaches nothing: it may be the silence itself.
    """
    last = max((place for place, hour in enumerate(history) if hour.posts), default=-1)
    seen = [hour for hour in history[: last + 1] if hour.observed > 0]
    posts = sum(hour.posts for hour in seen)
    if posts < ENOUGH_POSTS or sum(hour.observed for hour in seen) < ENOUGH_HOURS:
        return None
    first = Band(zone, holidays, _rates(seen, zone, holidays), {}, posts)
    cut = [_calmed(hour, first.rate(hour.start)) for hour in seen]
    rates = _rates(cut, zone, holidays)
    plain = Band(zone, holidays, rates, {}, posts)
    expected = [plain.rate(hour.start) * hour.observed for hour in cut]
    scatters = {window: _scatter(cut, expected, window) for window in WINDOWS}
    return Band(zone, holidays, rates, scatters, posts)


def silence(band: Band, recent: Sequence[Hour], now: datetime) -> Silence | None:
    """The first window, from short to long, that is too quiet to be chance; None when none is.

    recent: the source's hours in order, at least those of the longest window.
    """
    posts, expected, observed = 0, 0.0, 0.0
    newest = hour_of(now)
    windows = iter(WINDOWS)
    window = next(windows)
    for hour in reversed(recent):
        while hour.start <= newest - window * HOUR:
            if _is_odd(band, window, posts, expected):
                return _told(band, window, posts, expected, observed, now)
            if (longer := next(windows, None)) is None:
                return None
            window = longer
        posts += hour.posts
        expected += band.rate(hour.start) * hour.observed
        observed += hour.observed
    if _is_odd(band, window, posts, expected):
        return _told(band, window, posts, expected, observed, now)
    return None


def since_the_last_post(hours: Sequence[Hour], now: datetime) -> datetime:
    """The end of the last hour with a post; of none, the beginning of the first hour."""
    for hour in reversed(hours):
        if hour.posts:
            return min(hour.start + HOUR, now)
    return hours[0].start if hours else now


def threshold(window: int) -> float:
    """How unlikely a count has to be in a window of so many hours."""
    looks = 365.25 * 24 / window * _LOOKS
    return FALSE_A_YEAR / len(WINDOWS) / looks


def at_most(count: int, mean: float, scatter: float) -> float:
    """The probability of at most `count` posts, fewer than the mean, when they are
    negative-binomially distributed with that mean and the variance mean + scatter · mean²."""
    shape = 1 / scatter
    term = math.exp(
        math.lgamma(count + shape)
        - math.lgamma(shape)
        - math.lgamma(count + 1)
        - shape * math.log1p(mean / shape)
        - count * math.log1p(shape / mean)
    )
    total = term
    growth = (shape + mean) / mean
    for k in range(count, 0, -1):
        term *= k / (k - 1 + shape) * growth
        total += term
        if term < total * 1e-9:
            break
    return min(1.0, total)


def usual_band(mean: float, scatter: float) -> tuple[int, int]:
    """Between which counts nine of ten windows lie: the quantiles of a gamma distribution of the
    same mean and variance, after Wilson and Hilferty (1931)."""
    part = (scatter + 1 / mean) / 9
    low, high = (
        mean * max(0.0, 1 - part + sign * math.sqrt(part)) ** 3
        for sign in (-_NINE_OF_TEN, _NINE_OF_TEN)
    )
    return round(low), max(1, round(high))


def _is_odd(band: Band, window: int, posts: int, expected: float) -> bool:
    limit = threshold(window)
    if posts >= expected / 2 or math.exp(-expected) > limit:
        return False  # no source is so steady that half is odd, or none where few are usual
    return at_most(posts, expected, band.scatter(window)) < limit


def _told(
    band: Band, window: int, posts: int, expected: float, observed: float, now: datetime
) -> Silence:
    low, high = usual_band(expected, band.scatter(window))
    local = now.astimezone(band.zone)
    when = (
        f"on a {_WEEKDAYS[local.weekday()]} {_DAYTIMES[local.hour // 6]}"
        if window <= 6
        else "in such a time"
    )
    count = "1 post" if posts == 1 else f"{posts} posts"
    return Silence(f"{count} in {span(observed * HOUR)}; usually {low} to {high} {when}", now)


def span(length: timedelta) -> str:
    """A length of time, roughly: `40 min`, `6 h`, `3 d`."""
    minutes = round(length / timedelta(minutes=1))
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{round(minutes / 60)} h"
    return f"{round(minutes / 60 / 24)} d"


@lru_cache(maxsize=4096)  # more hours than a history has, and all sources share them
def _place(start: datetime, zone: ZoneInfo, holidays: Holidays) -> tuple[int, bool]:
    """The hour of the local week, and whether it is on a holiday, which is like no other day."""
    local = start.astimezone(zone)
    return local.weekday() * 24 + local.hour, holidays(local.date())


def _rates(hours: Sequence[Hour], zone: ZoneInfo, holidays: Holidays) -> tuple[float, ...]:
    """Posterior means under gamma priors: an hour of the day's around the source's own rate, an
    hour of the week's around its hour of the day's."""
    posts, observed = [0.0] * 168, [0.0] * 168
    end = hours[-1].start
    for hour in hours:
        place, is_holiday = _place(hour.start, zone, holidays)
        if not is_holiday:
            weight = 0.5 ** ((end - hour.start) / HOUR / _HALF_LIFE)
            posts[place] += weight * hour.posts
            observed[place] += weight * hour.observed
    overall = (sum(posts) + 1e-9) / max(sum(observed), 1e-9)
    by_day = [
        (_DAY_SHAPE + sum(posts[hour::24])) / (_DAY_SHAPE / overall + sum(observed[hour::24]))
        for hour in range(24)
    ]
    return tuple(
        (_WEEK_SHAPE + posts[place]) / (_WEEK_SHAPE / by_day[place % 24] + observed[place])
        for place in range(168)
    )


def _calmed(hour: Hour, rate: float) -> Hour:
    most = int(_SURGE * rate * hour.observed + _SURGE_POSTS)
    return hour if hour.posts <= most else hour._replace(posts=most)


def _scatter(hours: Sequence[Hour], expected: Sequence[float], window: int) -> float:
    """By moments, over windows one after the other: (variance − mean) / mean². Drawn to what is
    likely as long as there are few windows, and a standard error more, since too little of it
    makes alarms of nothing."""
    excess, squares, windows = 0.0, 0.0, 0
    for start in range(0, len(hours) - window + 1, window):
        mean = sum(expected[start : start + window])
        found = sum(hour.posts for hour in hours[start : start + window])
        excess += (found - mean) ** 2 - mean
        squares += mean * mean
        windows += 1
    measured = max(0.0, excess / squares) if squares > 0 else 0.0
    drawn = (_LIKELY_WEIGHT * _LIKELY_SCATTER + windows * measured) / (_LIKELY_WEIGHT + windows)
    return max(_LEAST_SCATTER, drawn * (1 + math.sqrt(2 / (_LIKELY_WEIGHT + windows))))
