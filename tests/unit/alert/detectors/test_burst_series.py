"""When a series of counts alarms, and when it does not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alert.detectors.burst_series import BUCKET_SECONDS, Burst

MONDAY = 1_767_571_200.0
"""2026-01-05, midnight UTC."""
DAY = 288
HOURS = np.array(
    [2, 1, 1, 1, 1, 2, 5, 9, 13, 15, 16, 17, 17, 16, 16, 16, 15, 14, 14, 15, 15, 13, 8, 4]
)


def at(bucket: int) -> float:
    return MONDAY + bucket * BUCKET_SECONDS


def ordinary(rate: float, days: int, seed: int = 1, *, rhythm: bool = False) -> list[int]:
    """Counts of a Poisson process per bucket, with `rate` in the mean."""
    mean = np.full(days * DAY, rate)
    if rhythm:
        hour = np.arange(days * DAY) // 12
        mean *= HOURS[hour % 24] / HOURS.mean() * np.where(hour // 24 % 7 >= 5, 0.5, 1.2)
    return [int(count) for count in np.random.default_rng(seed).poisson(mean)]


def alarms(counts: Iterable[int], burst: Burst | None = None, begin: int = 0) -> list[int]:
    """The buckets, from the beginning, in which a burst begins."""
    burst = Burst() if burst is None else burst
    found = []
    for bucket, count in enumerate(counts, begin):
        if count and burst.count(at(bucket), count) is not None:
            found.append(bucket)
    return found


@pytest.mark.parametrize("rate", [2 / DAY, 10 / DAY, 0.3, 1.0, 7.0, 60.0, 1_000.0, 50_000.0])
@pytest.mark.parametrize("rhythm", [False, True])
def test_chance_alone_alarms_less_than_once_a_month(rate: float, rhythm: bool) -> None:
    found = [alarms(ordinary(rate, 56, seed, rhythm=rhythm)) for seed in (1, 2)]
    assert sum(map(len, found)) <= 1


@pytest.mark.parametrize(
    ("rate", "many", "within"),
    [(2 / DAY, 2, 3), (0.3, 10, 1), (5.0, 60, 1), (60.0, 500, 1), (50_000.0, 400_000, 1)],
)
def test_a_storm_is_noticed_within_minutes(rate: float, many: int, within: int) -> None:
    """`many` more in each bucket from noon of the 15th day on."""
    counts, noon = ordinary(rate, 16, rhythm=True), 14 * DAY + 144
    for bucket in range(noon, noon + 24):
        counts[bucket] += many
    found = alarms(counts)
    assert len(found) == 1
    assert noon <= found[0] < noon + within + 1


def test_the_count_that_tips_it_alarms_and_not_the_end_of_its_bucket() -> None:
    burst = Burst()
    alarms([2] * 5 * DAY, burst)
    begin = at(5 * DAY)
    found = [burst.count(begin + second) for second in range(200)]
    tipped = [second for second, surge in enumerate(found) if surge is not None]
    assert len(tipped) == 1
    assert 3 < tipped[0] < 60
    surge = found[tipped[0]]
    assert surge is not None
    assert (surge.at, surge.minutes, surge.count) == (begin + tipped[0], 10, 2 + tipped[0] + 1)
    assert surge.expected == pytest.approx(4.0)
    assert surge.bar <= surge.count
    assert surge.surprise > 6


def test_what_smoulders_is_noticed_though_no_hour_stands_out() -> None:
    """Every third day has a loud hour; then half of that stays, for a morning."""
    counts = ordinary(3.0, 22)
    for day in range(1, 20, 3):
        for bucket in range(day * DAY + 100, day * DAY + 112):
            counts[bucket] += 40
    begin = 21 * DAY + 60
    for bucket in range(begin, begin + 144):
        counts[bucket] += 20
    found = [bucket for bucket in alarms(counts) if bucket > 4 * DAY]
    assert len(found) == 1
    assert begin < found[0] < begin + 72


def test_what_happens_every_few_days_is_no_burst_any_more() -> None:
    counts = ordinary(3.0, 60)
    for day in range(1, 60, 3):
        for bucket in range(day * DAY + 100, day * DAY + 104):
            counts[bucket] += 60
    assert [bucket for bucket in alarms(counts) if bucket > 7 * DAY] == []


def test_nothing_alarms_in_the_first_two_days() -> None:
    counts = ordinary(5.0, 2)
    counts[400:410] = [900] * 10
    assert alarms(counts) == []


def test_a_storm_on_the_third_day_alarms() -> None:
    counts = ordinary(5.0, 4)
    counts[700:712] = [150] * 12
    assert alarms(counts) == [700]


def test_one_burst_is_one_alarm_and_the_next_day_may_bring_another() -> None:
    counts = ordinary(5.0, 14)
    for bucket in range(10 * DAY, 10 * DAY + 100):
        counts[bucket] = 80 + bucket % 7
    for bucket in range(12 * DAY, 12 * DAY + 10):
        counts[bucket] = 400
    assert alarms(counts) == [10 * DAY, 12 * DAY]


def test_a_much_larger_second_rise_alarms_within_the_day() -> None:
    counts = ordinary(5.0, 14)
    for bucket in range(10 * DAY, 10 * DAY + 20):
        counts[bucket] = 60
    for bucket in range(10 * DAY + 150, 10 * DAY + 170):
        counts[bucket] = 120
    assert alarms(counts) == [10 * DAY]
    for bucket in range(10 * DAY + 150, 10 * DAY + 170):
        counts[bucket] = 900
    assert alarms(counts) == [10 * DAY, 10 * DAY + 150]


def test_a_lasting_rise_alarms_once_and_becomes_usual() -> None:
    burst = Burst()
    before, after = ordinary(5.0, 14), ordinary(30.0, 40, seed=2)
    assert len(alarms(before + after, burst)) == 1
    assert burst.rhythm.level == pytest.approx(30.0 * 12, rel=0.1)
    again = 54 * DAY
    assert alarms([200] * 6, burst, again) in ([again], [again + 1])


def test_after_a_lasting_fall_the_bar_falls_too_within_days() -> None:
    burst = Burst()
    alarms(ordinary(200.0, 14) + ordinary(10.0, 21, seed=2), burst)
    begin = 35 * DAY
    assert alarms([200] * 6, burst, begin) != []


def test_one_storm_does_not_hide_the_next_for_months() -> None:
    counts = ordinary(5.0, 60)
    for begin, many in ((20 * DAY, 2_000), (50 * DAY, 300)):
        for bucket in range(begin, begin + 20):
            counts[bucket] = many
    assert alarms(counts) == [20 * DAY, 50 * DAY]


def test_a_gap_does_not_alarm_and_what_follows_is_as_usual() -> None:
    burst, counts = Burst(), ordinary(20.0, 30, rhythm=True)
    gap = range(15 * DAY + 20, 17 * DAY + 50)
    found = alarms(counts[: gap.start], burst)
    burst.advance(at(gap.stop), lambda then: float(not at(gap.start) <= then < at(gap.stop)))
    level = burst.rhythm.level
    found += alarms(counts[gap.stop :], burst, gap.stop)
    assert found == []
    assert level == pytest.approx(240.0, rel=0.25)


def test_a_source_that_is_missing_is_made_up_for() -> None:
    """Half is unobserved: what the other half says counts double, and a storm there alarms."""
    burst = Burst()
    assert alarms(ordinary(20.0, 10), burst) == []
    half = ordinary(10.0, 5, seed=3)
    found = []
    for bucket, count in enumerate(half, 10 * DAY):
        if bucket >= 15 * DAY - 12:
            count += 60
        if burst.count(at(bucket), count, 0.5):
            found.append(bucket)
    assert found == [15 * DAY - 12]
    assert burst.rhythm.level == pytest.approx(240.0, rel=0.2)


def test_a_late_count_goes_where_it_belongs() -> None:
    """Six hours back it changes the window; older ones and those before the first are ignored."""
    late, punctual = Burst(), Burst()
    counts = ordinary(5.0, 5)
    alarms(counts, punctual)
    short = counts.copy()
    short[-10] = 0
    alarms(short, late)
    assert late.logs < punctual.logs
    assert late.count(at(len(counts) - 10), counts[-10]) is None
    assert (late.counts, late.logs) == (punctual.counts, punctual.logs)
    before = msgspec.msgpack.encode(late)
    assert late.count(at(len(counts) - 100), 500) is None
    assert Burst().count(at(0), 1) is None
    assert msgspec.msgpack.encode(late) == before


def test_years_of_silence_are_taken_in_at_once() -> None:
    burst = Burst()
    alarms(ordinary(5.0, 10), burst)
    assert burst.count(at(3_000 * DAY)) is None
    assert burst.rhythm.level < 60.0


def test_the_state_is_small() -> None:
    burst = Burst()
    alarms(ordinary(50_000.0, 21), burst)
    assert len(msgspec.msgpack.encode(burst)) < 4_000


Steps = Sequence[tuple[int, int]]
steps = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 3), st.integers(-80, 700)),
        st.one_of(st.integers(1, 5), st.integers(1, 900)),
    ),
    max_size=150,
)


@given(steps, st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_however_counts_are_split_the_same_buckets_alarm(given_: Steps, part: int) -> None:
    whole, split = Burst(), Burst()
    bucket = 0
    for move, count in [(1, 4)] * 700 + list(given_):
        bucket = max(0, bucket + move)
        one = whole.count(at(bucket), count) is not None
        parts = [part] * (count // part) + [count % part] * (count % part > 0)
        several = [split.count(at(bucket), each) is not None for each in parts]
        assert sum(several) == one
    for burst in (whole, split):
        burst.advance(at(burst.bucket + 1))
    assert msgspec.msgpack.encode(split) == msgspec.msgpack.encode(whole)


@given(steps)
@settings(max_examples=40, deadline=None)
def test_saved_and_read_back_at_any_count_it_goes_on_as_before(given_: Steps) -> None:
    kept = Burst()
    alarms([3] * 700, kept)
    restored = kept
    bucket = 700
    for move, count in given_:
        bucket = max(0, bucket + move)
        encoded = msgspec.msgpack.encode(restored)
        restored = msgspec.msgpack.decode(encoded, type=Burst)
        assert restored.count(at(bucket), count, 0.7) == kept.count(at(bucket), count, 0.7)
    assert msgspec.msgpack.encode(restored) == msgspec.msgpack.encode(kept)
    assert math.isfinite(kept.rhythm.level)
