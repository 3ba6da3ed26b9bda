"""The ingest service: reads sources, takes what is handed in, and puts mentions on the log."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from zoneinfo import ZoneInfo

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
from services.ingest.ways_in import ways_in

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
    posts = PostStore(engine)
    async with open_tools(settings, clock) as tools:
        built = {source.id: source.build(tools) for source in settings.sources}
        hubs = Subscriber(SubscriptionStore(engine), settings.public_url, clock, tools.limits)
        ways = await ways_in(settings.sources, built, hubs, tools)
        collectors = ways.collectors
        places = {source.id: source.place for source in settings.sources}
        await store.configure(places, clock(), delivered=ways.only_delivered)
        observations = Observations(
            engine, {source.id: source.control for source in settings.sources if source.control}
        )
        health = HealthWatch(
            settings.sources,
            store.states,
            observations,
            Silences(settings.sources, observations, ZoneInfo(settings.timezone)),
            Reports(engine, bus),
            settings.operations.after,
            clock,
            delivered=ways.only_delivered,
            tidiers=(lambda now: posts.prune(list(places), now),),
        )
        intake = Intake(watches, posts, bus, clock)
        scheduler = Scheduler(
            settings.sources,
            frozenset(id for id, each in collectors.items() if isinstance(each, Stream)),
            Reader(
                collectors,
                intake,
                store,
                posts,
                Spending(engine),
                clock,
                random.random,
                observed=observations.note,
            ),
            store,
            clock,
            readers=settings.ingest.readers,
        )

        async def log_answers() -> str:
            await bus.ready()
            return "the log answers"

        async def store_answers() -> str:
            return await check_store(engine)

        desk = Desk(bus, watches, clock, settings.ingest.body_bytes)
        deliveries = Deliveries(ways.hooked, intake, store, clock, observations.note)
        router = ingest_router(desk, settings, health.views, gate)
        router.include_router(hooks_router(Door(deliveries, clock, settings.ingest.body_bytes)))
        ids = {source.id for source in settings.sources}
        router.include_router(coverage_router(ids, health.intervals, gate, clock))
        yield Service(
            name=NAME,
            router=router,
            loops={"scheduler": scheduler.run, "health": health.run, "hubs": ways.farewell},
            checks={"log": log_answers, "store": store_answers, "sources": health.check},
        )
