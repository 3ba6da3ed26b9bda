"""Sending what is in the outbox: claim, send, write down how it went.

Schedule: after a failed attempt the next comes after a random time of up to 2 s, 4 s, 8 s, …
10 min (full jitter), never sooner than the receiver asked, up to those 10 min: a page is urgent,
and a receiver's slip must not lose it. The first attempt that fails after 24 hours is the last. A
page that was claimed by a process that died is due again when its lease ends. Every attempt
carries the same key.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common import metrics
from libs.common.clock import Clock
from libs.common.db import reading, writing
from libs.common.errors import Retryable
from libs.common.events import IncidentEvent, PageDelivered, PageFailed
from libs.common.retry import full_jitter
from services.alert import outbox, store
from services.alert.bell import Bell
from services.alert.notifier import Notifier, Refused
from services.alert.outbox import Claim

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
AT_ONCE: Final = 8
"""Pages of one channel under way at the same time."""
MARGIN: Final = timedelta(seconds=2)
"""How much longer a lease lasts than sending may take."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """base, cap: of the back-off, in seconds; patience: after which a page has failed.

    What a receiver asks for is obeyed up to `cap`.
    """

    base: float = 2.0
    cap: float = 600.0
    patience: timedelta = timedelta(hours=24)

    @property
    def longest_pause(self) -> timedelta:
        return timedelta(seconds=2 * self.cap)


class Carrier(NamedTuple):
    """A notifier and how long sending one page may take."""

    notifier: Notifier
    limit: timedelta


class Delivery:
    """Delivers the pages of every channel, each channel on its own, so that none waits for
    another. Any number of copies may run."""

    def __init__(
        self,
        engine: AsyncEngine,
        carriers: Mapping[str, Carrier],
        bell: Bell,
        clock: Clock,
        *,
        schedule: Schedule = Schedule(),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._carriers = carriers
        self._bell = bell
        self._clock = clock
        self._schedule = schedule
        self._chance = chance

    async def run(self, stop: asyncio.Event) -> None:
        """A service loop: what is being sent when `stop` is set is finished."""
        async with asyncio.TaskGroup() as group:
            for channel in self._carriers:
                group.create_task(self._serve(channel, stop), name=f"channel {channel}")
            group.create_task(self._watch(stop), name="outbox")

    async def deliver_due(self, channel: str) -> int:
        """Sends what is due on the channel now; returns how many pages that were.

        Raises Retryable when they cannot be claimed. Whatever becomes of one page, the others
        are sent.
        """
        carrier = self._carriers[channel]
        claims = await self._claim(channel, carrier.limit + MARGIN)
        async with asyncio.TaskGroup() as group:
            for claimed in claims:
                group.create_task(_apart(claimed, self._deliver(carrier, claimed)))
        return len(claims)

    async def fail_stranded(self) -> None:
        """Pages whose channel has left the configuration have failed, and everybody can see it."""
        async with reading(self._engine) as connection:
            stranded = await outbox.channels_in_use(connection) - self._carriers.keys()
        for channel in stranded:
            for claimed in await self._claim(channel, MARGIN):
                reason = f"there is no channel {channel!r} any more"
                await _apart(claimed, self._fail(claimed, reason))

    async def _serve(self, channel: str, stop: asyncio.Event) -> None:
        bell = self._bell.listen()
        while not stop.is_set():
            try:
                while not stop.is_set() and await self.deliver_due(channel):
                    pass
            except Retryable as error:
                log.warning("deliveries wait", channel=channel, reason=str(error))
            await bell.wait(stop, LOOK_SECONDS)

    async def _watch(self, stop: asyncio.Event) -> None:
        bell = self._bell.listen()
        while not stop.is_set():
            try:
                await self.fail_stranded()
                await self._measure()
            except Retryable as error:
                log.warning("the outbox cannot be read", reason=str(error))
            await bell.wait(stop, 10 * LOOK_SECONDS)

    async def _measure(self) -> None:
        async with reading(self._engine) as connection:
            waiting = await outbox.waiting(connection)
        age = (self._clock() - waiting.oldest).total_seconds() if waiting.oldest else 0.0
        metrics.OUTBOX_WAITING.set(waiting.pages)
        metrics.OUTBOX_OLDEST_SECONDS.set(max(0.0, age))

    async def _claim(self, channel: str, lease: timedelta) -> list[Claim]:
        now = self._clock()
        async with writing(self._engine) as connection:
            return await outbox.claim(
                connection,
                channel,
                lease=uuid.uuid4().hex,
                until=now + lease,
                now=now,
                longest_pause=self._schedule.longest_pause,
                limit=AT_ONCE,
            )

    async def _deliver(self, carrier: Carrier, claimed: Claim) -> None:
        page = claimed.page
        try:
            async with asyncio.timeout(carrier.limit.total_seconds()):
                await carrier.notifier.send(page)
        except Refused as error:
            await self._fail(claimed, str(error))
        except Retryable as error:
            await self._again(claimed, str(error), error.retry_after)
        except TimeoutError:
            seconds = carrier.limit.total_seconds()
            await self._again(claimed, f"not taken within {seconds:g} s", None)
        except Exception as error:
            # A fault of one notifier must not keep the others from sending.
            log.exception("a notifier broke", channel=page.channel, page=page.key)
            await self._again(claimed, f"{type(error).__name__}: {error}", None)
        else:
            await self._delivered(claimed)

    async def _delivered(self, claimed: Claim) -> None:
        page = claimed.page
        now = self._clock()
        delivered = PageDelivered(
            incident=page.alarm.incident,
            at=now,
            channel=page.channel,
            page=page.key,
            attempts=claimed.attempts,
            to=page.to,
            cause=page.alarm.cause,
        )
        if await self._end(claimed, "delivered", None, delivered, now):
            seconds = (now - claimed.created_at).total_seconds()
            metrics.PAGE_SECONDS.labels(page.channel).observe(max(0.0, seconds))
            log.info(
                "page delivered", page=page.key, channel=page.channel, attempts=claimed.attempts
            )

    async def _again(self, claimed: Claim, reason: str, retry_after: float | None) -> None:
        now = self._clock()
        if now - claimed.created_at >= self._schedule.patience:
            await self._fail(claimed, f"given up after {claimed.attempts} attempts: {reason}")
            return
        pause = timedelta(
            seconds=full_jitter(
                claimed.attempts - 1,
                base=self._schedule.base,
                cap=self._schedule.cap,
                random=self._chance,
                at_least=min(retry_after or 0.0, self._schedule.cap),
            )
        )
        async with writing(self._engine) as connection:
            await outbox.postpone(connection, claimed, pause, reason, now)
        page = claimed.page
        metrics.PAGE_ATTEMPTS.labels(page.channel, "retried").inc()
        log.warning(
            "page not delivered yet",
            page=page.key,
            channel=page.channel,
            attempts=claimed.attempts,
            reason=reason,
            in_s=round(pause.total_seconds(), 1),
        )

    async def _fail(self, claimed: Claim, reason: str) -> None:
        page = claimed.page
        now = self._clock()
        failed = PageFailed(
            incident=page.alarm.incident,
            at=now,
            channel=page.channel,
            page=page.key,
            why=reason,
            to=page.to,
            cause=page.alarm.cause,
        )
        if await self._end(claimed, "failed", reason, failed, now):
            log.error(
                "page could not be delivered",
                page=page.key,
                incident=page.alarm.incident,
                channel=page.channel,
                to=page.to,
                attempts=claimed.attempts,
                reason=reason,
            )

    async def _end(
        self,
        claimed: Claim,
        state: Literal["delivered", "failed"],
        reason: str | None,
        event: IncidentEvent,
        now: datetime,
    ) -> bool:
        """Ends the page and writes the event, both or neither; False if the lease was lost."""

        async def work(connection: AsyncConnection) -> bool:
            incident = await store.hold(connection, event.incident)
            if not await outbox.finish(connection, claimed, state, reason, now):
                return False
            if incident is not None:
                await store.append(connection, incident, [event])
            return True

        ended = await store.transact(self._engine, work)
        if ended:
            metrics.PAGE_ATTEMPTS.labels(claimed.page.channel, state).inc()
            self._bell.ring()
        return ended


async def _apart(claimed: Claim, work: Awaitable[None]) -> None:
    """What goes wrong with this page is its own affair: it is due again when its lease ends."""
    page = claimed.page
    try:
        await work
    except Retryable as error:
        log.warning(
            "what became of a page is not written down",
            channel=page.channel,
            page=page.key,
            reason=str(error),
        )
    except Exception:
        log.exception("a page broke", channel=page.channel, page=page.key)
