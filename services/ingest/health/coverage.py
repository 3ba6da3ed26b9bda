"""Which times of a source were really observed: intervals, what lies between them, and shares.

What lies between was not seen. It is shown as a gap, never as a time without posts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from services.ingest.health.silence import HOUR, hour_of


class Interval(NamedTuple):
    """From one time until before another. Of length zero, it only says where observing began."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same times in order, what touches or overlaps as one; none of length zero."""
    found: list[Interval] = []
    for interval in sorted(intervals):
        if interval.end <= interval.start:
            continue
        if found and interval.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, interval.end))
        else:
            found.append(interval)
    return found


def within(intervals: Iterable[Interval], whole: Interval) -> list[Interval]:
    """The parts of these intervals that lie in `whole`, merged."""
    return merged(
        Interval(max(each.start, whole.start), min(each.end, whole.end)) for each in intervals
    )


def gaps(intervals: Iterable[Interval], whole: Interval) -> list[Interval]:
    """The parts of `whole` that none of the intervals covers, in order."""
    found: list[Interval] = []
    reached = whole.start
    for interval in within(intervals, whole):
        found.append(Interval(reached, interval.start))
        reached = interval.end
    return merged([*found, Interval(reached, whole.end)])


def share(intervals: Iterable[Interval], whole: Interval) -> float | None:
    """How much of `whole` is covered, 0 to 1; None when it has no length."""
    if whole.end <= whole.start:
        return None
    covered = sum((each.length for each in within(intervals, whole)), timedelta())
    return covered / whole.length


def judged(intervals: Sequence[Interval], whole: Interval, patience: timedelta) -> Interval:
    """The part of `whole` that can be judged: not before observing began, and not what follows
    the last observation as long as that is no older than `patience`: the next is not due yet."""
    if not intervals:
        return Interval(whole.end, whole.end)
    begun = min(each.start for each in intervals)
    reached = max(each.end for each in intervals)
    end = whole.end if whole.end - reached > patience else min(reached, whole.end)
    return Interval(max(whole.start, begun), end)


def by_hour(interval: Interval) -> Iterator[tuple[datetime, int]]:
    """How many whole seconds of the interval lie in each hour, by the hour's beginning. Added up
    over intervals that follow one another, nothing is lost to rounding."""
    start = hour_of(interval.start)
    while start < interval.end:
        begin, end = max(start, interval.start), min(start + HOUR, interval.end)
        seconds = int(end.timestamp()) - int(begin.timestamp())
        if seconds > 0:
            yield start, seconds
        start += HOUR
