"""The ingest service: reads sources, takes what is handed in, and puts mentions on the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.auth import Gate
from libs.common.bus import Bus
from libs.common.clock import Clock, utc_now
from libs.common.db import check_store, migrate
from libs.common.http import open_client
from libs.common.service import Service
from services.ingest.api import Desk, ingest_router
from services.ingest.collector import Tools
from services.ingest.confined import ConfinedProcess
from services.ingest.match import Pseudonyms, Watches
from services.ingest.scheduler import Scheduler
from services.ingest.settings import IngestSettings
from services.ingest.sources import SourceView, views
from services.ingest.store import Claimant, SourceStore

NAME: Final = "ingest"


@asynccontextmanager
async def open_service(
    settings: IngestSettings,
    bus: Bus,
    engine: AsyncEngine,
    gate: Gate,
    *,
    author_key: str,
    clock: Clock = utc_now,
) -> AsyncIterator[Service]:
    """The service over this log and this store. `author_key` is the secret of the pseudonyms."""
    await migrate(engine, "services.ingest")
    is_open = settings.privacy.authors == "open"
    watches = Watches(settings.watches, Pseudonyms(author_key.encode(), is_open=is_open))
    store = SourceStore(engine, Claimant.this_process())
    await store.configure({source.id: source.place for source in settings.sources}, clock())
    async with AsyncExitStack() as stack:
        tools = await _tools(stack, settings, clock)
        scheduler = Scheduler(
            settings.sources,
            {source.id: source.build(tools) for source in settings.sources},
            store,
            watches,
            bus,
            clock,
            readers=settings.ingest.readers,
        )

        async def sources() -> Sequence[SourceView]:
            return views(settings.sources, await store.states(), clock())

        async def log_answers() -> str:
            await bus.ready()
            return "the log answers"

        async def store_answers() -> str:
            return await check_store(engine)

        desk = Desk(bus, watches, clock, settings.ingest.body_bytes)
        yield Service(
            name=NAME,
            router=ingest_router(desk, settings, sources, gate),
            loops={"scheduler": scheduler.run},
            checks={"log": log_answers, "store": store_answers, "sources": scheduler.health},
        )


async def _tools(stack: AsyncExitStack, settings: IngestSettings, clock: Clock) -> Tools:
    agent = settings.ingest.user_agent
    confined = ConfinedProcess()
    stack.push_async_callback(confined.close)
    return Tools(
        client=await stack.enter_async_context(open_client(user_agent=agent)),
        private_client=await stack.enter_async_context(
            open_client(user_agent=agent, allow_private=True)
        ),
        clock=clock,
        confined=confined,
    )
