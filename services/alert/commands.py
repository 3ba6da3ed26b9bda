"""What people do to an incident, through the API: one command, one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeAlias

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.clock import Clock
from services.alert import store
from services.alert.bell import Bell
from services.alert.incident import Decision, Incident, Refusal
from services.alert.pager import Pager
from services.alert.tables import commands

Decide: TypeAlias = Callable[[Incident, datetime], Decision]


class Repeat(NamedTuple):
    """An Idempotency-Key and what it stands for: the same key with something else is refused."""

    key: str
    fingerprint: str


class KeyReused(NamedTuple):
    """The key came before, with another command."""

    key: str


class Commands:
    """Carries out what people decide."""

    def __init__(self, engine: AsyncEngine, pager: Pager, bell: Bell, clock: Clock) -> None:
        self._engine = engine
        self._pager = pager
        self._bell = bell
        self._clock = clock

    async def run(
        self, incident: str, decide: Decide, repeat: Repeat | None = None
    ) -> Incident | Refusal | KeyReused | None:
        """The incident afterwards, why not, or None if there is no such incident."""
        outcome = await store.transact(
            self._engine, lambda connection: self._run(connection, incident, decide, repeat)
        )
        self._bell.ring()
        return outcome

    async def _run(
        self,
        connection: AsyncConnection,
        incident: str,
        decide: Decide,
        repeat: Repeat | None,
    ) -> Incident | Refusal | KeyReused | None:
        now = self._clock()
        before = await store.hold(connection, incident)
        if before is None:
            return None
        if repeat is not None:
            fingerprint = await _fingerprint(connection, incident, repeat.key)
            if fingerprint is not None:
                return before if fingerprint == repeat.fingerprint else KeyReused(repeat.key)
        events = decide(before, now)
        if isinstance(events, Refusal):
            return events
        if repeat is not None:
            row = {"incident": incident, **repeat._asdict(), "at": now}
            await connection.execute(insert(commands).values(**row))
        if not events:
            return before
        after = await store.append(connection, before, events)
        return await self._pager.page(connection, before, events, after, (), now)


async def _fingerprint(connection: AsyncConnection, incident: str, key: str) -> str | None:
    found: str | None = await connection.scalar(
        select(commands.c.fingerprint).where(commands.c.incident == incident, commands.c.key == key)
    )
    return found
