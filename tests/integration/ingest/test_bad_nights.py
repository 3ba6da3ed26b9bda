"""What goes wrong at three in the morning: nothing is lost, paged falsely or hammered for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine
from services.ingest.budget import Spent
from services.ingest.collector import Collector, Stream
from services.ingest.failure import CollectionFailed, RateLimited, Unreachable
from services.ingest.post import Deletion, Page
from services.ingest.schedule.decide import STREAM_APART, SourceState
from services.ingest.schedule.reader import Lost
from services.ingest.schedule.spending import Spending
from services.ingest.schedule.store import Claimant, SourceStore
from tests.integration.ingest.shelves import (
    PATIENCE,
    Pages,
    Sender,
    a_page,
    a_reader,
    a_scheduler,
    a_shelf,
    running,
)
from tests.unit.ingest.building import NOW, ListBus, SetClock, a_post

SOON = NOW + timedelta(seconds=15)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url)
    await migrate(engine, "services.ingest")
    yield engine
    await engine.dispose()


def a_store(engine: AsyncEngine, me: str = "a") -> SourceStore:
    return SourceStore(engine, Claimant(me, 1, me))


async def claimed(store: SourceStore, place: str | None = None) -> SourceState:
    """The source `kurve`, held by this copy."""
    await store.configure({"kurve": place or a_shelf().place}, NOW)
    (state,) = await store.claim(["kurve"], NOW, SOON)
    return state


async def one_reading(
    engine: AsyncEngine, collector: Collector | Stream, clock: SetClock | None = None
) -> SourceState:
    state = await claimed(a_store(engine))
    after, _ = await a_reader(engine, {"kurve": collector}, clock=clock).read(a_shelf(), state)
    return after


class CountedClock(SetClock):
    """Counts the looks at it."""

    looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return self.now


class Lasting(Sender):
    """A stream that goes on after its last page."""

    async def listen(self, cursor: str | None) -> AsyncGenerator[Page, None]:
        async for page in super().listen(cursor):
            yield page
        self.heard_out.set()
        await asyncio.Event().wait()


async def test_a_page_waits_for_the_log_and_is_not_asked_for_again(engine: AsyncEngine) -> None:
    bus, waits = ListBus(), list[float]()
    bus.is_down = True

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        bus.is_down = len(waits) < 3

    pages = Pages(replace(a_page(1, cursor="x"), reads=100))
    reader = a_reader(engine, {"kurve": pages}, bus=bus, sleep=sleep)
    state, outcome = await reader.read(a_shelf(), await claimed(a_store(engine)))
    assert pages.cursors == [None]
    assert waits == [5.0, 5.0, 5.0]
    assert [mention.native_id for mention in bus.mentions] == ["kurve/1"]
    assert (state.cursor, outcome) == ("x", "ok")
    assert await Spending(engine).this_month("kurve", NOW) == Spent(reads=100)


async def test_a_page_that_waited_until_its_claim_was_lost_is_published_and_not_kept(
    engine: AsyncEngine,
) -> None:
    bus, store = ListBus(), a_store(engine)
    bus.is_down = True

    async def sleep(_seconds: float) -> None:
        bus.is_down = False
        assert await a_store(engine, "b").claim(["kurve"], LATER, LATER)

    pages = Pages(replace(a_page(1, cursor="x"), more=True))
    reader = a_reader(engine, {"kurve": pages}, bus=bus, sleep=sleep)
    with pytest.raises(Lost):
        await reader.read(a_shelf(), await claimed(store))
    assert len(bus.mentions) == 1
    assert [state.cursor for state in await store.states()] == [None]


async def test_a_stream_is_taken_over_as_soon_as_its_claim_has_ended(engine: AsyncEngine) -> None:
    stream, clock = Lasting([a_page(1, cursor="s1")]), SetClock()
    killed = asyncio.create_task(
        a_reader(engine, {"kurve": stream}, clock=clock).read(
            a_shelf(every="5m"), await claimed(a_store(engine))
        )
    )
    async with asyncio.timeout(PATIENCE):
        await stream.heard_out.wait()
    killed.cancel()
    after = SOON + timedelta(seconds=1)
    (state,) = await a_store(engine, "b").claim(["kurve"], after, after + timedelta(seconds=15))
    assert state.cursor == "s1"


async def test_a_stream_is_heard_again_at_once_after_a_restart(engine: AsyncEngine) -> None:
    stream, clock = Lasting([a_page(1, cursor="s1")]), SetClock()
    shelf = a_shelf(every="5m")
    async with running(engine, {"kurve": stream}, shelf, clock=clock):
        await stream.heard_out.wait()
    again = Lasting([])
    async with running(engine, {"kurve": again}, shelf, clock=clock):
        await again.heard_out.wait()
    assert again.cursors == ["s1"]


@pytest.mark.parametrize("then", [None, Unreachable("cut")])
async def test_a_stream_that_says_a_word_and_ends_is_not_begun_without_pause(
    engine: AsyncEngine, then: Exception | None
) -> None:
    said: list[Page | Exception] = [a_page(1)] if then is None else [a_page(1), then]
    state = await one_reading(engine, Sender(said), SetClock())
    assert state.due_at is not None
    assert state.due_at >= NOW + STREAM_APART


async def test_a_stream_that_says_nothing_at_all_has_failed(engine: AsyncEngine) -> None:
    reader = a_reader(engine, {"kurve": Lasting([a_page(1)])}, patience=timedelta(milliseconds=10))
    async with asyncio.timeout(PATIENCE):
        state, outcome = await reader.read(a_shelf(), await claimed(a_store(engine)))
    assert outcome == "too slow"
    assert state.cursor == "c"


async def test_a_cursor_that_does_not_move_has_no_page_behind_it(engine: AsyncEngine) -> None:
    same = replace(a_page(1, cursor="c"), more=True)
    pages = Pages(same, same, same)
    state = await one_reading(engine, pages)
    assert pages.cursors == [None, "c"]
    assert state.due_at is not None
    assert state.due_at > NOW
    assert state.last_success == NOW


async def test_what_a_server_says_in_binary_does_not_stop_the_service(engine: AsyncEngine) -> None:
    broken, good = Pages(Unreachable("500: \0\x1b[2J\ud800")), Pages(a_page(1))
    async with running(engine, {"a": broken, "b": good}, a_shelf("a"), a_shelf("b")) as store:
        await asyncio.gather(broken.read_out.wait(), good.read_out.wait())
        states = {state.id: state for state in await store.states()}
    assert states["a"].reason == "unreachable: 500:   [2J "


async def test_what_has_no_date_is_the_past_at_a_first_reading_only(engine: AsyncEngine) -> None:
    bus = ListBus()
    first, second = (a_post(native_id=f"kurve/{n}", published_at=None) for n in (1, 2))
    pages = Pages(Page((first,), "c1"), Page((second,), "c2"))
    async with running(engine, {"kurve": pages}, bus=bus):
        await pages.read_out.wait()
    assert [(m.native_id, m.backfill) for m in bus.mentions] == [
        ("kurve/1", True),
        ("kurve/2", False),
    ]


async def test_a_copy_of_an_older_configuration_leaves_a_source_that_moved(
    engine: AsyncEngine,
) -> None:
    old, new = Pages(a_page(cursor="of the old place")), Pages(a_page(cursor="of the new place"))
    clock = CountedClock()
    await a_store(engine, "new").configure({"kurve": "shelf shelf://moved"}, NOW)
    stop = asyncio.Event()
    stale = a_scheduler(engine, [a_shelf()], {"kurve": old}, a_store(engine, "old"), clock)
    fresh = a_scheduler(
        engine, [a_shelf(at="moved")], {"kurve": new}, a_store(engine, "new"), clock
    )
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(stale.run(stop))
        while clock.looks < 10:
            await asyncio.sleep(0.01)
        group.create_task(fresh.run(stop))
        while (await a_store(engine).states())[0].cursor is None:
            await asyncio.sleep(0.01)
        stop.set()
    assert (old.cursors, new.cursors) == ([], [None])


async def test_other_copies_and_a_restart_leave_a_limited_host_alone_too(
    engine: AsyncEngine,
) -> None:
    clock = SetClock()
    shelves = (a_shelf("a", at="one"), a_shelf("b", at="one"), a_shelf("c", at="two"))
    limited = Pages(RateLimited("slow down", not_before=NOW + timedelta(minutes=10)))
    collectors: Mapping[str, Collector] = {"a": limited, "b": Pages(), "c": Pages()}
    store = a_store(engine)
    await store.configure({shelf.id: shelf.place for shelf in shelves}, NOW)
    (state,) = await store.claim(["a"], NOW, SOON)
    after, _ = await a_reader(engine, collectors, store).read(shelves[0], state)
    await store.finish([after])
    neighbour, stranger = Pages(a_page()), Pages(a_page())
    collectors = {"a": Pages(), "b": neighbour, "c": stranger}
    async with running(engine, collectors, *shelves, clock=clock, me="b") as store:
        while {state.health for state in await store.states()} != {"rate_limited", "ok", "new"}:
            await asyncio.sleep(0.01)
        assert neighbour.cursors == []
        clock.forward(minutes=11)
        while not neighbour.cursors:
            await asyncio.sleep(0.01)


async def test_a_clock_that_was_ahead_and_is_set_right_keeps_no_source_waiting(
    engine: AsyncEngine,
) -> None:
    ahead = SetClock(NOW + timedelta(hours=2))
    pages = Pages(a_page(1))
    async with running(engine, {"kurve": pages}, clock=ahead) as store:
        while (await store.states())[0].last_success is None:
            await asyncio.sleep(0.01)
    again = Pages(a_page(2))
    async with running(engine, {"kurve": again}, clock=SetClock()):
        while not again.cursors:
            await asyncio.sleep(0.01)
    assert again.cursors == ["c"]


async def test_a_claim_by_a_clock_that_was_ahead_does_not_last(engine: AsyncEngine) -> None:
    a, b = a_store(engine, "a"), a_store(engine, "b")
    await a.configure({"kurve": "1"}, NOW)
    ahead = NOW + timedelta(hours=2)
    await a.claim(["kurve"], ahead, ahead + timedelta(seconds=15))
    assert [state.id for state in await b.claim(["kurve"], NOW, SOON)] == ["kurve"]


async def test_a_post_that_the_log_refuses_does_not_cost_the_others(engine: AsyncEngine) -> None:
    bus = ListBus(longest=150_000)
    huge = a_post(native_id="kurve/1", url="https://forum.example/" + "x" * 300_000)
    long = a_post(native_id="kurve/2", text="Motorrad " + "x" * 300_000)
    good = a_post(native_id="kurve/3")
    pages = Pages(Page((huge, long, good), "c"))
    async with running(engine, {"kurve": pages}, bus=bus) as store:
        await pages.read_out.wait()
        (state,) = await store.states()
    assert [mention.native_id for mention in bus.mentions] == ["kurve/2", "kurve/3"]
    assert len(bus.mentions[0].text) == 100_000
    assert (state.health, state.cursor) == ("ok", "c")


async def test_an_edit_and_a_deletion_reach_every_watch_that_has_the_post(
    engine: AsyncEngine,
) -> None:
    bus = ListBus()
    post = a_post(native_id="kurve/1")
    edited = msgspec.structs.replace(post, text="Fahrrad", edited_at=NOW)
    pages = Pages(Page((post,), "c1"), Page((edited,), "c2"))
    async with running(engine, {"kurve": pages}, bus=bus):
        await pages.read_out.wait()
    assert [(m.watch, m.text) for m in bus.mentions] == [
        ("motorrad-ag", post.text),
        ("motorrad-ag", "Fahrrad"),
    ]


async def test_an_edit_in_the_same_page_as_its_post_reaches_who_has_it(
    engine: AsyncEngine,
) -> None:
    bus, post = ListBus(), a_post(native_id="kurve/1")
    edited = msgspec.structs.replace(post, text="Fahrrad", edited_at=NOW)
    pages = Pages(Page((post, edited), "c1"))
    async with running(engine, {"kurve": pages}, bus=bus):
        await pages.read_out.wait()
    assert [m.text for m in bus.mentions] == [post.text, "Fahrrad"]


async def test_an_id_that_no_index_holds_does_not_cost_the_page(engine: AsyncEngine) -> None:
    bus, name = ListBus(), random.Random(1).randbytes(8000).hex()
    pages = Pages(Page((a_post(native_id=name), a_post(native_id="kurve/2\0")), "c"))
    async with running(engine, {"kurve": pages}, bus=bus) as store:
        await pages.read_out.wait()
        (state,) = await store.states()
    assert [m.native_id for m in bus.mentions] == [name, "kurve/2\ufffd"]
    assert state.health == "ok"


class Asked(Lasting):
    """A stream whose platform has to be asked for deletions, and may not answer."""

    def __init__(self, *pages: Page, answer: Deletion | CollectionFailed) -> None:
        super().__init__(pages)
        self.answer = answer
        self.asked: list[Sequence[str]] = []

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        self.asked.append(native_ids)
        if isinstance(self.answer, Deletion):
            return [self.answer]
        raise self.answer


@pytest.mark.parametrize(
    ("answer", "deleted"),
    [(Deletion("forum", "kurve/1", NOW), True), (RateLimited("429"), False)],
)
async def test_deletions_are_asked_for_while_a_stream_is_heard(
    engine: AsyncEngine, answer: Deletion | CollectionFailed, deleted: bool
) -> None:
    bus = ListBus()
    stream = Asked(a_page(1), *(a_page(cursor=f"s{n}") for n in range(5)), answer=answer)
    async with running(engine, {"kurve": stream}, a_shelf(look_again="1m"), bus=bus):
        await stream.heard_out.wait()
    assert stream.asked[0] == ["kurve/1"]
    types = [dict(message.headers)["ce_type"] for message in bus.messages]
    assert (b"mention.deleted.v1" in types) is deleted
    assert stream.cursors == [None]


async def test_a_post_without_an_id_is_left_out_and_costs_no_other(engine: AsyncEngine) -> None:
    bus = ListBus()
    posts = tuple(a_post(native_id=native_id) for native_id in ("", "kurve/1", ""))
    state = await claimed(a_store(engine))
    reader = a_reader(engine, {"kurve": Pages(Page(posts, "c"))}, bus=bus)
    after, _ = await reader.read(a_shelf(), state)
    assert [mention.native_id for mention in bus.mentions] == ["kurve/1"]
    assert (after.health, after.cursor) == ("ok", "c")
