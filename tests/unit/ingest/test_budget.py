"""What a budget says about the next reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.ingest.budget import NOTHING, Budget, Judgement, Spent, judge, month_of

BEGUN = datetime(2026, 9, 1, tzinfo=UTC)
ENDS = datetime(2026, 10, 1, tzinfo=UTC)
MIDDLE = datetime(2026, 9, 16, tzinfo=UTC)


def test_a_month_is_the_calendars_in_utc() -> None:
    there = timezone(timedelta(hours=-5))
    assert month_of(datetime(2026, 9, 30, 23, tzinfo=there)) == (ENDS, ENDS.replace(month=11))
    assert month_of(datetime(2026, 12, 31, 12, tzinfo=UTC))[1] == datetime(2027, 1, 1, tzinfo=UTC)


def test_what_is_within_the_budget_goes_on_with_a_forecast() -> None:
    judged = judge(Budget(reads_per_month=1000), Spent(400, 2.0), MIDDLE)
    assert judged == Judgement(Spent(800, 4.0))


def test_what_would_cost_too_much_goes_slower_and_says_so() -> None:
    judged = judge(Budget(reads_per_month=1000), Spent(600), MIDDLE)
    assert judged == Judgement(
        Spent(1200),
        slower=2.25,
        sentence="at this pace the month would cost 1,200 reads of 1,000 reads: "
        "read 2.2 times as seldom",
    )


def test_the_narrower_of_two_limits_decides() -> None:
    budget = Budget(reads_per_month=1_000_000, money_per_month=10)
    judged = judge(budget, Spent(600, 9.0), MIDDLE)
    assert judged.slower == pytest.approx(81.0)
    assert judged.sentence is not None
    assert "18.00 in money of 10.00" in judged.sentence


def test_from_a_share_on_it_warns() -> None:
    late = ENDS - timedelta(days=1)
    budget = Budget(reads_per_month=1000, warn_at=0.8)
    assert judge(budget, Spent(799), late).sentence is None
    assert judge(budget, Spent(800), late).sentence == (
        "800 reads of the month's 1,000 reads are used up (80%); it has to last until 2026-10-01"
    )


def test_a_page_that_may_go_beyond_is_not_read_before_the_next_month() -> None:
    judged = judge(Budget(reads_per_month=1000), Spent(950), MIDDLE, page=Spent(100))
    assert judged.until == ENDS
    assert judged.sentence == (
        "950 reads of the month's 1,000 reads are used up (95%), and the next page may cost "
        "100 reads: not read again before 2026-10-01 00:00 UTC"
    )
    assert judge(Budget(reads_per_month=1000), NOTHING, ENDS, page=Spent(100)).until is None


def test_a_first_reading_does_not_make_a_month_of_its_minute() -> None:
    judged = judge(Budget(reads_per_month=3100), Spent(100), BEGUN + timedelta(minutes=1))
    assert (judged.forecast.reads, judged.slower) == (3100, 1.0)


@pytest.mark.parametrize(
    "fields",
    [{}, {"reads_per_month": 0}, {"money_per_month": float("inf")}, {"warn_at": 0.5}],
)
def test_a_budget_limits_something(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate(fields)


@given(
    limit=st.integers(20, 5_000),
    page=st.integers(1, 20),
    every=st.floats(0.5, 48),
    begins=st.floats(0, 29),
)
@settings(max_examples=60, deadline=None)
def test_no_month_ever_costs_more_than_its_budget(
    limit: int, page: int, every: float, begins: float
) -> None:
    budget = Budget(reads_per_month=limit, money_per_month=limit * 0.01)
    spent, last = a_month(budget, Spent(page, page * 0.01), every, begins)
    assert spent.reads <= limit
    assert spent.money <= limit * 0.01
    # It is stopped only when not even a page is left.
    assert last is None or spent.reads + page > limit or spent.money + page * 0.01 > limit * 0.01


@given(too_fast=st.floats(1.1, 10), page=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_where_requests_are_counted_slowing_down_makes_the_budget_last(
    too_fast: float, page: int
) -> None:
    readings = 24 * 30
    budget = Budget(reads_per_month=max(1, round(readings * page / too_fast)) + 20 * page)
    _, stopped = a_month(budget, Spent(page), every=1.0, begins=0.0)
    assert stopped is None or stopped > ENDS - timedelta(days=2)


def a_month(
    budget: Budget, page: Spent, every: float, begins: float
) -> tuple[Spent, datetime | None]:
    """Reads a page every so many hours, as slowly as the budget wants: what that cost, and when it
    was stopped."""
    now, spent = BEGUN + timedelta(days=begins), NOTHING
    while now < ENDS:
        judged = judge(budget, spent, now, page)
        if judged.until is not None:
            assert judged.until == ENDS
            return spent, now
        spent += page
        now += timedelta(hours=every) * judged.slower
    return spent, None
