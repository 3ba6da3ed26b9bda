"""The loop that reads sources: due sources, one at a time per host, a bounded number at once.

State and claims are in the store: a restart goes on where it was, and several copies share the
sources without ever reading one twice at the same time. Streams are claimed like the others; they
are heard until they end, beside the readings, and take no reader's place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from libs.common import metrics
from libs.common.clock import Clock
from libs.common.errors import Retryable
from services.ingest.collector import SourceConfig
from services.ingest.schedule.decide import SourceState, Waiting, due, is_well
from services.ingest.schedule.reader import Lost, Reader
from services.ingest.schedule.store import SourceStore

logger = structlog.get_logger(__name__)

CLAIM: Final = timedelta(seconds=15)
"""How long a claim holds unless it is renewed, as it is while a reading goes on."""
_RENEWED: Final = CLAIM / 5


class Scheduler:
    """Reads the configured sources until it is told to stop. `run` is a service loop.

    streams: the sources that are streams. readers: sources read at the same time, streams not
    counted. look: seconds between two looks at the store at most, since another copy may have
    died. drain: seconds a reading gets to finish when the loop is told to stop.
    """

    def __init__(
        self,
        sources: Sequence[SourceConfig],
        streams: frozenset[str],
        reader: Reader,
        store: SourceStore,
        clock: Clock,
        *,
        readers: int = 8,
        look: float = 2.0,
        drain: float = 5.0,
    ) -> None:
        self._sources = {source.id: source for source in sources}
        # A stream does not stand in the way of other readings of its host.
        self._hosts = {s.id: f"stream {s.id}" if s.id in streams else s.host for s in sources}
        self._streams = streams
        self._reader = reader
        self._store = store
        self._clock = clock
        self._readers = readers
        self._look = look
        self._drain_seconds = drain
        self._tasks: dict[asyncio.Task[SourceState | None], str] = {}
        self._renewed = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Reads what is due; on `stop`, readings get a few seconds to finish, streams end."""
        stopping = asyncio.create_task(stop.wait())
        try:
            await self._take_over()
            while not stop.is_set():
                await self._keep_done()
                await self._renew()
                wait = await self._start_due()
                await asyncio.wait(
                    {stopping, *self._tasks}, timeout=wait, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            stopping.cancel()
            await self._drain()

    async def _renew(self) -> None:
        """Holds on to what is being read, well before the claims end."""
        if time.monotonic() < self._renewed + _RENEWED.total_seconds():
            return
        try:
            await self._store.renew(self._tasks.values(), self._clock() + CLAIM)
            self._renewed = time.monotonic()
        except Retryable as error:
            logger.warning("claims were not renewed", reason=str(error))

    async def _start_due(self) -> float:
        """Starts readings of what is due; returns how many seconds to wait for the next."""
        now = self._clock()
        try:
            waiting = await self._store.claimable(now, now + timedelta(seconds=self._look))
            # A claim may end under us when the machine was asleep; the reading goes on.
            ours = set(self._tasks.values())
            waiting = [each for each in waiting if each.id not in ours and self._is_ours(each)]
            if chosen := await self._choose([w for w in waiting if w.due_at <= now], now):
                for state in await self._store.claim(chosen, now, now + CLAIM):
                    if self._is_ours(state):
                        self._tasks[asyncio.create_task(self._read(state))] = state.id
        except Retryable as error:
            logger.warning("the store does not answer", reason=str(error))
            return self._look
        ahead = [(each.due_at - now).total_seconds() for each in waiting if each.due_at > now]
        return min(ahead, default=self._look)

    async def _choose(self, overdue: Sequence[Waiting], now: datetime) -> list[str]:
        """The ids to read now; all the streams, and of the others as many as readers are free."""
        streams = [each.id for each in overdue if each.id in self._streams]
        others = [each for each in overdue if each.id not in self._streams]
        free = self._readers - sum(id not in self._streams for id in self._tasks.values())
        if not others or free <= 0:
            return streams
        return streams + due(others, self._hosts, await self._busy(now), free, now)

    def _is_ours(self, source: Waiting | SourceState) -> bool:
        """Whether it is what we would read: another copy may have another configuration."""
        configured = self._sources.get(source.id)
        return configured is not None and configured.place == source.place

    async def _busy(self, now: datetime) -> set[str]:
        """Hosts that are being read, and those that asked any copy to be left alone: a limit
        counts for all sources there."""
        limited = [source for source in await self._store.limited(now) if source in self._hosts]
        return {self._hosts[source] for source in [*self._tasks.values(), *limited]}

    async def _read(self, state: SourceState) -> SourceState | None:
        """The state to be kept after a reading; None when it is not ours to keep."""
        source = self._sources[state.id]
        if state.due_at is not None:
            delay = self._clock() - state.due_at
            metrics.POLL_DELAY_SECONDS.observe(max(0.0, delay.total_seconds()))
        begun = time.monotonic()
        try:
            after, outcome = await self._reader.read(source, state)
        except Lost:
            logger.warning("a source is not ours any more", source=state.id)
            return None
        metrics.POLLS.labels(source.kind, outcome).inc()
        metrics.POLL_SECONDS.labels(source.kind).observe(time.monotonic() - begun)
        _report(state, after)
        return after

    async def _keep_done(self) -> None:
        """Keeps the states of finished readings, together: a write costs more than a row. A store
        that does not answer is told, and the sources come again when their claims end."""
        done = [task for task in self._tasks if task.done()]
        states: list[SourceState] = []
        for task in done:
            source = self._tasks.pop(task)
            try:
                if (state := task.result()) is not None:
                    states.append(state)
            except Retryable as error:
                logger.warning("a reading was not kept", source=source, reason=str(error))
        if not states:
            return
        try:
            kept = await self._store.finish(states)
        except Retryable as error:
            logger.warning("readings were not kept", reason=str(error))
            return
        for lost in {state.id for state in states} - kept:
            logger.warning("a source is not ours any more", source=lost)

    async def _take_over(self) -> None:
        try:
            await self._store.release_of_the_dead()
        except Retryable as error:
            logger.warning("claims of the dead stay until they end", reason=str(error))

    async def _drain(self) -> None:
        for task, source in self._tasks.items():
            if source in self._streams:
                task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._drain_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = {task: id for task, id in self._tasks.items() if not task.cancelled()}
        await self._keep_done()
        try:
            await self._store.release()
        except Retryable as error:
            logger.warning("claims were not given back", reason=str(error))


def _report(before: SourceState, after: SourceState) -> None:
    """Says when a source fell ill or got well, once."""
    if is_well(before.health) and not is_well(after.health):
        logger.warning("a source cannot be read", source=after.id, reason=after.reason)
    elif is_well(after.health) and not is_well(before.health):
        logger.info("a source can be read again", source=after.id)
