"""The live stream of mentions: one reader on the log, any number of listeners.

Every event carries the position in the log as its id. Who comes back with one reads the log from
there and joins the live stream at the very record where it stands, without gap or repeat. A
listener that cannot keep up loses events and is told how many; it holds up nobody else. Nothing is
read while nobody listens.

What it tells are new mentions, and people's words on known ones. That a classifier judges known
mentions anew is no news: whoever wants that asks for the list.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    aclosing,
    contextmanager,
    suppress,
)
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from libs.common import metrics
from libs.common.bus import CLASSIFIED, Offsets, Reader, Record, Start, TopicPartition
from libs.common.errors import BusUnavailable
from libs.common.events import ClassifiedMention, MentionDeleted
from libs.common.query import Query, matches
from libs.common.query.ast import Everything
from libs.common.retry import full_jitter
from services.query.listener import RETRY, Listener, gap, position_line, reset
from services.query.news import SLICE_SECONDS, News, Said, news
from services.query.position import decode_position
from services.query.settings import StreamSettings

log = structlog.get_logger(__name__)

BATCH: Final = 1000
POLL_SECONDS: Final = 0.5
CATCH_UP_SECONDS: Final = 5.0
"""So long a listener that is behind waits for records that must be there."""
CATCHING_UP: Final = 4
"""Listeners that read the log at once; the others wait their turn. Nobody has a turn while the
client takes what was read: some never do."""
_STEADY_SECONDS: Final = 60.0

OpenReader: TypeAlias = Callable[[Sequence[str], Start], AbstractAsyncContextManager[Reader]]
"""`Bus.reader`."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a listener wants to hear. Deletions pass by watch alone: their text is gone."""

    query: Query
    watch: str | None = None

    def hears(self, news: News) -> bool | None:
        """Whether its query finds the mention; None: it is not told. A correction is told in either
        case, since nobody knows whether the query found the mention before."""
        if self.watch is not None and news.event.watch != self.watch:
            return None
        return self._finds(news.event) or (False if news.corrected else None)

    def _finds(self, event: ClassifiedMention | MentionDeleted) -> bool:
        if isinstance(event, MentionDeleted) or isinstance(self.query, Everything):
            return True
        return matches(self.query, event)


class Live:
    """The live stream of one copy of the service. `run` is a service loop."""

    def __init__(self, open_reader: OpenReader, settings: StreamSettings, said: Said) -> None:
        self._open_reader = open_reader
        self._said = said
        self._settings = settings
        self._listeners: set[Listener] = set()
        self._audiences: dict[Filter, set[Listener]] = {}
        self._position: dict[TopicPartition, int] = {}
        self._wanted = asyncio.Event()
        self._placed = asyncio.Event()
        self._ended = False
        self._turns = asyncio.Semaphore(CATCHING_UP)

    @property
    def full(self) -> bool:
        """No further listener is let in."""
        return len(self._listeners) >= self._settings.readers

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """A listener, counted until the context ends."""
        listener = Listener(self._settings.waiting)
        self._listeners.add(listener)
        metrics.STREAM_READERS.inc()
        self._wanted.set()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            metrics.STREAM_READERS.dec()
            for wanted, audience in list(self._audiences.items()):
                audience.discard(listener)
                if not audience:
                    del self._audiences[wanted]

    async def placed(self) -> None:
        """Returns when the live stream knows where it stands; what comes later is told."""
        await self._placed.wait()

    async def chunks(
        self, listener: Listener, wanted: Filter, last_id: str | None
    ) -> AsyncGenerator[bytes, None]:
        """The stream as Server-Sent Events, from the position `last_id` or from now on.

        Ends when the service stops. The first chunk holds the position, so that a listener that
        is cut off before its first event misses none.
        """
        await self.placed()
        if last_id is None:
            self._join(wanted, listener)
            yield RETRY + position_line(self._position)
        else:
            yield RETRY
            async with aclosing(self._caught_up(listener, wanted, last_id)) as missed:
                async for chunk in missed:
                    yield chunk
        while not self._ended:
            yield await listener.take() or self._sign_of_life(listener)

    def _sign_of_life(self, listener: Listener) -> bytes:
        return b": alive\n" + position_line(listener.position(self._position))

    def _join(self, wanted: Filter, listener: Listener) -> None:
        self._audiences.setdefault(wanted, set()).add(listener)

    # The loop

    async def run(self, stop: asyncio.Event) -> None:
        """Hands out what is new while somebody listens; ends all streams when `stop` is set."""
        stopping = asyncio.create_task(self._end_streams(stop))
        attempt = 0
        try:
            while not self._ended:
                await self._wanted.wait()
                if self._ended:
                    break
                begun = time.monotonic()
                try:
                    await self._hand_out_while_wanted()
                except BusUnavailable as error:
                    attempt = 0 if time.monotonic() - begun > _STEADY_SECONDS else attempt + 1
                    pause = full_jitter(attempt, base=0.2, cap=15.0, random=random.random)
                    log.warning("live stream waits for the log", reason=str(error), in_s=pause)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), pause)
        finally:
            stopping.cancel()

    async def _end_streams(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._ended = True
        self._wanted.set()
        self._placed.set()
        for listener in self._listeners:
            listener.wake()

    async def _hand_out_while_wanted(self) -> None:
        """Reads from the end of the log, or from where it stood when the log went away."""
        start: Start = dict(self._position) if self._placed.is_set() else "end"
        async with self._open_reader([CLASSIFIED], start) as reader:
            if not self._placed.is_set():
                self._position = dict(await reader.end())
                self._placed.set()
            while self._listeners and not self._ended:
                await self._hand_out(await reader.poll(BATCH, POLL_SECONDS))
        if not self._ended and not self._listeners:
            self._placed.clear()
            self._wanted.clear()

    async def _hand_out(self, records: Sequence[Record]) -> None:
        told = await news(records, self._said)
        begun = time.monotonic()
        for record, each in zip(records, told.news, strict=True):
            place = TopicPartition(record.topic, record.partition)
            if record.offset < self._position.get(place, 0):
                continue
            self._position[place] = record.offset + 1
            if each is not None:
                self._tell(record, each)
            if time.monotonic() - begun > SLICE_SECONDS:
                await asyncio.sleep(0)
                begun = time.monotonic()
        for audience in self._audiences.values():
            for listener in audience:
                listener.miss(told.unsure)

    def _tell(self, record: Record, each: News) -> None:
        line, chunks = b"", dict[bool, bytes]()
        for wanted, audience in self._audiences.items():
            matches = wanted.hears(each)
            if matches is None:
                continue
            line = line or position_line(self._position)
            if matches not in chunks:
                chunks[matches] = each.chunk(matches)
            for listener in audience:
                listener.tell(record, chunks[matches], line, self._position)

    # Coming back

    async def _caught_up(
        self, listener: Listener, wanted: Filter, last_id: str
    ) -> AsyncGenerator[bytes, None]:
        """What was missed since `last_id`; the listener has joined the live stream at the end."""
        try:
            since = decode_position(last_id)
        except ValueError as error:
            yield self._start_anew(listener, wanted, str(error))
            return
        async with AsyncExitStack() as stack:
            async with self._turns:
                reader = await stack.enter_async_context(self._open_reader([CLASSIFIED], since))
                ends = await reader.end()
            if any(offset > ends.get(place, 0) for place, offset in since.items()):
                yield self._start_anew(listener, wanted, "the position is not in this log")
                return
            async with aclosing(self._missed(listener, wanted, reader, since)) as missed:
                async for chunk in missed:
                    yield chunk

    async def _missed(
        self, listener: Listener, wanted: Filter, reader: Reader, since: Offsets
    ) -> AsyncGenerator[bytes, None]:
        at = dict(since)
        while not self._ended:
            if all(at.get(place, 0) >= offset for place, offset in self._position.items()):
                listener.has_seen(at)
                self._join(wanted, listener)
                yield position_line(listener.position(self._position))
                return
            async with self._turns:
                records = await reader.poll(BATCH, CATCH_UP_SECONDS)
                is_late = not records or _begins_late(records, at, since)
                chunk = b"" if is_late else await _missed_events(records, self._said, wanted, at)
            if is_late:
                yield self._start_anew(listener, wanted, "older records are no longer kept")
                return
            yield chunk + position_line(at)

    def _start_anew(self, listener: Listener, wanted: Filter, why: str) -> bytes:
        self._join(wanted, listener)
        return reset(why) + position_line(self._position)


def _begins_late(records: Sequence[Record], at: Offsets, since: Offsets) -> bool:
    """Records that a listener has not seen were dropped from the log."""
    first: dict[TopicPartition, int] = {}
    for record in records:
        first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
    return any(place in since and offset > at[place] for place, offset in first.items())


async def _missed_events(
    records: Sequence[Record], said: Said, wanted: Filter, at: dict[TopicPartition, int]
) -> bytes:
    """The events among the records that are wanted; moves `at` behind them."""
    found: list[bytes] = []
    told = await news(records, said)
    begun = time.monotonic()
    for record, each in zip(records, told.news, strict=True):
        at[TopicPartition(record.topic, record.partition)] = record.offset + 1
        if each is not None and (matches := wanted.hears(each)) is not None:
            found.append(each.chunk(matches) + position_line(at))
        if time.monotonic() - begun > SLICE_SECONDS:
            await asyncio.sleep(0)
            begun = time.monotonic()
    if told.unsure:
        found.append(gap(told.unsure))
    return b"".join(found)
