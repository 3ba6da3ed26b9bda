"""From the events in the store to the `incidents` topic, in order.

One copy relays at a time, held by a lease, so that an incident's events are published in their
order; a crash between publishing and marking publishes them again, which the log's readers expect.
Publishing is given up before the lease ends, and only the holder marks what it has published.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import structlog
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.bus import INCIDENTS, Message
from libs.common.clock import Clock
from libs.common.db import reading, writing
from libs.common.errors import Retryable
from libs.common.events import IncidentEvent, to_message
from libs.common.retry import full_jitter
from services.alert.bell import Bell
from services.alert.store import insert_new
from services.alert.tables import events, leases

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=10)
PUBLISH_PART: Final = 0.6
"""The part of the lease that publishing may take; the rest is for what is still on its way."""
LOOK_SECONDS: Final = 1.0
AT_ONCE: Final = 500
_NAME: Final = "relay"
_EVENT: Final[msgspec.json.Decoder[IncidentEvent]] = msgspec.json.Decoder(IncidentEvent)


class Publishing(Protocol):
    """What the relay needs of the event log."""

    async def publish(self, messages: Sequence[Message]) -> None: ...


class Batch(NamedTuple):
    """Events to be published: incident, number, JSON. deadline: in the event loop's time."""

    rows: list[tuple[str, int, str]]
    deadline: float


class Relay:
    """Publishes what is not published yet."""

    def __init__(
        self,
        engine: AsyncEngine,
        bus: Publishing,
        bell: Bell,
        clock: Clock,
        service: str,
        *,
        lease: timedelta = LEASE,
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._bell = bell
        self._clock = clock
        self._service = service
        self._lease = lease
        self._holder = uuid.uuid4().hex

    async def run(self, stop: asyncio.Event) -> None:
        """A service loop: waits out what does not answer, and never gives up."""
        bell = self._bell.listen()
        failures = 0
        while not stop.is_set():
            pause = LOOK_SECONDS
            try:
                while await self.publish() == AT_ONCE and not stop.is_set():
                    pass
                failures = 0
            except Retryable as error:
                pause = full_jitter(failures, base=1.0, cap=30.0, random=random.random)
                failures += 1
                log.warning("incidents wait to be published", reason=str(error), in_s=pause)
            await bell.wait(stop, pause)
        await self._last_words()

    async def publish(self) -> int:
        """Publishes up to `AT_ONCE` events; 0 if there are none or another copy is at it.

        Raises Retryable when the store or the log does not answer, or not in time.
        """
        batch = await self._take()
        if batch is None:
            return 0
        messages = [
            to_message(INCIDENTS, incident, _EVENT.decode(body), service=self._service)
            for incident, _, body in batch.rows
        ]
        try:
            async with asyncio.timeout_at(batch.deadline):
                await self._bus.publish(messages)
        except TimeoutError as error:
            raise Retryable("the log did not take the events in time") from error
        return len(batch.rows) if await self._mark(batch.rows) else 0

    async def _mark(self, rows: list[tuple[str, int, str]]) -> bool:
        """Writes down what is published; False if another copy has taken over meanwhile."""
        async with writing(self._engine) as connection:
            holder = await connection.scalar(
                select(leases.c.holder).where(leases.c.name == _NAME).with_for_update()
            )
            if holder != self._holder:
                log.warning("another copy has taken over the publishing of incidents")
                return False
            await connection.execute(
                update(events)
                .where(events.c.incident == bindparam("i"), events.c.seq == bindparam("s"))
                .values(published=True),
                [{"i": incident, "s": seq} for incident, seq, _ in rows],
            )
        return True

    async def _take(self) -> Batch | None:
        unpublished = (
            select(events.c.incident, events.c.seq, events.c.body)
            .where(~events.c.published)
            .order_by(events.c.incident, events.c.seq)
            .limit(AT_ONCE)
        )
        async with reading(self._engine) as connection:
            if not (await connection.execute(unpublished.limit(1))).first():
                return None
        async with writing(self._engine) as connection:
            lasts = PUBLISH_PART * self._lease.total_seconds()
            deadline = asyncio.get_running_loop().time() + lasts
            if not await self._hold(connection):
                return None
            rows = [
                (incident, seq, body)
                for incident, seq, body in await connection.execute(unpublished)
            ]
        return Batch(rows, deadline) if rows else None

    async def _hold(self, connection: AsyncConnection) -> bool:
        """Takes or renews the lease; False while another copy has it.

        A lease that ends later than any can was taken before the clock was set back. Twice its
        length is allowed, since the clocks of two copies differ.
        """
        now = self._clock()
        free: dict[str, Any] = {"name": _NAME, "holder": self._holder, "until": now}
        await insert_new(connection, leases, [free])
        held = await connection.execute(
            update(leases)
            .where(
                leases.c.name == _NAME,
                (leases.c.holder == self._holder)
                | (leases.c.until <= now)
                | (leases.c.until > now + 2 * self._lease),
            )
            .values(holder=self._holder, until=now + self._lease)
        )
        return held.rowcount == 1

    async def _last_words(self) -> None:
        """Publishes what the last batch left, and frees the lease for the next copy."""
        try:
            await self.publish()
            async with writing(self._engine) as connection:
                await connection.execute(
                    update(leases)
                    .where(leases.c.name == _NAME, leases.c.holder == self._holder)
                    .values(until=self._clock())
                )
        except Retryable as error:
            log.warning("incidents are published after the restart", reason=str(error))
