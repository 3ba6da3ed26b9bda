"""Sources are read when they are due, by one copy at a time, and nothing that was read is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine
from libs.common.events import MentionDeleted
from services.ingest.budget import Spent
from services.ingest.failure import Gone, RateLimited, Unreachable
from services.ingest.post import Deletion, Page
from services.ingest.schedule.decide import SourceState
from services.ingest.schedule.reader import PAGES
from services.ingest.schedule.spending import Spending
from services.ingest.schedule.store import Claimant, SourceStore
from tests.integration.ingest.shelves import (
    PATIENCE,
    Pages,
    Sender,
    a_page,
    a_scheduler,
    a_shelf,
    running,
)
from tests.unit.ingest.building import NOW, ListBus, SetClock, a_post

LATER = NOW + timedelta(hours=1)


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


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(engine, "services.ingest")
    yield engine
    await engine.dispose()


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


async def test_deletions_of_what_was_published_are_published(engine: AsyncEngine) -> None:
    bus = ListBus()
    deletions = tuple(Deletion("forum", f"kurve/{number}", NOW) for number in (1, 2, 99))
    await read_out(engine, Pages(a_page(1), Page((), "c", deletions=deletions)), bus)
    _, message = bus.messages
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
    scheduler = a_scheduler(engine, [a_shelf()], {"kurve": stile}, store, clock)
    task = asyncio.create_task(scheduler.run(scheduler_stop))
    async with asyncio.timeout(PATIENCE):
        await stile.entered.acquire()
        assert await store.claimable(NOW, LATER) == []
        scheduler_stop.set()
        await task
    assert [state.id for state in await store.claimable(NOW, LATER)] == ["kurve"]


async def test_pages_with_more_behind_them_are_one_reading(engine: AsyncEngine) -> None:
    bus = ListBus()
    first = replace(a_page(3, cursor="c1"), more=True)
    pages = Pages(first, replace(a_page(2, cursor="c2"), more=True), a_page(1, cursor="c3"))
    state = await read_out(engine, pages, bus)
    assert pages.cursors == [None, "c1", "c2"]
    assert len(bus.mentions) == 3
    assert state.last_success is not None


async def test_a_failure_between_two_pages_goes_on_behind_the_first(engine: AsyncEngine) -> None:
    first = replace(a_page(2, cursor="c1"), more=True)
    pages = Pages(first, Unreachable("cut"), a_page(1, cursor="c2"))
    await read_out(engine, pages)
    assert pages.cursors == [None, "c1", "c1"]


async def test_a_source_without_end_leaves_the_others_their_turn(engine: AsyncEngine) -> None:
    class Patient(Pages):
        waited = 0

        async def collect(self, cursor: str | None) -> Page:
            self.waited = self.waited or len(endless.cursors)
            return await super().collect(cursor)

    endless = Pages(*[replace(a_page(cursor=f"c{n}"), more=True) for n in range(3 * PAGES)])
    other = Patient(a_page())
    shelves = (a_shelf("a", at="one"), a_shelf("b", at="one"))
    async with running(engine, {"a": endless, "b": other}, *shelves):
        await other.read_out.wait()
    assert other.waited == PAGES


async def test_the_first_reading_of_a_source_does_not_page_the_past(engine: AsyncEngine) -> None:
    bus = ListBus()
    old = a_post(native_id="kurve/1", published_at=NOW - timedelta(days=3))
    first = replace(a_page(cursor="c1"), posts=(old,), more=True)
    late = Page((msgspec.structs.replace(old, native_id="kurve/2"),), "c2")
    after = Page((msgspec.structs.replace(old, native_id="kurve/3"),), "c3")
    await read_out(engine, Pages(first, late, after), bus)
    assert [(m.native_id, m.backfill) for m in bus.mentions] == [
        ("kurve/1", True),
        ("kurve/2", True),
        ("kurve/3", False),
    ]


async def test_a_stream_is_heard_until_it_ends_and_then_again(engine: AsyncEngine) -> None:
    bus = ListBus()
    sender = Sender([a_page(1, cursor="s1"), a_page(2, cursor="s2")], [a_page(3, cursor="s3")])
    async with running(engine, {"kurve": sender}, bus=bus) as store:
        await sender.heard_out.wait()
        (state,) = await store.states()
    assert sender.cursors == [None, "s2", "s3"]
    assert len(bus.mentions) == 3
    assert (state.health, state.cursor) == ("ok", "s3")


async def test_a_stream_takes_no_readers_place_and_does_not_block_its_host(
    engine: AsyncEngine,
) -> None:
    streams = {f"s{number}": Sender() for number in range(12)}
    pages = Pages(a_page())
    shelves = [a_shelf(id, at="one") for id in [*streams, "kurve"]]
    async with running(engine, {**streams, "kurve": pages}, *shelves):
        await asyncio.gather(pages.read_out.wait(), *(s.heard_out.wait() for s in streams.values()))
    assert all(stream.cursors == [None] for stream in streams.values())


async def test_a_stream_that_ends_before_it_began_has_failed(engine: AsyncEngine) -> None:
    sender = Sender([])
    async with running(engine, {"kurve": sender}) as store:
        await sender.heard_out.wait()
        (state,) = await store.states()
    assert state.reason == "unreachable: the stream ended before it began"


async def test_a_limit_counts_for_all_sources_of_its_host(engine: AsyncEngine) -> None:
    clock = SetClock()
    limited = Pages(RateLimited("slow down", not_before=NOW + timedelta(minutes=10)))
    neighbour, stranger = Pages(a_page()), Pages(a_page())
    shelves = (a_shelf("a", at="one"), a_shelf("b", at="one"), a_shelf("c", at="two"))
    collectors = {"a": limited, "b": neighbour, "c": stranger}
    async with running(engine, collectors, *shelves, clock=clock) as store:
        while {state.health for state in await store.states()} != {"rate_limited", "ok", "new"}:
            await asyncio.sleep(0.01)
        assert neighbour.cursors == []
        clock.forward(minutes=11)
        while not neighbour.cursors:
            await asyncio.sleep(0.01)


class Looking(Pages):
    """A platform that has to be asked whether posts still stand."""

    def __init__(self, *readings: Page | Exception, gone: str) -> None:
        super().__init__(*readings)
        self.gone = gone
        self.asked: list[Sequence[str]] = []

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        self.asked.append(native_ids)
        return [Deletion("forum", id, NOW) for id in native_ids if id == self.gone]


async def test_posts_are_looked_at_again_where_the_platform_does_not_tell(
    engine: AsyncEngine,
) -> None:
    bus = ListBus()
    empty = Page((), "c", health="unchanged")
    pages = Looking(a_page(1, 2), empty, empty, gone="kurve/2")
    shelf = a_shelf(look_again="1m")
    async with running(engine, {"kurve": pages}, shelf, bus=bus):
        await pages.read_out.wait()
    types = [dict(message.headers)["ce_type"] for message in bus.messages]
    assert types.count(b"mention.deleted.v1") == 1
    assert sorted(pages.asked[0]) == ["kurve/1", "kurve/2"]
    assert pages.asked[1:] == [["kurve/1"]] * len(pages.asked[1:])


async def test_a_source_stops_before_its_budget_is_exceeded(engine: AsyncEngine) -> None:
    dear = replace(a_page(1), reads=40)
    pages = Pages(dear, dear, dear, dear)
    shelf = a_shelf(budget={"reads_per_month": 100})
    async with running(engine, {"kurve": pages}, shelf) as store:
        while (await store.states())[0].health != "over_budget":
            await asyncio.sleep(0.01)
        (state,) = await store.states()
        spent = await Spending(engine).this_month("kurve", NOW)
    assert spent == Spent(reads=120)
    assert state.due_at is not None
    assert state.due_at >= datetime(2026, 10, 1, tzinfo=UTC)
    assert state.reason is not None
    assert "not read again before 2026-10-01" in state.reason
