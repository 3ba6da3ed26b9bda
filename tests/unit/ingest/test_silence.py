"""A dead source is noticed; a quiet brand, a holiday and a short history are not taken for one."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.ingest.health.holidays import is_holiday
from services.ingest.health.silence import (
    ENOUGH_HOURS,
    HISTORY,
    HOUR,
    WINDOWS,
    Band,
    Hour,
    Silence,
    at_most,
    hour_of,
    learn,
    silence,
    since_the_last_post,
    span,
    usual_band,
)
from tests.unit.ingest.living_source import (
    BERLIN,
    LEARNING,
    LivingSource,
    at_the_end_of,
    dead_from,
)

WEEK = 7 * 24


def no_holidays(_: date) -> bool:
    return False


def a_band(history: list[Hour]) -> Band:
    band = learn(history, BERLIN, no_holidays)
    assert band is not None
    return band


def steady(hours: int, posts: int = 20, start: datetime | None = None) -> list[Hour]:
    begin = start or datetime(2026, 3, 2, tzinfo=UTC)
    return [Hour(begin + n * HOUR, posts, 1.0) for n in range(hours)]


def judged_at(history: list[Hour], hours: list[Hour], place: int) -> Silence | None:
    return silence(a_band(history), hours[: place + 1], at_the_end_of(hours[place]))


def alarms(source: LivingSource, weeks: int) -> int:
    """How often a source in good health was called silent, looked at hour by hour."""
    hours = list(source.hours(LEARNING + weeks * WEEK))
    begun, was_silent = 0, False
    band: Band | None = None
    for place in range(LEARNING, len(hours)):
        if place % WEEK == 0:
            band = learn(hours[place - LEARNING : place], BERLIN, is_holiday)
        assert band is not None
        recent = hours[place - WINDOWS[-1] : place + 1]
        is_silent = silence(band, recent, at_the_end_of(hours[place])) is not None
        begun += is_silent and not was_silent
        was_silent = is_silent
    return begun


def hours_until_noticed(source: LivingSource, died_after: int) -> int:
    died = LEARNING + died_after
    hours = dead_from(list(source.hours(died + 3 * WEEK)), died)
    band = learn(hours[died - LEARNING : died], BERLIN, is_holiday)
    assert band is not None
    for place in range(died, len(hours)):
        if silence(band, hours[place - WINDOWS[-1] : place + 1], at_the_end_of(hours[place])):
            return place - died + 1
    raise AssertionError("a dead source was never noticed")


@pytest.mark.parametrize("a_day", [2400.0, 24.0, 3.0])
def test_a_living_source_is_called_silent_at_most_once_a_year(a_day: float) -> None:
    weeks = 52
    assert sum(alarms(LivingSource(seed, a_day), weeks) for seed in (1, 2)) <= 2


@pytest.mark.parametrize(
    ("a_day", "usually", "at_worst"), [(2400.0, 3, 12), (24.0, 30, 48), (3.0, 120, 216)]
)
def test_a_dead_source_is_noticed_the_sooner_the_livelier_it_was(
    a_day: float, usually: int, at_worst: int
) -> None:
    deaths = [(seed, 31 * seed % WEEK) for seed in range(7)]
    delays = sorted(hours_until_noticed(LivingSource(seed, a_day), died) for seed, died in deaths)
    assert delays[3] <= usually
    assert delays[-1] <= at_worst


def test_the_reason_is_a_sentence_for_people() -> None:
    history = steady(4 * WEEK)
    tuesday_morning = datetime(2026, 3, 31, 7, tzinfo=UTC)
    quiet = steady(3, 0, start=tuesday_morning - 2 * HOUR)
    recent = [*steady(WEEK, start=tuesday_morning - 2 * HOUR - WEEK * HOUR), *quiet]
    found = silence(a_band(history), recent, at_the_end_of(quiet[-1]))
    assert found is not None
    assert found.reason == "0 posts in 2 h; usually 24 to 60 on a Tuesday morning"


def test_before_a_week_was_observed_nothing_is_unusual() -> None:
    assert learn(steady(int(ENOUGH_HOURS) - 1), BERLIN, no_holidays) is None
    assert learn(steady(int(ENOUGH_HOURS)), BERLIN, no_holidays) is not None
    half = [hour._replace(observed=0.5) for hour in steady(int(ENOUGH_HOURS))]
    assert learn(half, BERLIN, no_holidays) is None
    assert learn([], BERLIN, no_holidays) is None


def test_a_source_with_hardly_any_posts_is_never_unusual() -> None:
    rare = [hour._replace(posts=int(n % 300 == 0)) for n, hour in enumerate(steady(15 * WEEK))]
    assert sum(hour.posts for hour in rare) == 9
    assert learn(rare, BERLIN, no_holidays) is None


def test_only_observed_time_counts() -> None:
    history = steady(4 * WEEK)
    unobserved = [hour._replace(posts=0, observed=0.0) for hour in steady(WEEK + 1)]
    assert judged_at(history, unobserved, WEEK) is None
    assert judged_at(history, dead_from(steady(WEEK + 1), 0), WEEK) is not None


def test_the_nights_are_allowed_to_be_quiet() -> None:
    def posts(start: datetime) -> int:
        return 40 if 7 <= start.astimezone(BERLIN).hour < 22 else 0

    begin = datetime(2026, 3, 2, tzinfo=UTC)
    hours = [Hour(begin + n * HOUR, posts(begin + n * HOUR), 1.0) for n in range(6 * WEEK)]
    band = a_band(hours[: 4 * WEEK])
    for place in range(5 * WEEK, 6 * WEEK):
        assert silence(band, hours[place - WEEK : place + 1], at_the_end_of(hours[place])) is None


def test_holidays_are_allowed_to_be_quiet() -> None:
    whit_monday = datetime(2026, 5, 25, tzinfo=BERLIN).astimezone(UTC)
    history = steady(8 * WEEK, start=whit_monday - 8 * WEEK * HOUR)
    today = steady(24, 3, start=whit_monday)
    recent = [*history[-WEEK:], *today]
    now = at_the_end_of(today[-1])
    with_holidays = learn(history, BERLIN, is_holiday)
    assert with_holidays is not None
    assert silence(with_holidays, recent, now) is None
    assert silence(a_band(history), recent, now) is not None


def test_a_silence_does_not_teach_that_silence_is_usual() -> None:
    history = dead_from(steady(15 * WEEK), 8 * WEEK)
    found = judged_at(history, history, 15 * WEEK - 1)
    assert found is not None


def test_a_firestorm_does_not_teach_that_calm_is_silence() -> None:
    calm = steady(8 * WEEK, 2)
    storm = [h._replace(posts=5000) if 200 <= n < 260 else h for n, h in enumerate(calm)]
    later = steady(WEEK + 1, 2, start=calm[-1].start + HOUR)
    assert judged_at(storm, later, WEEK) is None


def test_silent_since_the_last_post() -> None:
    hours = dead_from(steady(10), 4)
    now = at_the_end_of(hours[-1])
    assert since_the_last_post(hours, now) == hours[4].start
    assert since_the_last_post(dead_from(hours, 0), now) == hours[0].start
    assert since_the_last_post([], now) == now
    assert since_the_last_post(steady(1), hours[0].start + timedelta(minutes=5)) == (
        hours[0].start + timedelta(minutes=5)
    )


def by_hand(count: int, mean: float, scatter: float) -> float:
    shape = 1 / scatter
    return sum(
        math.exp(
            math.lgamma(k + shape)
            - math.lgamma(shape)
            - math.lgamma(k + 1)
            + shape * math.log(shape / (shape + mean))
            + k * math.log(mean / (shape + mean))
        )
        for k in range(count + 1)
    )


@given(st.integers(0, 300), st.floats(0.01, 500), st.floats(0.05, 4))
def test_the_tail_is_the_sum_of_its_terms(count: int, mean: float, scatter: float) -> None:
    assume(count < mean)
    assert at_most(count, mean, scatter) == pytest.approx(
        min(1.0, by_hand(count, mean, scatter)), rel=1e-5, abs=1e-300
    )


@given(st.floats(0.1, 5000), st.floats(0.05, 4))
def test_nine_of_ten_windows_lie_in_the_band(mean: float, scatter: float) -> None:
    low, high = usual_band(mean, scatter)
    assert 0 <= low <= high
    assert low <= mean <= high + 1


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1)), max_size=400))
def test_whatever_was_observed_is_judged_without_a_failure(seen: list[tuple[int, float]]) -> None:
    begin = datetime(2026, 3, 27, tzinfo=UTC)  # the clocks change in that weekend
    hours = [Hour(begin + n * HOUR, posts, share) for n, (posts, share) in enumerate(seen)]
    band = learn(hours, BERLIN, is_holiday)
    if band is not None:
        assert all(rate > 0 for rate in band.rates)
        found = silence(band, hours[-WEEK:], at_the_end_of(hours[-1]))
        assert found is None or "usually" in found.reason


def test_lengths_of_time_are_told_roughly() -> None:
    assert [span(timedelta(minutes=m)) for m in (0, 40, 61, 400, 48 * 60, 4000)] == [
        "0 min",
        "40 min",
        "1 h",
        "7 h",
        "2 d",
        "3 d",
    ]


def test_an_hour_begins_at_its_whole_hour_in_utc() -> None:
    moment = datetime(2026, 11, 22, 3, 12, 7, tzinfo=BERLIN)
    assert hour_of(moment) == datetime(2026, 11, 22, 2, tzinfo=UTC)
    assert HISTORY == LEARNING * HOUR
