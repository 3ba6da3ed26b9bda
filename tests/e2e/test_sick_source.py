"""Credentials are revoked while it runs: one poll later it says so, and somebody is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from libs.common.auth import Gate
from libs.common.bus import streams
from libs.common.bus.open import open_bus
from libs.common.db import open_engine
from libs.common.service import Service, create_app
from services.alert.service import open_service as open_alert
from services.configuration import Configuration
from services.ingest.service import open_service as open_ingest

TOKEN = "let-me-in"
FEED = (
    b"<rss version='2.0'><channel><title>T</title><item><guid isPermaLink='false'>1</guid>"
    b"<title>Motorrad</title></item></channel></rss>"
)


@dataclass
class Forum:
    """A feed that can be told to answer otherwise."""

    status: str = "200 OK"
    asked: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        writer.write(
            f"HTTP/1.1 {self.status}\r\nContent-Type: application/rss+xml\r\n"
            f"Content-Length: {len(FEED)}\r\nConnection: close\r\n\r\n".encode()
        )
        writer.write(FEED)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def a_forum() -> AsyncIterator[tuple[Forum, int]]:
    forum = Forum()
    server = await asyncio.start_server(forum.answer, "127.0.0.1", 0)
    async with server:
        yield forum, server.sockets[0].getsockname()[1]


@asynccontextmanager
async def running(folder: Path, settings: Configuration) -> AsyncIterator[httpx.AsyncClient]:
    """Ingest and alert over one log and one store, and a client of both."""
    bus = await open_bus(f"sqlite:///{folder / 'log.db'}")
    engine = open_engine(f"sqlite:///{folder / 'store.db'}")
    await bus.create_topics(streams(2))
    gate, stop = Gate(TOKEN), asyncio.Event()
    async with (
        open_ingest(settings, bus, engine, gate, author_key="key") as ingest,
        open_alert(settings, bus, engine, gate) as alert,
    ):
        services: list[Service] = [ingest, alert]
        loops = [
            asyncio.create_task(_run(loop, stop))
            for each in services
            for loop in each.loops.values()
        ]
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_app(services, "test")),
            base_url="http://melder.test",
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as client:
            yield client
        stop.set()
        await asyncio.gather(*loops)
    await bus.close()
    await engine.dispose()


async def _run(loop: Any, stop: asyncio.Event) -> None:
    await loop(stop)


async def test_revoked_credentials_are_told_and_new_ones_end_it(tmp_path: Path) -> None:
    async with a_forum() as (forum, port), asyncio.timeout(60):
        settings = Configuration.model_validate(
            {
                "operations": {"after": "0s"},
                "sources": [
                    {
                        "id": "bikeforum",
                        "kind": "feed",
                        "url": f"http://127.0.0.1:{port}/feed",
                        "every": "1s",
                        "allow_private": True,
                    }
                ],
            }
        )
        async with running(tmp_path, settings) as client:

            async def the_source(health: str) -> dict[str, Any]:
                while True:
                    (source,) = (await client.get("/v1/sources")).json()["items"]
                    if source["health"] == health:
                        return dict(source)
                    await asyncio.sleep(0.05)

            async def the_incident(state: str) -> dict[str, Any]:
                while True:
                    found = (await client.get("/v1/incidents")).json()["items"]
                    if [incident["state"] for incident in found] == [state]:
                        return dict(found[0])
                    await asyncio.sleep(0.05)

            await the_source("ok")
            forum.status = "401 Unauthorized"
            sick = await the_source("auth_failed")
            assert sick["failures"] == 1
            asked = forum.asked
            incident = await the_incident("open")
            assert incident["title"] == "Die Quelle bikeforum lehnt unsere Zugangsdaten ab"
            assert incident["playbook"]["id"] == "source-down"
            assert forum.asked == asked  # refused credentials are not tried again at once

        forum.status = "200 OK"
        async with running(tmp_path, settings) as client:
            ended = None
            while ended is None:
                (incident,) = (await client.get("/v1/incidents")).json()["items"]
                ended = incident["resolved_by"]
                await asyncio.sleep(0.05)
            assert ended == "Brandmelder"
