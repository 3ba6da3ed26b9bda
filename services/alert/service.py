"""The alert service: from classified mentions to people who know what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.auth import Gate
from libs.common.bus import CLASSIFIED, SOURCES, Bus
from libs.common.clock import Clock, utc_now
from libs.common.db import check_store, migrate, reading
from libs.common.service import Service
from libs.common.worker import Limits, Worker
from services.alert import outbox
from services.alert.api import incidents_api
from services.alert.bell import Bell
from services.alert.commands import Commands
from services.alert.costs_api import rules_router
from services.alert.deliver import Carrier, Delivery, Schedule
from services.alert.detection import Detection
from services.alert.kept import Tidying
from services.alert.level import Levels
from services.alert.level_table import load_levels
from services.alert.notifier import Surroundings
from services.alert.notify import Directory
from services.alert.pager import Pager
from services.alert.relay import Relay
from services.alert.respond import Responder
from services.alert.rules import Rules
from services.alert.settings import AlertSettings
from services.alert.view import View
from services.alert.warm_up import warm_up

NAME: Final = "alert"
LATE_SECONDS: Final = 60.0
"""A page that waits longer is worth a word on the readiness page."""
LATELY: Final = timedelta(hours=24)
"""So long the readiness page names pages that have failed."""


@asynccontextmanager
async def open_service(
    settings: AlertSettings,
    bus: Bus,
    engine: AsyncEngine,
    gate: Gate,
    *,
    clock: Clock = utc_now,
    limits: Limits = Limits(),  # noqa: B008 -- immutable
    schedule: Schedule = Schedule(),  # noqa: B008 -- immutable
) -> AsyncIterator[Service]:
    """Brings the tables up to date, opens the channels, and closes them at the end."""
    await migrate(engine, "services.alert")
    detection = detection_of(settings)
    await warm_up(bus, engine, detection, NAME)
    async with AsyncExitStack() as stack:
        carriers = await _open_carriers(stack, settings, clock)
        playbooks = settings.all_playbooks()
        directory = Directory(settings)
        watches = {watch.id: watch.name for watch in settings.watches}
        bell = Bell()
        levels = Levels(load_levels(settings.detection.levels))
        pager = Pager(directory, playbooks, levels, watches, settings.public_url)
        zone = ZoneInfo(settings.timezone)
        responder = Responder(engine, detection, pager, bell, clock, settings.language, zone)
        worker = Worker(
            service=NAME,
            group=NAME,
            topics=[CLASSIFIED, SOURCES],
            bus=bus,
            step=responder.step,
            limits=limits,
            clock=clock,
        )
        relay = Relay(engine, bus, bell, clock, NAME)
        delivery = Delivery(engine, carriers, bell, clock, schedule=schedule)
        view = View(playbooks, directory, levels, settings.public_url)
        commands = Commands(engine, pager, bell, clock)
        router = incidents_api(engine, commands, view, playbooks, gate)
        rules = rules_router(engine, settings.budgets(), gate, clock)
        yield Service(
            name=NAME,
            router=_together(router, rules),
            loops={
                "worker": worker.run,
                "relay": relay.run,
                "delivery": delivery.run,
                "tidying": Tidying(engine, clock).run,
            },
            checks={
                "log": worker.check,
                "store": partial(check_store, engine),
                "outbox": partial(check_outbox, engine, clock),
            },
        )


def detection_of(settings: AlertSettings) -> Detection:
    """Everything that watches, as configured."""
    playbooks = settings.all_playbooks()
    names = {watch.id: watch.name for watch in settings.watches}
    return Detection(
        Rules(settings.rules, playbooks, names, settings.language),
        Levels(load_levels(settings.detection.levels)),
        playbooks,
        names,
        settings.language,
        ZoneInfo(settings.timezone),
    )


def _together(*routers: APIRouter) -> APIRouter:
    both = APIRouter()
    for router in routers:
        both.include_router(router)
    return both


async def check_outbox(engine: AsyncEngine, clock: Clock) -> str:
    """A service check: how long pages have been waiting, and how many failed lately. Late and
    failed pages are named, and do not make the service unready: taking it out of service would
    deliver none of them. Raises Retryable when the store cannot be reached."""
    now = clock()
    async with reading(engine) as connection:
        waiting = await outbox.waiting(connection)
        failed = await outbox.failed_since(connection, now - LATELY)
    age = (now - waiting.oldest).total_seconds() if waiting.oldest else 0.0
    state = (
        f"{waiting.pages} pages wait, the oldest for {age:.0f} s"
        if waiting.pages
        else "no page waits"
    )
    if failed:
        state += f"; {failed} could not be delivered in the last 24 h"
    return f"degraded: {state}" if failed or age > LATE_SECONDS else state


async def _open_carriers(
    stack: AsyncExitStack, settings: AlertSettings, clock: Clock
) -> Mapping[str, Carrier]:
    surroundings = Surroundings(settings.company, ZoneInfo(settings.timezone), clock)
    return {
        channel.id: Carrier(
            await stack.enter_async_context(channel.open(surroundings)), channel.limit
        )
        for channel in settings.all_channels()
    }
