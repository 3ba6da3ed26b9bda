"""A real query service on a free port, and a client that reads its events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from libs.common.auth import Gate
from libs.common.bus import CLASSIFIED, Bus, streams
from libs.common.bus.open import open_bus
from libs.common.db import open_engine
from libs.common.events import ClassifiedMention, MentionDeleted, to_message
from libs.common.service import create_app, serve
from services.query.service import open_service
from services.query.settings import QuerySettings
from tests.support.processes import free_ports

TOKEN = "let-me-in"


@asynccontextmanager
async def a_log(url: str, partitions: int = 3) -> AsyncIterator[Bus]:
    """An event log with our topics."""
    bus = await open_bus(url)
    await bus.create_topics(streams(partitions))
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def a_query_service(
    bus: Bus,
    database_url: str,
    settings: QuerySettings | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that runs; the service stops at the end of the context, or earlier
    when `stop` is set."""
    engine = open_engine(database_url)
    [port] = free_ports(1)
    stop = stop or asyncio.Event()
    async with open_service(settings or QuerySettings(), bus, engine, Gate(TOKEN)) as service:
        app = create_app([service], "test")
        running = asyncio.create_task(serve(app, [service], host="127.0.0.1", port=port, stop=stop))
        transport = httpx.AsyncHTTPTransport(retries=20)
        try:
            async with httpx.AsyncClient(
                transport=transport,
                base_url=f"http://127.0.0.1:{port}",
                headers={"Authorization": f"Bearer {TOKEN}"},
                timeout=20,
            ) as client:
                yield client
        finally:
            stop.set()
            await running
            await engine.dispose()


async def publish(bus: Bus, events: Iterable[ClassifiedMention | MentionDeleted]) -> None:
    await bus.publish([to_message(CLASSIFIED, e.watch, e, service="classify") for e in events])


@dataclass(frozen=True, slots=True)
class Event:
    """kind None is a mere change of position."""

    kind: str | None
    data: dict[str, object] | None
    id: str | None

    @property
    def number(self) -> object:
        assert self.data is not None
        return self.data.get("native_id")


@asynccontextmanager
async def events(
    client: httpx.AsyncClient, last_id: str | None = None, **parameters: str
) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of `/v1/mentions/stream`, once the stream is open."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    url = "/v1/mentions/stream"
    async with client.stream("GET", url, params=parameters, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _events(response.aiter_lines())


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
            continue
        data = json.loads(fields["data"]) if "data" in fields else None
        if "id" in fields or data is not None:
            yield Event(fields.get("event"), data, fields.get("id"))
        fields = {}


async def take(stream: AsyncIterator[Event], count: int) -> list[Event]:
    """The next `count` events that are more than a change of position."""
    taken: list[Event] = []
    async with asyncio.timeout(30):
        while len(taken) < count:
            event = await anext(stream)
            if event.kind is not None:
                taken.append(event)
    return taken


async def position(stream: AsyncIterator[Event]) -> str:
    """The first position that the stream tells."""
    async with asyncio.timeout(30):
        async for event in stream:
            if event.id is not None:
                return event.id
    raise AssertionError("the stream ended without a position")


def numbers(found: Sequence[Event]) -> list[object]:
    return [event.number for event in found]
