"""The service as a whole: from the log to a signed webhook and back, and through a kill -9."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from libs.common.auth import Gate
from libs.common.bus import CLASSIFIED
from libs.common.db import open_engine
from libs.common.events import (
    Acknowledged,
    IncidentOpened,
    Paged,
    PageDelivered,
    to_message,
)
from libs.common.service import Loop, Service, create_app
from libs.common.worker import Limits
from services.alert.service import open_service
from services.alert.settings import AlertSettings
from tests.integration.alert.house import (
    TOKEN,
    a_bus,
    a_house,
    incident_events,
    published,
)
from tests.integration.alert.receiver import receiving
from tests.integration.alert.test_deliver import SECRET, hook
from tests.unit.alert.builders import a_mention


async def _run(loop: Loop, stop: asyncio.Event) -> None:
    await loop(stop)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """All loops of the service, and a client of its API."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for loop in service.loops.values():
            group.create_task(_run(loop, stop))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_app([service], "test")),
            base_url="http://alert.test",
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as client:
            yield client
        stop.set()


async def test_from_a_burning_post_to_a_taken_incident(database_url: str, tmp_path: Path) -> None:
    engine = open_engine(database_url)
    try:
        async with receiving() as receiver, a_bus(tmp_path) as bus:
            settings = AlertSettings.model_validate(
                {"channels": [hook(receiver.url, allow_private=True)]}
            )
            async with (
                open_service(
                    settings, bus, engine, Gate(TOKEN), limits=Limits(wait=0.05)
                ) as service,
                running(service) as client,
            ):
                mentions = [a_mention("1", label="praise", severity=0.0), a_mention("2")]
                await bus.publish(
                    [to_message(CLASSIFIED, m.watch, m, service="classify") for m in mentions]
                )
                await receiver.has(1)
                said = receiver.received[0].verified(SECRET)
                assert said["type"] == "incident.opened"
                incident = said["data"]["id"]
                taken = await client.post(f"/v1/incidents/{incident}/ack", json={"by": "anna"})
                assert taken.json()["state"] == "acknowledged"
                await receiver.has(2)
                news = receiver.received[1].verified(SECRET)
                assert (news["type"], news["data"]["by"]) == ("incident.acknowledged", "anna")
                ready = await client.get("/readyz")
                assert ready.status_code == 200
                assert set(ready.json()["checks"]) == {"log", "store", "outbox"}
                # Two pages (webhook, log) for each of two causes: opened, taken.
                events = incident_events(await published(bus, 10))
            kinds = [type(event) for event in events]
            assert kinds[0] is IncidentOpened
            assert {kind: kinds.count(kind) for kind in kinds} == {
                IncidentOpened: 1,
                Paged: 4,
                PageDelivered: 4,
                Acknowledged: 1,
            }
    finally:
        await engine.dispose()


async def start_sender(*urls: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.alert.sender", *urls, env=dict(os.environ)
    )


async def stop_sender(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def test_a_page_survives_its_sender_being_killed(database_url: str, tmp_path: Path) -> None:
    async with a_bus(tmp_path), receiving(b"") as receiver:
        channels: list[dict[str, Any]] = [hook(receiver.url, allow_private=True)]
        async with a_house(database_url, channels=channels) as house:
            house.time.now = datetime.now(UTC)
            await house.sees(a_mention("1"))
            urls = (database_url, f"sqlite:///{tmp_path / 'log.db'}", receiver.url)
            for attempt in (1, 2):
                sender = await start_sender(*urls)
                try:
                    await receiver.has(attempt)
                finally:
                    await stop_sender(sender)
            first, second = receiver.received[:2]
            assert first.id == second.id
            assert first.body == second.body
            first.verified(SECRET)
            second.verified(SECRET)
