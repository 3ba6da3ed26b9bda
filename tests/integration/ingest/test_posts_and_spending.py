"""What was published of a source and what was spent on it, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine
from services.ingest.budget import NOTHING, Budget, Spent
from services.ingest.failure import OverBudget
from services.ingest.posts import KEPT, Known, PostStore
from services.ingest.schedule.spending import Spending
from tests.unit.ingest.building import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url)
    await migrate(engine, "services.ingest")
    yield engine
    await engine.dispose()


def a_post(number: int, *watches: str) -> Known:
    return Known("forum", f"kurve/{number}", watches or ("motorrad-ag",))


async def test_a_post_is_known_of_its_source_until_it_is_forgotten(engine: AsyncEngine) -> None:
    store = PostStore(engine)
    await store.remember("a", [a_post(1, "x", "y"), a_post(2)], NOW)
    asked = ["kurve/1", "kurve/2", "kurve/3"]
    assert await store.known("a", asked) == [a_post(1, "x", "y"), a_post(2)]
    assert await store.known("b", asked) == []
    await store.forget("a", ["kurve/1"])
    assert await store.known("a", asked) == [a_post(2)]


async def test_a_post_that_comes_again_has_the_watches_named_last(engine: AsyncEngine) -> None:
    store = PostStore(engine)
    await store.remember("a", [a_post(1, "x")], NOW)
    await store.remember("a", [a_post(1, "x", "y"), a_post(1, "z")], NOW + HOUR)
    assert await store.known("a", ["kurve/1"]) == [a_post(1, "z")]


async def test_more_posts_than_a_query_takes_are_asked_for_in_parts(engine: AsyncEngine) -> None:
    store = PostStore(engine)
    many = [a_post(number) for number in range(1201)]
    ids = [each.native_id for each in many]
    await store.remember("a", many, NOW)
    assert len(await store.known("a", ids)) == 1201
    await store.checked("a", ids, NOW + HOUR)
    assert await store.unchecked("a", NOW + HOUR, 2000) == []
    await store.forget("a", ids)
    assert await store.known("a", ids) == []


async def test_those_not_looked_at_for_longest_come_first(engine: AsyncEngine) -> None:
    store = PostStore(engine)
    await store.remember("a", [a_post(1)], NOW)
    await store.remember("a", [a_post(2)], NOW + HOUR)
    await store.remember("a", [a_post(3)], NOW + 2 * HOUR)
    await store.remember("a", [a_post(1)], NOW + 3 * HOUR)  # comes again, and was not looked at
    assert await store.unchecked("a", NOW + 2 * HOUR, 10) == ["kurve/1", "kurve/2"]
    assert await store.unchecked("a", NOW + 2 * HOUR, 1) == ["kurve/1"]
    await store.checked("a", ["kurve/1"], NOW + 4 * HOUR)
    assert await store.unchecked("a", NOW + 5 * HOUR, 2) == ["kurve/2", "kurve/3"]
    assert await store.unchecked("b", NOW + 5 * HOUR, 2) == []


async def test_what_is_old_or_of_a_source_that_left_is_forgotten(engine: AsyncEngine) -> None:
    store = PostStore(engine)
    await store.remember("a", [a_post(1)], NOW)
    await store.remember("a", [a_post(2)], NOW + HOUR)
    await store.remember("gone", [a_post(3)], NOW + HOUR)
    await store.prune(["a", "b"], NOW + KEPT + timedelta(seconds=1))
    assert await store.known("a", ["kurve/1", "kurve/2"]) == [a_post(2)]
    assert await store.known("gone", ["kurve/3"]) == []


async def test_spending_adds_up_in_each_month_and_source(engine: AsyncEngine) -> None:
    spending = Spending(engine)
    end_of_month = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
    await spending.add("a", Spent(3, 0.5), NOW)
    await spending.add("a", Spent(4, 0.25), end_of_month)
    await spending.add("b", Spent(1), NOW)
    await spending.add("a", Spent(9), end_of_month + timedelta(seconds=1))
    await spending.add("a", NOTHING, NOW)
    assert await spending.this_month("a", NOW) == Spent(7, 0.75)
    assert await spending.this_month("b", NOW) == Spent(1)
    assert await spending.this_month("a", NOW + 30 * DAY) == Spent(9)
    assert await spending.this_month("c", NOW) == NOTHING


async def test_a_month_is_that_of_utc(engine: AsyncEngine) -> None:
    spending = Spending(engine)
    tokyo = datetime.fromisoformat("2026-10-01T03:00:00+09:00")
    await spending.add("a", Spent(5), tokyo)
    assert await spending.this_month("a", NOW) == Spent(5)


async def test_a_page_that_could_exceed_the_budget_is_not_allowed(engine: AsyncEngine) -> None:
    spending, budget = Spending(engine), Budget(reads_per_month=100)
    await spending.add("a", Spent(60), NOW)
    assert (await spending.judge("a", budget, Spent(40), NOW)).until is None
    assert (await spending.judge("a", None, Spent(10**9), NOW)).until is None
    with pytest.raises(OverBudget, match="60 reads of the month's 100 reads") as stopped:
        await spending.judge("a", budget, Spent(41), NOW)
    assert stopped.value.not_before == datetime(2026, 10, 1, tzinfo=UTC)
