"""What was observed, what was not, and how much of it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.health.coverage import Interval, by_hour, gaps, judged, merged, share, within
from tests.unit.ingest.building import NOW

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def between(start: int, end: int) -> Interval:
    """From so many minutes after NOW to so many."""
    return Interval(NOW + start * MINUTE, NOW + end * MINUTE)


intervals = st.lists(
    st.tuples(st.integers(0, 600), st.integers(0, 60)).map(
        lambda pair: between(pair[0], pair[0] + pair[1])
    ),
    max_size=30,
)


def minutes(found: list[Interval]) -> set[int]:
    return {
        (interval.start - NOW) // MINUTE + n
        for interval in found
        for n in range(interval.length // MINUTE)
    }


def test_what_touches_is_one() -> None:
    apart = [between(10, 20), between(0, 10), between(30, 40), between(35, 36), between(50, 50)]
    assert merged(apart) == [between(0, 20), between(30, 40)]


def test_what_lies_between_is_a_gap() -> None:
    assert gaps([between(10, 20), between(30, 40)], between(0, 40)) == [
        between(0, 10),
        between(20, 30),
    ]
    assert gaps([], between(0, 40)) == [between(0, 40)]
    assert gaps([between(-5, 60)], between(0, 40)) == []


@given(intervals)
def test_merging_keeps_every_minute_and_no_other(some: list[Interval]) -> None:
    found = merged(some)
    assert minutes(found) == minutes(some)
    assert all(one.end < other.start for one, other in pairwise(found))
    assert merged(found) == found


@given(intervals, st.integers(0, 600), st.integers(1, 600))
def test_a_minute_is_either_covered_or_in_a_gap(
    some: list[Interval], start: int, length: int
) -> None:
    whole = between(start, start + length)
    covered, missed = minutes(within(some, whole)), minutes(gaps(some, whole))
    assert covered | missed == minutes([whole])
    assert not covered & missed
    assert share(some, whole) == len(covered) / length


def test_of_no_time_there_is_no_share() -> None:
    assert share([between(0, 10)], between(5, 5)) is None


def test_before_observing_began_nothing_is_judged() -> None:
    begun = [between(-30, -30), between(-30, -1)]
    assert judged(begun, between(-60, 0), 5 * MINUTE) == between(-30, -1)
    assert judged([], between(-60, 0), 5 * MINUTE) == between(0, 0)


def test_what_is_not_due_yet_is_no_gap_and_what_is_overdue_is() -> None:
    assert judged([between(-60, -4)], between(-60, 0), 5 * MINUTE) == between(-60, -4)
    assert judged([between(-60, -6)], between(-60, 0), 5 * MINUTE) == between(-60, 0)


@given(st.lists(st.integers(0, 4 * 3600 * 1000), min_size=2, max_size=20))
def test_seconds_by_hour_add_up_however_the_time_is_cut(cuts: list[int]) -> None:
    moments = [NOW + timedelta(milliseconds=cut) for cut in sorted(cuts)]
    in_parts: dict[object, int] = {}
    for start, end in pairwise(moments):
        for hour, seconds in by_hour(Interval(start, end)):
            in_parts[hour] = in_parts.get(hour, 0) + seconds
    assert in_parts == dict(by_hour(Interval(moments[0], moments[-1])))
    assert all(0 < seconds <= 3600 for seconds in in_parts.values())
