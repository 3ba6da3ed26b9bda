"""Reading a source's past on purpose: it never pages, waits as it is told, and has a budget."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine
from libs.common.errors import BusUnavailable
from services.ingest.budget import Spent
from services.ingest.collector import Collector, SourceConfig, Stream
from services.ingest.failure import (
    AuthFailed,
    OverBudget,
    RateLimited,
    Unreachable,
)
from services.ingest.intake import Intake
from services.ingest.post import Deletion, Page
from services.ingest.posts import PostStore
from services.ingest.schedule.backfill import NoPast, Progress, backfill
from services.ingest.schedule.spending import Spending
from tests.integration.ingest.shelves import Pages, Sender, a_page, a_shelf
from tests.unit.ingest.building import NOW, ListBus, SetClock, a_post, some_watches

START = NOW - timedelta(days=30)


class Past(Pages):
    """Pages with a past."""

    def since(self, start: datetime) -> str:
        return f"since {start:%Y-%m-%d}"


class House:
    """A back-fill with everything it needs."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.clock = SetClock()
        self.bus = ListBus()
        self.posts = PostStore(engine)
        self.spending = Spending(engine)
        self.told: list[Progress] = []
        self.waits: list[float] = []

    async def run(
        self, collector: Collector | Stream, source: SourceConfig | None = None
    ) -> Progress:
        intake = Intake(some_watches(), self.posts, self.bus, self.clock)
        return await backfill(
            source or a_shelf(),
            collector,
            START,
            intake,
            self.spending,
            self.clock,
            self.told.append,
            self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.forward(seconds=seconds)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(engine, "services.ingest")
    yield House(engine)
    await engine.dispose()


def more(*numbers: int, cursor: str) -> Page:
    return replace(a_page(*numbers, cursor=cursor), more=True)


async def test_every_page_from_then_to_now_is_published_as_the_past(house: House) -> None:
    pages = Past(more(1, 2, cursor="c1"), more(3, cursor="c2"), a_page(4, cursor="c3"))
    done = await house.run(pages)
    assert pages.cursors == ["since 2026-08-19", "c1", "c2"]
    assert [(m.native_id, m.backfill) for m in house.bus.mentions] == [
        (f"kurve/{number}", True) for number in (1, 2, 3, 4)
    ]
    oldest = NOW - timedelta(minutes=5)
    assert house.told == [Progress(1, 2, oldest), Progress(2, 3, oldest), Progress(3, 4, oldest)]
    assert done == house.told[-1]


@pytest.mark.parametrize("collector", [Pages(), Sender()])
async def test_a_source_without_a_past_says_so(house: House, collector: Collector | Stream) -> None:
    with pytest.raises(NoPast, match=r"^source kurve shows no past"):
        await house.run(collector)


async def test_what_is_older_than_was_asked_for_is_left_out_and_nothing_is_deleted(
    house: House,
) -> None:
    old, new = a_post(published_at=START - timedelta(seconds=1)), a_post(published_at=START)
    undated = a_post(native_id="kurve/2", published_at=None)
    gone = (Deletion("forum", "kurve/1", NOW),)
    await house.run(Past(Page((old, new, undated), "c", deletions=gone)))
    assert [m.native_id for m in house.bus.mentions] == ["kurve/1", "kurve/2"]


async def test_it_waits_as_long_as_it_is_asked_to(house: House) -> None:
    limited = RateLimited("429", not_before=NOW + timedelta(minutes=10))
    pages = Past(
        replace(more(1, cursor="c1"), next_in=timedelta(seconds=7)),
        limited,
        Unreachable("502"),
        a_page(2, cursor="c2"),
    )
    await house.run(pages)
    assert pages.cursors[1:] == ["c1", "c1", "c1"]
    assert house.waits == [7.0, 593.0, 8.0]


async def test_it_gives_up_after_many_failures_in_a_row(house: House) -> None:
    failures = [Unreachable("502")] * 7
    pages = Past(*failures, more(1, cursor="c1"), *failures, Unreachable("last"), a_page(2))
    with pytest.raises(Unreachable, match="last"):
        await house.run(pages)
    assert house.waits == [4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0] * 2
    assert len(house.bus.mentions) == 1


async def test_what_does_not_go_away_is_not_waited_for(house: House) -> None:
    with pytest.raises(AuthFailed):
        await house.run(Past(AuthFailed("401"), a_page(1)))
    assert house.waits == []


async def test_a_log_that_is_away_ends_it(house: House) -> None:
    house.bus.is_down = True
    with pytest.raises(BusUnavailable):
        await house.run(Past(a_page(1)))
    assert house.told == []


async def test_a_cursor_that_does_not_move_ends_it_and_something_is_missing(house: House) -> None:
    pages = Past(more(1, cursor="c1"), more(1, cursor="c1"), more(1, cursor="c1"))
    done = await house.run(pages)
    assert pages.cursors == ["since 2026-08-19", "c1"]
    assert not done.complete


async def test_what_the_platform_does_not_show_any_more_is_told(house: House) -> None:
    first = replace(more(1, cursor="c1"), complete=False)
    done = await house.run(Past(first, a_page(2, cursor="c2")))
    assert not done.complete


async def test_it_spends_from_the_budget_of_its_source_and_stops_there(house: House) -> None:
    dear = [replace(more(number, cursor=f"c{number}"), reads=40) for number in range(4)]
    with pytest.raises(OverBudget, match="not read again before 2026-10-01"):
        await house.run(Past(*dear), a_shelf(budget={"reads_per_month": 100}))
    assert await house.spending.this_month("kurve", NOW) == Spent(reads=120)
    assert len(house.bus.mentions) == 3


async def test_what_is_read_without_a_budget_is_counted_too(house: House) -> None:
    await house.run(Past(replace(a_page(1), reads=40, money=0.5)))
    assert await house.spending.this_month("kurve", NOW) == Spent(40, 0.5)


async def test_its_posts_are_known_for_later_deletions(house: House) -> None:
    await house.run(Past(a_page(1)))
    known = await house.posts.known("kurve", ["kurve/1"])
    assert [(post.native_id, post.watches) for post in known] == [("kurve/1", ("motorrad-ag",))]
