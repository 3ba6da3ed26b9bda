"""The query service: the store of mentions, its API, the live stream and the first page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.auth import Gate
from libs.common.bus import CLASSIFIED, Bus
from libs.common.clock import Clock, utc_now
from libs.common.db import check_store, migrate
from libs.common.service import Service
from libs.common.worker import Worker
from services.query.api import mentions_router
from services.query.corrections import Corrections
from services.query.labels import labels_router
from services.query.live import Live
from services.query.page import page_router
from services.query.project import GROUP, Project
from services.query.settings import QuerySettings
from services.query.store import MentionStore

NAME: Final = "query"


@asynccontextmanager
async def open_service(
    settings: QuerySettings,
    bus: Bus,
    engine: AsyncEngine,
    gate: Gate,
    *,
    clock: Clock = utc_now,
) -> AsyncIterator[Service]:
    """The service over this log and this store, its tables brought up to date."""
    await migrate(engine, "services.query")
    store = MentionStore(engine)
    live = Live(bus.reader, settings.stream, store)
    worker = Worker(service=NAME, group=GROUP, topics=[CLASSIFIED], bus=bus, step=Project(store))

    async def log_answers() -> str:
        await bus.ready()
        return "the log answers"

    async def store_answers() -> str:
        return await check_store(engine)

    router = APIRouter()
    router.include_router(mentions_router(store, live, gate))
    router.include_router(labels_router(Corrections(engine), bus.publish, gate, clock))
    router.include_router(page_router())
    yield Service(
        name=NAME,
        router=router,
        loops={"project": worker.run, "live": live.run},
        checks={"log": log_answers, "store": store_answers, "lag": worker.check},
    )
