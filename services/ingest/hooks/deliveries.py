"""Takes what platforms deliver: on the log first, then the good answer.

Whatever was not published is answered with an error, so that the platform delivers it again; what
comes twice is absorbed by its ids.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from libs.common import metrics
from libs.common.clock import Clock
from libs.common.errors import Retryable
from services.ingest.failure import CollectionFailed
from services.ingest.health.observations import Observed, unobserved
from services.ingest.hook import Answer, Call, Delivery, Denied, Hook, Memory, Settled, settled
from services.ingest.post import Page
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.schedule.decide import Pace, SourceState, after_failure, after_page
from services.ingest.schedule.reader import Defect
from services.ingest.schedule.store import SourceStore

logger = structlog.get_logger(__name__)


class TakesPages(Protocol):
    """The way of a page onto the log."""

    async def take(self, source: str, page: Page) -> None: ...


@dataclass(frozen=True, slots=True)
class Hooked:
    """A source that delivers. polled: it is read as well, and its state belongs to its reader."""

    kind: str
    hook: Hook
    polled: bool = False


class Deliveries:
    """Gives each request to the hook of its source, and takes what it says."""

    def __init__(
        self,
        hooks: Mapping[str, Hooked],
        intake: TakesPages,
        store: SourceStore,
        clock: Clock,
        observed: Observed = unobserved,
    ) -> None:
        self._hooks = hooks
        self._intake = intake
        self._store = store
        self._clock = clock
        self._observed = observed
        # One after the other, so that none overtakes another between its look at the memory and
        # the log.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def hooked(self, source: str) -> Hooked:
        """Raises Denied when nothing is delivered to this source."""
        found = self._hooks.get(source)
        if found is None:
            metrics.HOOK_CALLS.labels("none", "unknown").inc()
            raise Denied("unknown", "nothing is delivered to this address", 404)
        return found

    async def greet(self, source: str, call: Call) -> Answer:
        """The answer to a handshake. Raises Denied, Retryable."""
        hooked = self.hooked(source)
        with _denials_counted(source, hooked):
            answer = await hooked.hook.handshake(call)
        metrics.HOOK_CALLS.labels(hooked.kind, "handshake").inc()
        return answer

    async def take(self, source: str, call: Call) -> Answer:
        """The answer to a delivery, once all it says is durable.

        Raises Denied; Retryable and CollectionFailed when the platform shall deliver it again.
        """
        hooked = self.hooked(source)
        with _denials_counted(source, hooked):
            delivery = await _received(source, hooked.hook, call)
        for reason in delivery.skipped:
            metrics.HOOK_SKIPPED.labels(hooked.kind, reason).inc()
        if delivery.ignored:
            _report_denial(source, hooked, "ignored")
            return delivery.answer
        async with self._turns[source]:
            await self._publish(source, hooked, delivery)
        if delivery.failure is not None:
            metrics.HOOK_CALLS.labels(hooked.kind, "again").inc()
            raise delivery.failure
        metrics.HOOK_CALLS.labels(hooked.kind, "taken").inc()
        return delivery.answer

    async def _publish(self, source: str, hooked: Hooked, delivery: Delivery) -> None:
        state = None if hooked.polled else await self._store.state(source)
        found = settled(delivery.changes, _memory(state))
        # Between two polls a delivery adds posts, and only the next poll says what was missed.
        page = Page(found.posts, None, deletions=found.deletions, more=hooked.polled)
        await self._intake.take(source, page)
        now = self._clock()
        self._observed(source, page, now)

        def change(state: SourceState) -> SourceState:
            if hooked.polled:
                return after_delivery_between_polls(state, found, now)
            # What other copies learnt meanwhile stays known.
            memory = settled(delivery.changes, _memory(state)).memory
            return after_delivery(state, found, memory, delivery.failure, now)

        try:
            await self._store.change(source, change)
        except Retryable as error:
            # It is on the log: asking for it again would gain nothing.
            logger.warning("a delivery's state was not kept", source=source, reason=str(error))


def after_delivery(
    state: SourceState,
    found: Settled,
    memory: Memory,
    failure: CollectionFailed | None,
    now: datetime,
) -> SourceState:
    """The state of a source that is only delivered to; it is never due."""
    page = Page(found.posts, cursor_of(memory), health="ok" if found.posts else "unchanged")
    pace = Pace(timedelta(minutes=1))
    after = after_page(state, page, pace, now, _no_chance)
    if failure is not None:
        failed = after_failure(state, failure, pace, now, _no_chance)
        after = replace(failed, cursor=after.cursor, last_entry=after.last_entry)
    return replace(after, due_at=None)


def after_delivery_between_polls(state: SourceState, found: Settled, now: datetime) -> SourceState:
    """The state of a source that is read as well: it was not silent."""
    newest = max((post.published_at or now for post in found.posts), default=state.last_entry)
    return replace(state, last_entry=max(state.last_entry, newest))


async def _received(source: str, hook: Hook, call: Call) -> Delivery:
    """What the hook makes of it; a failure becomes a delivery that failed."""
    try:
        return await hook.receive(call)
    except CollectionFailed as failure:
        return Delivery(failure=failure)
    except (Denied, Retryable):
        raise
    except Exception as error:
        logger.exception("a hook failed", source=source)
        return Delivery(failure=Defect(f"{type(error).__name__}: {error}"))


@contextmanager
def _denials_counted(source: str, hooked: Hooked) -> Iterator[None]:
    try:
        yield
    except Denied as denied:
        _report_denial(source, hooked, denied.reason)
        raise


def _report_denial(source: str, hooked: Hooked, reason: str) -> None:
    metrics.HOOK_CALLS.labels(hooked.kind, reason).inc()
    logger.info("a delivery was not believed", source=source, reason=reason)


def _memory(state: SourceState | None) -> Memory:
    return remembered(state.cursor if state else None, Memory) or Memory()


def _no_chance() -> float:
    return 0.0
