"""The alert service over a real store, its parts in the test's hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.auth import Gate
from libs.common.bus import INCIDENTS, Bus, Record, streams
from libs.common.bus.open import open_bus
from libs.common.db import migrate, open_engine
from libs.common.events import Event, IncidentEvent, from_record
from libs.common.service import create_app
from services.alert import read, store
from services.alert.api import incidents_api
from services.alert.bell import Bell
from services.alert.commands import Commands
from services.alert.costs_api import rules_router
from services.alert.deliver import Carrier, Delivery, Schedule
from services.alert.incident import Incident
from services.alert.level import Levels
from services.alert.level_table import load_levels
from services.alert.notifier import Delivered, Notifier
from services.alert.notify import Directory
from services.alert.page import Page
from services.alert.pager import Pager
from services.alert.relay import Relay
from services.alert.respond import Responder
from services.alert.service import detection_of
from services.alert.settings import AlertSettings
from services.alert.tables import incidents, pages
from services.alert.view import View
from tests.unit.alert.builders import NIGHT

TOKEN = "test-token"
DANGER = {"id": "danger", "when": "label:crisis_candidate severity>=0.7", "level": 3}
"""A rule for which every grave mention is enough; the detector of that name looks closer."""


@dataclass
class Time:
    """A clock that moves when it is told to."""

    now: datetime = NIGHT

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **units: float) -> None:
        self.now += timedelta(**units)


class Taking:
    """A notifier that takes every page and keeps it."""

    def __init__(self) -> None:
        self.taken: list[Page] = []

    async def send(self, page: Page) -> Delivered:
        self.taken.append(page)
        return Delivered()


class Failing:
    """A notifier that raises these, one after another, then takes what comes."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.tried: list[Page] = []

    async def send(self, page: Page) -> Delivered:
        self.tried.append(page)
        if self._errors:
            raise self._errors.pop(0)
        return Delivered()


@dataclass
class House:
    """Every part of the service, wired as `open_service` does it."""

    engine: AsyncEngine
    settings: AlertSettings
    time: Time = field(default_factory=Time)
    bell: Bell = field(default_factory=Bell)

    def __post_init__(self) -> None:
        self.playbooks = self.settings.all_playbooks()
        self.directory = Directory(self.settings)
        names = {watch.id: watch.name for watch in self.settings.watches}
        self.levels = Levels(load_levels())
        self.pager = Pager(
            self.directory, self.playbooks, self.levels, names, self.settings.public_url
        )
        self.responder = Responder(
            self.engine,
            detection_of(self.settings),
            self.pager,
            self.bell,
            self.time,
            self.settings.language,
            ZoneInfo(self.settings.timezone),
        )
        self.commands = Commands(self.engine, self.pager, self.bell, self.time)

    async def sees(self, *events: Event) -> None:
        await self.responder.step(events)

    def delivery(
        self,
        notifiers: Mapping[str, Notifier],
        *,
        schedule: Schedule = Schedule(),  # noqa: B008 -- immutable
        limit: timedelta = timedelta(seconds=20),
    ) -> Delivery:
        """Without jitter: every pause is the longest the schedule allows."""
        carriers = {channel: Carrier(each, limit) for channel, each in notifiers.items()}
        return Delivery(
            self.engine, carriers, self.bell, self.time, schedule=schedule, chance=lambda: 1.0
        )

    def relay(self, bus: Bus) -> Relay:
        return Relay(self.engine, bus, self.bell, self.time, "alert")

    async def all(self) -> list[Incident]:
        async with self.engine.connect() as connection:
            found = await read.newest(connection, states=(), watch=None, after=None, limit=100)
        return [counted.incident for counted in found]

    async def the_one(self) -> Incident:
        (incident,) = await self.all()
        return incident

    async def events(self, incident: str) -> list[IncidentEvent]:
        async with self.engine.connect() as connection:
            return await read.history(connection, incident)

    async def pages(self) -> list[tuple[Any, ...]]:
        """recipient, cause, state, attempts, reason of every page, the oldest first."""
        async with self.engine.connect() as connection:
            rows = await connection.execute(
                select(
                    pages.c.recipient,
                    pages.c.cause,
                    pages.c.state,
                    pages.c.attempts,
                    pages.c.reason,
                ).order_by(pages.c.created_at, pages.c.recipient)
            )
            return [tuple(row) for row in rows]

    async def states(self) -> list[str]:
        async with self.engine.connect() as connection:
            return list(await connection.scalars(select(incidents.c.state)))

    async def evidence(self, incident: Incident, mention: str) -> str | None:
        async with self.engine.connect() as connection:
            quote = await store.quoted(connection, incident.id, mention)
        assert quote is not None
        return quote.text

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """The API, with the token in hand."""
        view = View(self.playbooks, self.directory, self.levels, self.settings.public_url)
        router = incidents_api(self.engine, self.commands, view, self.playbooks, Gate(TOKEN))
        app = create_app([], "test")
        app.include_router(router)
        budgets = self.settings.budgets()
        app.include_router(rules_router(self.engine, budgets, Gate(TOKEN), self.time))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://alert.test",
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as client:
            yield client


@asynccontextmanager
async def a_house(database_url: str, **sections: Any) -> AsyncIterator[House]:
    """A house with an empty store, or the one another house has left there."""
    settings = AlertSettings.model_validate(
        {
            "watches": [{"id": "motorrad-ag", "name": "Motorrad AG", "query": "motorrad"}],
            "public_url": "https://melder.example",
            "rules": [DANGER],
            **sections,
        }
    )
    engine = open_engine(database_url)
    try:
        await migrate(engine, "services.alert")
        yield House(engine, settings)
    finally:
        await engine.dispose()


@asynccontextmanager
async def a_bus(folder: Path) -> AsyncIterator[Bus]:
    bus = await open_bus(f"sqlite:///{folder / 'log.db'}")
    try:
        await bus.create_topics(streams(2))
        yield bus
    finally:
        await bus.close()


async def published(bus: Bus, count: int) -> list[Record]:
    """The first `count` records of the incidents topic."""
    records: list[Record] = []
    async with asyncio.timeout(10), bus.reader([INCIDENTS]) as reader:
        while len(records) < count:
            records += await reader.poll(100, 0.5)
    return records


def incident_events(records: list[Record]) -> list[Event]:
    return [event for event in map(from_record, records) if event is not None]
