"""Sources are read when they are due, by one copy at a time, and nothing that was read is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine
from libs.common.events import MentionDeleted
from services.ingest.collector import (
    Collector,
    Deletion,
    Gone,
    Page,
    SourceConfig,
    Tools,
    Unreachable,
)
from services.ingest.schedule import SourceState
from services.ingest.scheduler import Scheduler
from services.ingest.store import Claimant, SourceStore
from tests.unit.ingest.building import NOW, ListBus, SetClock, a_post, some_watches

PATIENCE = 20.0
LATER = NOW + timedelta(hours=1)


class Shelf(SourceConfig):
    """A source whose pages lie ready."""

    kind: Literal["shelf"] = "shelf"
    at: str = ""

    @property
    def address(self) -> str:
        return f"shelf://{self.host}"

    @property
    def host(self) -> str:
        return self.at or self.id

    def build(self, tools: Tools) -> Collector:
        raise NotImplementedError


class QuickClock(SetClock):
    """A minute passes with each look at it, so that everything is soon due again."""

    def __call__(self) -> datetime:
        self.forward(minutes=1)
        return self.now


class Pages:
    """Gives one reading after another and keeps the cursors it was asked with; after the last it
    says so and blocks."""

    def __init__(self, *readings: Page | Exception) -> None:
        self.readings = list(readings)
        self.cursors: list[str | None] = []
        self.read_out = asyncio.Event()

    async def collect(self, cursor: str | None) -> Page:
        if not self.readings:
            self.read_out.set()
            await asyncio.Event().wait()
        self.cursors.append(cursor)
        reading = self.readings.pop(0)
        if isinstance(reading, Exception):
            raise reading
        return reading


class Turnstile:
    """Lets nobody out until it is opened; counts who is inside."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.passed = 0
        self.entered = asyncio.Semaphore(0)
        self.open = asyncio.Event()

    async def collect(self, cursor: str | None) -> Page:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.entered.release()
        await self.open.wait()
        self.inside -= 1
        self.passed += 1
        return Page(posts=(), cursor="c")


def a_page(*numbers: int, cursor: str = "c") -> Page:
    return Page(
        posts=tuple(a_post(native_id=f"kurve/{number}") for number in numbers), cursor=cursor
    )


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(engine, "services.ingest")
    yield engine
    await engine.dispose()


def a_shelf(id: str = "kurve", **fields: object) -> Shelf:
    return Shelf.model_validate({"id": id, "every": "1s", **fields})


@asynccontextmanager
async def running(
    engine: AsyncEngine,
    collectors: Mapping[str, Collector],
    *shelves: Shelf,
    bus: ListBus | None = None,
    clock: SetClock | None = None,
    me: str = "a",
) -> AsyncIterator[SourceStore]:
    """A scheduler at work over these sources; stopped in order at the end."""
    sources = shelves or (a_shelf(),)
    clock = clock or QuickClock()
    store = SourceStore(engine, Claimant(me, 1, me))
    await store.configure({source.id: source.place for source in sources}, clock.now)
    scheduler = Scheduler(
        sources,
        collectors,
        store,
        some_watches(),
        bus or ListBus(),
        clock,
        chance=lambda: 0.0,
        look=0.01,
        drain=0.01,
    )
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(scheduler.run(stop))
        yield store
        stop.set()


async def read_out(engine: AsyncEngine, pages: Pages, bus: ListBus | None = None) -> SourceState:
    """Lets a scheduler read all the pages; the state of the source after the last of them."""
    async with running(engine, {"kurve": pages}, bus=bus) as store:
        await pages.read_out.wait()
        (state,) = await store.states()
    return state


async def test_posts_become_mentions_and_the_cursor_goes_on(engine: AsyncEngine) -> None:
    bus = ListBus()
    other = Page(posts=(a_post(native_id="kurve/9", text="Fahrrad"),), cursor="c2")
    pages = Pages(a_page(1, 2, cursor="c1"), other, Page((), "c3", health="unchanged"))
    state = await read_out(engine, pages, bus)
    assert [mention.native_id for mention in bus.mentions] == ["kurve/1", "kurve/2"]
    assert {mention.source for mention in bus.mentions} == {"kurve"}
    assert pages.cursors == [None, "c1", "c2"]
    assert (state.cursor, state.health, state.failures) == ("c3", "unchanged", 0)


async def test_what_was_not_published_is_read_again(engine: AsyncEngine) -> None:
    bus = ListBus()
    bus.is_down = True

    class Recovering(Pages):
        async def collect(self, cursor: str | None) -> Page:
            bus.is_down = len(self.cursors) < 2
            return await super().collect(cursor)

    pages = Recovering(a_page(1, cursor="x"), a_page(1, cursor="x"), a_page(1, cursor="x"))
    state = await read_out(engine, pages, bus)
    assert pages.cursors == [None, None, None]
    assert [mention.native_id for mention in bus.mentions] == ["kurve/1"]
    assert (state.cursor, state.health, state.failures) == ("x", "ok", 0)


async def test_a_failure_has_its_reason_and_a_good_reading_ends_it(engine: AsyncEngine) -> None:
    ill = await read_out(
        engine, Pages(a_page(1, cursor="c1"), Unreachable("502"), Unreachable("x"))
    )
    assert (ill.health, ill.reason, ill.failures, ill.cursor) == (
        "failing",
        "unreachable: x",
        2,
        "c1",
    )
    pages = Pages(a_page(cursor="c2"))
    well = await read_out(engine, pages)
    assert pages.cursors == ["c1"]
    assert (well.health, well.reason, well.failures) == ("ok", None, 0)


async def test_a_restart_goes_on_where_it_was(engine: AsyncEngine) -> None:
    await read_out(engine, Pages(a_page(1, cursor="c1")))
    pages = Pages(a_page(2, cursor="c2"))
    await read_out(engine, pages)
    assert pages.cursors == ["c1"]


async def test_a_source_that_is_gone_is_left_alone_and_the_others_are_not(
    engine: AsyncEngine,
) -> None:
    gone, others = Pages(Gone("410"), a_page()), Pages(a_page(), a_page(), a_page())
    async with running(engine, {"kurve": gone, "b": others}, a_shelf(), a_shelf("b")) as store:
        await others.read_out.wait()
        states = {state.id: state for state in await store.states()}
    assert len(gone.cursors) == 1
    assert (states["kurve"].health, states["kurve"].due_at) == ("gone", None)


async def test_a_broken_collector_does_not_stop_the_others(engine: AsyncEngine) -> None:
    broken, good = Pages(ZeroDivisionError("ours")), Pages(a_page(1))
    async with running(engine, {"kurve": broken, "b": good}, a_shelf(), a_shelf("b")) as store:
        await asyncio.gather(broken.read_out.wait(), good.read_out.wait())
        states = {state.id: state for state in await store.states()}
    assert states["kurve"].reason == "defect: ZeroDivisionError: ours"
    assert states["b"].health == "ok"


async def test_deletions_are_published(engine: AsyncEngine) -> None:
    bus = ListBus()
    page = Page((), "c", deletions=(Deletion("forum", "kurve/1", NOW),))
    await read_out(engine, Pages(page), bus)
    (message,) = bus.messages
    deleted = msgspec.json.decode(message.value or b"", type=MentionDeleted)
    assert (deleted.watch, deleted.native_id) == ("motorrad-ag", "kurve/1")


async def test_one_host_is_read_by_one_reader_and_others_at_the_same_time(
    engine: AsyncEngine,
) -> None:
    same, other = Turnstile(), Turnstile()
    shelves = (a_shelf("a", at="one"), a_shelf("b", at="one"), a_shelf("c", at="two"))
    collectors = {"a": same, "b": same, "c": other}
    async with running(engine, collectors, *shelves, clock=SetClock()):
        await same.entered.acquire()
        await other.entered.acquire()
        same.open.set()
        await same.entered.acquire()
        other.open.set()
    assert (same.most, same.passed, other.passed) == (1, 2, 1)


async def test_two_copies_never_read_one_source_at_the_same_time(engine: AsyncEngine) -> None:
    shelves = [a_shelf(f"s{number}") for number in range(6)]
    stiles = {shelf.id: Turnstile() for shelf in shelves}
    async with (
        running(engine, stiles, *shelves, clock=SetClock(), me="a"),
        running(engine, stiles, *shelves, clock=SetClock(), me="b") as store,
    ):
        for stile in stiles.values():
            await stile.entered.acquire()
        for stile in stiles.values():
            stile.open.set()
        # A reading cut off by the stop before it was kept would rightly be done again.
        while any(state.cursor is None for state in await store.states()):
            await asyncio.sleep(0.01)
    assert [(stile.most, stile.passed) for stile in stiles.values()] == [(1, 1)] * 6


async def test_stopping_gives_back_what_is_still_being_read(engine: AsyncEngine) -> None:
    stile = Turnstile()
    clock = SetClock()
    scheduler_stop = asyncio.Event()
    store = SourceStore(engine, Claimant("a", 1, "a"))
    await store.configure({"kurve": a_shelf().place}, NOW)
    scheduler = Scheduler(
        [a_shelf()], {"kurve": stile}, store, some_watches(), ListBus(), clock, drain=0.01
    )
    task = asyncio.create_task(scheduler.run(scheduler_stop))
    async with asyncio.timeout(PATIENCE):
        await stile.entered.acquire()
        assert await store.claimable(NOW, LATER) == []
        scheduler_stop.set()
        await task
    assert [state.id for state in await store.claimable(NOW, LATER)] == ["kurve"]


async def test_the_check_counts_what_is_ill(engine: AsyncEngine) -> None:
    pages = Pages(Unreachable("502"))
    await read_out(engine, pages)
    scheduler = Scheduler(
        [a_shelf()],
        {},
        SourceStore(engine, Claimant("a", 1, "a")),
        some_watches(),
        ListBus(),
        SetClock(),
    )
    assert await scheduler.health() == "1 sources, 1 unhealthy"


async def test_silence_is_a_state_of_its_own(engine: AsyncEngine) -> None:
    await read_out(engine, Pages(Page((), "c", health="unchanged")))
    scheduler = Scheduler(
        [a_shelf(quiet_after="1h")],
        {},
        SourceStore(engine, Claimant("a", 1, "a")),
        some_watches(),
        ListBus(),
        SetClock(NOW + timedelta(hours=5)),
    )
    assert await scheduler.health() == "1 sources, 1 unhealthy"
