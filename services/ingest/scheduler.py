"""The loop that reads sources: due sources, one at a time per host, a bounded number at once.

A reading's mentions are on the log before its cursor is kept, so what was not published comes
again. State and claims are in the store: a restart goes on where it was, and several copies share
the sources without ever reading one twice at the same time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from libs.common import metrics
from libs.common.clock import Clock
from libs.common.errors import Retryable
from services.ingest.collector import (
    CollectionFailed,
    Collector,
    Health,
    Page,
    SourceConfig,
    TooSlow,
)
from services.ingest.match import Watches
from services.ingest.publish import Publisher, publish
from services.ingest.schedule import (
    Pace,
    SourceState,
    after_failure,
    after_page,
    due,
    is_well,
    present_health,
)
from services.ingest.store import SourceStore

logger = structlog.get_logger(__name__)

READING: Final = timedelta(seconds=180)
"""The longest a reading may take, publishing included."""
CLAIM: Final = timedelta(seconds=15)
"""How long a claim holds unless it is renewed, as it is while a reading goes on."""
_TOGETHER: Final = 500
_MEASURED: Final = 10.0
_LOG_AWAY: Final = 5.0
"""Seconds until the next try when log or store did not answer."""


class Defect(CollectionFailed):
    """Our own fault, or the plugin's: the log has the traceback."""

    reason = "defect"


class Scheduler:
    """Reads the configured sources until it is told to stop. `run` is a service loop.

    readers: sources read at the same time. chance: a float in [0, 1). look: seconds between two
    looks at the store at most, since another copy may have died. drain: seconds a reading gets to
    finish when the loop is told to stop.
    """

    def __init__(
        self,
        sources: Sequence[SourceConfig],
        collectors: Mapping[str, Collector],
        store: SourceStore,
        watches: Watches,
        log: Publisher,
        clock: Clock,
        *,
        readers: int = 8,
        chance: Callable[[], float] = random.random,
        look: float = 2.0,
        drain: float = 5.0,
    ) -> None:
        self._sources = {source.id: source for source in sources}
        self._hosts = {source.id: source.host for source in sources}
        self._collectors = collectors
        self._store = store
        self._watches = watches
        self._log = log
        self._clock = clock
        self._readers = readers
        self._chance = chance
        self._look = look
        self._drain_seconds = drain
        self._reading: dict[asyncio.Task[None], str] = {}
        self._measured = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Reads what is due; on `stop`, readings get a few seconds to finish."""
        stopping = asyncio.create_task(stop.wait())
        try:
            await self._take_over()
            while not stop.is_set():
                await self._measure()
                wait = await self._start_due()
                await asyncio.wait(
                    {stopping, *self._reading}, timeout=wait, return_when=asyncio.FIRST_COMPLETED
                )
                self._collect_done()
        finally:
            stopping.cancel()
            await self._drain()

    async def health(self) -> str:
        """A service check: how many sources are well. Sick sources do not make us unready."""
        healths = await self._healths()
        sick = sum(not is_well(health) for health in healths)
        return f"{len(healths)} sources, {sick} unhealthy"

    async def _healths(self) -> list[Health]:
        states, now = await self._store.states(), self._clock()
        known = [state for state in states if state.id in self._sources]
        return [present_health(state, self._pace(state.id), now)[0] for state in known]

    async def _measure(self) -> None:
        if time.monotonic() < self._measured + _MEASURED:
            return
        self._measured = time.monotonic()
        try:
            healths = await self._healths()
        except Retryable:
            return
        metrics.SOURCES.clear()
        for health in set(healths):
            metrics.SOURCES.labels(health).set(healths.count(health))

    async def _start_due(self) -> float:
        """Starts readings of what is due; returns how many seconds to wait for the next."""
        now = self._clock()
        free = self._readers - len(self._reading)
        ids: list[str] = []
        try:
            await self._store.renew(self._reading.values(), now + CLAIM)
            if free <= 0:
                return self._look
            waiting = await self._store.claimable(now, now + timedelta(seconds=self._look))
            busy = {self._hosts[source] for source in self._reading.values()}
            if ids := due(waiting, self._hosts, busy, free, now):
                for state in await self._store.claim(ids, now, now + CLAIM):
                    self._reading[asyncio.create_task(self._read(state))] = state.id
        except Retryable as error:
            logger.warning("the store does not answer", reason=str(error))
            return self._look
        ahead = [(each.due_at - now).total_seconds() for each in waiting if each.due_at > now]
        return min(ahead, default=self._look)

    async def _read(self, state: SourceState) -> None:
        source = self._sources[state.id]
        if state.due_at is not None:
            delay = self._clock() - state.due_at
            metrics.POLL_DELAY_SECONDS.observe(max(0.0, delay.total_seconds()))
        begun = time.monotonic()
        next_state, outcome = await self._outcome(source, state)
        metrics.POLLS.labels(source.kind, outcome).inc()
        metrics.POLL_SECONDS.labels(source.kind).observe(time.monotonic() - begun)
        _report(state, next_state)
        if not await self._store.finish(next_state):
            logger.warning(
                "a reading was not kept: the source is not ours any more", source=state.id
            )

    async def _outcome(self, source: SourceConfig, state: SourceState) -> tuple[SourceState, str]:
        """The state after a reading, and how it went in a word or two."""
        pace = self._pace(source.id)
        try:
            page = await self._page(source, state)
            return after_page(state, page, pace, self._clock(), self._chance), page.health
        except CollectionFailed as failure:
            failed = after_failure(state, failure, pace, self._clock(), self._chance)
            return failed, failure.reason
        except Retryable as error:
            # Nothing is wrong with the source: the same page again, as soon as the log is back.
            logger.warning("a reading was not published", source=source.id, reason=str(error))
            wait = timedelta(seconds=max(_LOG_AWAY, error.retry_after or 0.0))
            return replace(state, due_at=self._clock() + wait), "not published"

    async def _page(self, source: SourceConfig, state: SourceState) -> Page:
        """A page whose mentions are on the log. Raises CollectionFailed, Retryable."""
        try:
            async with asyncio.timeout(READING.total_seconds()):
                page = await self._collectors[source.id].collect(state.cursor)
                await self._publish(source.id, page)
                return page
        except TimeoutError:
            raise TooSlow(f"a reading took longer than {READING.total_seconds():g} s") from None
        except (CollectionFailed, Retryable):
            raise
        except Exception as error:
            # One broken plugin must not stop the others; its health says so.
            logger.exception("a collector failed", source=source.id)
            raise Defect(f"{type(error).__name__}: {error}") from error

    async def _publish(self, source: str, page: Page) -> None:
        """The oldest post first: many platforms list the newest first, people read in order."""
        now = self._clock()
        in_order = sorted(page.posts, key=lambda post: post.published_at or now)
        for start in range(0, len(in_order), _TOGETHER):
            now = self._clock()
            posts = in_order[start : start + _TOGETHER]
            mentions = [m for post in posts for m in self._watches.mentions(post, source, now)]
            await publish(self._log, mentions, "source")
            metrics.POSTS_COLLECTED.labels("source").inc(len(posts))
        deleted = [d for each in page.deletions for d in self._watches.deletions(each, source)]
        await publish(self._log, deleted, "source")

    def _pace(self, source_id: str) -> Pace:
        source = self._sources[source_id]
        return Pace(source.every, source.quiet_after)

    def _collect_done(self) -> None:
        """Forgets finished readings. A log or store that did not answer is told, and the source
        comes again when its claim ends; anything else is ours and takes the process down."""
        for task in [task for task in self._reading if task.done()]:
            source = self._reading.pop(task)
            error = task.exception()
            if isinstance(error, Retryable):
                logger.warning("a reading was not kept", source=source, reason=str(error))
            elif error is not None:
                raise error

    async def _take_over(self) -> None:
        try:
            await self._store.release_of_the_dead()
        except Retryable as error:
            logger.warning("claims of the dead stay until they end", reason=str(error))

    async def _drain(self) -> None:
        if self._reading:
            _, late = await asyncio.wait(self._reading, timeout=self._drain_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._reading, return_exceptions=True)
            self._reading.clear()
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
