"""Sources whose pages lie ready, and a scheduler at work over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.collector import Collector, SourceConfig, Stream, Tools
from services.ingest.intake import Intake
from services.ingest.post import Page
from services.ingest.posts import PostStore
from services.ingest.schedule.reader import PAGE, Reader
from services.ingest.schedule.scheduler import Scheduler
from services.ingest.schedule.spending import Spending
from services.ingest.schedule.store import Claimant, SourceStore
from tests.unit.ingest.building import ListBus, SetClock, a_post, some_watches

PATIENCE = 20.0


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


class Sender:
    """A stream: each hearing gives its pages and then goes on as told."""

    def __init__(self, *hearings: Sequence[Page | Exception]) -> None:
        self.hearings = list(hearings)
        self.cursors: list[str | None] = []
        self.heard_out = asyncio.Event()

    async def listen(self, cursor: str | None) -> AsyncGenerator[Page, None]:
        self.cursors.append(cursor)
        if not self.hearings:
            self.heard_out.set()
            await asyncio.Event().wait()
        for page in self.hearings.pop(0):
            if isinstance(page, Exception):
                raise page
            yield page


def a_page(*numbers: int, cursor: str = "c") -> Page:
    return Page(
        posts=tuple(a_post(native_id=f"kurve/{number}") for number in numbers), cursor=cursor
    )


def a_shelf(id: str = "kurve", **fields: object) -> Shelf:
    return Shelf.model_validate({"id": id, "every": "1s", **fields})


def a_reader(
    engine: AsyncEngine,
    collectors: Mapping[str, Collector | Stream],
    store: SourceStore | None = None,
    clock: SetClock | None = None,
    bus: ListBus | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    patience: timedelta = PAGE,
) -> Reader:
    clock, posts = clock or SetClock(), PostStore(engine)
    intake = Intake(some_watches(), posts, bus or ListBus(), clock)
    return Reader(
        collectors,
        intake,
        store or SourceStore(engine, Claimant("a", 1, "a")),
        posts,
        Spending(engine),
        clock,
        lambda: 0.0,
        sleep,
        patience,
    )


def a_scheduler(
    engine: AsyncEngine,
    sources: Sequence[Shelf],
    collectors: Mapping[str, Collector | Stream],
    store: SourceStore | None = None,
    clock: SetClock | None = None,
    bus: ListBus | None = None,
) -> Scheduler:
    clock = clock or SetClock()
    store = store or SourceStore(engine, Claimant("a", 1, "a"))
    streams = frozenset(id for id, each in collectors.items() if isinstance(each, Stream))
    reader = a_reader(engine, collectors, store, clock, bus)
    return Scheduler(sources, streams, reader, store, clock, look=0.01, drain=0.01)


@asynccontextmanager
async def running(
    engine: AsyncEngine,
    collectors: Mapping[str, Collector | Stream],
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
    scheduler = a_scheduler(engine, sources, collectors, store, clock, bus)
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(scheduler.run(stop))
        yield store
        stop.set()
