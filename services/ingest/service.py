"""The ingest service: reads sources, takes what is handed in, and puts mentions on the log."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.auth import Gate
from libs.common.bus import Bus
from libs.common.clock import Clock, utc_now
from libs.common.db import check_store, migrate
from libs.common.service import Service
from services.ingest.api.coverage import coverage_router
from services.ingest.api.hooks import Door, hooks_router
from services.ingest.api.routes import Desk, ingest_router
from services.ingest.collector import Stream
from services.ingest.health.keeper import HealthWatch
from services.ingest.health.observations import Observations
from services.ingest.health.reports import Reports
from services.ingest.health.silences import Silences
from services.ingest.hooks.deliveries import Deliveries
from services.ingest.hooks.subscriber import Subscriber
from services.ingest.hooks.subscriptions import SubscriptionStore
from services.ingest.intake import Intake
from services.ingest.match import Pseudonyms, Watches
from services.ingest.opening import open_tools
from services.ingest.posts import PostStore
from services.ingest.schedule.reader import Reader
from services.ingest.schedule.scheduler import Scheduler
from services.ingest.schedule.spending import Spending
from services.ingest.schedule.store import Claimant, SourceStore
from services.ingest.settings import IngestSettings
from services.ingest.ways_in import WaysIn, ways_in

NAME: Final = "ingest"


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the parts of the service have in common."""

    settings: IngestSettings
    bus: Bus
    engine: AsyncEngine
    clock: Clock
    store: SourceStore
    posts: PostStore
    watches: Watches
    intake: Intake
    observations: Observations


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
    shared = _shared(settings, bus, engine, author_key, clock)
    async with open_tools(settings, clock) as tools:
        built = {source.id: source.build(tools) for source in settings.sources}
        hubs = Subscriber(SubscriptionStore(engine), settings.public_url, clock, tools.limits)
        ways = await ways_in(settings.sources, built, hubs, tools)
        places = {source.id: source.place for source in settings.sources}
        await shared.store.configure(places, clock(), delivered=ways.only_delivered)
        health = _health(shared, ways)

        async def log_answers() -> str:
            await bus.ready()
            return "the log answers"

        async def store_answers() -> str:
            return await check_store(engine)

        yield Service(
            name=NAME,
            router=_router(shared, ways, health, gate),
            loops={
                "scheduler": _scheduler(shared, ways).run,
                "health": health.run,
                "hubs": ways.farewell,
            },
            checks={"log": log_answers, "store": store_answers, "sources": health.check},
        )


def _shared(
    settings: IngestSettings, bus: Bus, engine: AsyncEngine, author_key: str, clock: Clock
) -> _Shared:
    is_open = settings.privacy.authors == "open"
    watches = Watches(settings.watches, Pseudonyms(author_key.encode(), is_open=is_open))
    posts = PostStore(engine)
    controls = {source.id: source.control for source in settings.sources if source.control}
    return _Shared(
        settings=settings,
        bus=bus,
        engine=engine,
        clock=clock,
        store=SourceStore(engine, Claimant.this_process()),
        posts=posts,
        watches=watches,
        intake=Intake(watches, posts, bus, clock),
        observations=Observations(engine, controls),
    )


def _health(shared: _Shared, ways: WaysIn) -> HealthWatch:
    settings, observations = shared.settings, shared.observations
    ids = [source.id for source in settings.sources]
    return HealthWatch(
        settings.sources,
        shared.store.states,
        observations,
        Silences(settings.sources, observations, ZoneInfo(settings.timezone)),
        Reports(shared.engine, shared.bus),
        settings.operations.after,
        shared.clock,
        delivered=ways.only_delivered,
        tidiers=(lambda now: shared.posts.prune(ids, now),),
    )


def _scheduler(shared: _Shared, ways: WaysIn) -> Scheduler:
    collectors = ways.collectors
    reader = Reader(
        collectors,
        shared.intake,
        shared.store,
        shared.posts,
        Spending(shared.engine),
        shared.clock,
        random.random,
        observed=shared.observations.note,
    )
    return Scheduler(
        shared.settings.sources,
        frozenset(id for id, each in collectors.items() if isinstance(each, Stream)),
        reader,
        shared.store,
        shared.clock,
        readers=shared.settings.ingest.readers,
    )


def _router(shared: _Shared, ways: WaysIn, health: HealthWatch, gate: Gate) -> APIRouter:
    clock, most = shared.clock, shared.settings.ingest.body_bytes
    deliveries = Deliveries(
        ways.hooked, shared.intake, shared.store, clock, shared.observations.note
    )
    desk = Desk(shared.bus, shared.watches, clock, most)
    router = ingest_router(desk, shared.settings, health.views, gate)
    router.include_router(hooks_router(Door(deliveries, clock, most)))
    ids = {source.id for source in shared.settings.sources}
    router.include_router(coverage_router(ids, health.intervals, gate, clock))
    return router
