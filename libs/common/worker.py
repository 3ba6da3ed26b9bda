"""The loop between two streams: poll a batch, decode, step, publish, commit.

Here, and only here, it is decided what becomes of an error that a step raises:

- Retryable: the same batch again after a back-off, never sooner than the other side asked. Out
  of patience, the process stops uncommitted and the batch comes again.
- Anything else: the batch is halved until the one bad message is found; that one is parked on
  the dead-letter topic with its reason, and the rest goes on.
- Many parked in a row: that is our bug, not the messages'. The process stops, uncommitted,
  instead of draining the topic into the dead letters.

A step may therefore see the same event more than once, and must not mind.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

import structlog

from libs.common import metrics
from libs.common.bus import DEAD_SUFFIX, Bus, Consumer, Message, Rebalance, Record, Start, after
from libs.common.clock import Clock, utc_now
from libs.common.errors import InvalidEvent, PartitionLost, Retryable, TooManyParked
from libs.common.events import Event, from_record
from libs.common.retry import full_jitter

log = structlog.get_logger(__name__)

Step: TypeAlias = Callable[[Sequence[Event]], Awaitable[Sequence[Message]]]
"""Takes a batch of events in order, returns what to publish. Its own writes are durable and
repeatable when it returns."""

LAG_SECONDS: Final = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much and how long.

    batch: records polled at once; wait: seconds a poll waits for the first.
    patience: seconds one batch may take, retries included. Shorter than the five minutes after
    which both logs give a silent member's partitions away.
    parked_in_a_row: consecutive bad messages after which the process stops.
    """

    batch: int = 2000
    wait: float = 0.5
    patience: float = 120.0
    back_off_base: float = 0.2
    back_off_cap: float = 15.0
    parked_in_a_row: int = 20


@dataclass(slots=True)
class Worker:
    """Works off topics as a member of a group. `run` is a service loop."""

    service: str
    group: str
    topics: Sequence[str]
    bus: Bus
    step: Step
    limits: Limits = field(default_factory=Limits)
    rebalance: Rebalance | None = None
    start: Start = "beginning"
    clock: Clock = utc_now
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _parked_in_a_row: int = 0
    _lag_measured: float = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; the batch at hand is finished first, unless it waits for
        something that is not ready: then it is left uncommitted and comes again."""
        self._stop = stop
        async with self.bus.consumer(
            self.group, self.topics, start=self.start, rebalance=self.rebalance
        ) as consumer:
            try:
                while not stop.is_set():
                    await self._turn(consumer)
            except Retryable as error:
                if not stop.is_set():
                    raise
                log.warning("stopped uncommitted", group=self.group, reason=str(error))

    async def _turn(self, consumer: Consumer) -> None:
        records = await self._patiently(lambda: consumer.poll(self.limits.batch, self.limits.wait))
        if records:
            try:
                async with asyncio.timeout(self.limits.patience):
                    await self._work_off(consumer, records)
            except TimeoutError as error:
                raise Retryable(
                    f"{self.group}: a batch took longer than {self.limits.patience:g} s"
                ) from error
        await self._measure_lag()

    async def check(self) -> str:
        """A service check: how many records are waiting."""
        return f"{await self._lag()} records behind"

    async def _work_off(self, consumer: Consumer, records: Sequence[Record]) -> None:
        begun = time.monotonic()
        outputs = await self._outputs(records)
        if outputs:
            await self._patiently(lambda: self.bus.publish(outputs))
        try:
            await self._patiently(lambda: consumer.commit(after(records)))
        except PartitionLost as lost:
            metrics.LOST_BATCHES.labels(self.group).inc()
            log.warning("batch goes to another member", group=self.group, reason=str(lost))
        metrics.CONSUMED.labels(self.group).inc(len(records))
        metrics.PUBLISHED.labels(self.group).inc(len(outputs))
        metrics.BATCH_RECORDS.labels(self.group).observe(len(records))
        metrics.BATCH_SECONDS.labels(self.group).observe(time.monotonic() - begun)
        age = self.clock().timestamp() - records[-1].timestamp / 1000
        metrics.EVENT_AGE_SECONDS.labels(self.group).set(max(0.0, age))

    async def _outputs(self, records: Sequence[Record]) -> list[Message]:
        """What the step makes of the records, with dead letters for those it cannot handle."""
        outputs: list[Message] = []
        good: list[tuple[Record, Event]] = []
        for record in records:
            try:
                event = from_record(record)
            except InvalidEvent as error:
                outputs += await self._settle(good)
                good = []
                outputs.append(self._park(record, error))
                continue
            if event is not None:
                good.append((record, event))
        return outputs + await self._settle(good)

    async def _settle(self, items: Sequence[tuple[Record, Event]]) -> list[Message]:
        if not items:
            return []
        events = [event for _, event in items]
        try:
            outputs = await self._patiently(lambda: self.step(events))
        except (Retryable, PartitionLost):
            raise
        except Exception as error:  # noqa: BLE001 -- this is where any error finds its fate
            if len(items) == 1:
                return [self._park(items[0][0], error)]
            middle = len(items) // 2
            return await self._settle(items[:middle]) + await self._settle(items[middle:])
        self._parked_in_a_row = 0
        return list(outputs)

    async def _patiently(self, action: Callable[[], Awaitable[T]]) -> T:
        deadline = time.monotonic() + self.limits.patience
        attempt = 0
        while True:
            try:
                return await action()
            except Retryable as error:
                pause = full_jitter(
                    attempt,
                    base=self.limits.back_off_base,
                    cap=self.limits.back_off_cap,
                    random=random.random,
                    at_least=error.retry_after or 0.0,
                )
                if time.monotonic() + pause > deadline or self._stop.is_set():
                    raise
                attempt += 1
                metrics.RETRIED.labels(self.group).inc()
                log.warning(
                    "trying again", group=self.group, attempt=attempt, reason=str(error), in_s=pause
                )
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), pause)

    def _park(self, record: Record, error: Exception) -> Message:
        self._parked_in_a_row += 1
        if self._parked_in_a_row > self.limits.parked_in_a_row:
            raise TooManyParked(
                f"{self._parked_in_a_row} messages in a row could not be handled; "
                f"the last: {type(error).__name__}: {error}"
            ) from error
        metrics.PARKED.labels(self.group).inc()
        log.error(
            "message parked",
            group=self.group,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            exc_info=error,
        )
        return dead_letter(record, error, service=self.service, at=self.clock())

    async def _lag(self) -> int:
        return sum((await self.bus.lag(self.group, self.topics)).values())

    async def _measure_lag(self) -> None:
        if time.monotonic() - self._lag_measured < LAG_SECONDS:
            return
        self._lag_measured = time.monotonic()
        metrics.LAG.labels(self.group).set(await self._patiently(self._lag))


def dead_letter(record: Record, error: Exception, *, service: str, at: datetime) -> Message:
    """The original message, with what is needed to understand and replay it in its headers."""
    return Message(
        topic=record.topic + DEAD_SUFFIX,
        key=record.key,
        value=record.value,
        headers=(
            *record.headers,
            ("dead_service", service.encode()),
            ("dead_error", f"{type(error).__name__}: {error}"[:1000].encode("utf-8", "replace")),
            ("dead_at", at.isoformat().encode()),
            ("dead_from", f"{record.topic}/{record.partition}/{record.offset}".encode()),
        ),
    )
