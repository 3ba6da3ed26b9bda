"""The embedded log as its users see it."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from libs.common.bus import Message, Rebalance, Start, Topic, TopicPartition
from libs.common.bus.partition import partition_of
from libs.common.bus.sqlite import groups, records
from libs.common.bus.sqlite.member import Member, Subscription
from libs.common.bus.sqlite.reader import Alarm, LoneReader
from libs.common.bus.sqlite.records import Layout, Packed
from libs.common.bus.sqlite.sessions import Sessions, Timeouts
from libs.common.bus.sqlite.threads import Watcher, Writer
from libs.common.bus.sqlite.tidy import Compaction, Retention
from libs.common.clock import Clock, utc_now
from libs.common.errors import BusUnavailable

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class _Threads(NamedTuple):
    writer: Writer
    reader: Watcher


class SqliteBus:
    """Implements `Bus` on one file. Belongs to one event loop; the first call opens the file.

    Every call raises ConfigurationError when the file is not an event log, or a newer one.
    """

    def __init__(
        self,
        path: Path,
        *,
        session_timeout: float = 10.0,
        max_poll_interval: float = 300.0,
        busy_timeout: float = 5.0,
        max_message_bytes: int = 1 << 20,
        clock: Clock = utc_now,
    ) -> None:
        """All times in seconds.

        session_timeout: a member not heard of for so long is taken over (a killed process at
        once). max_poll_interval: so is one that does not poll for so long.
        busy_timeout: how long to wait while another process writes.
        max_message_bytes: key, value, headers and a few bytes more.
        """
        self._path = path
        self._busy_timeout = busy_timeout
        self._max_message_bytes = max_message_bytes
        self._clock = clock
        self._sessions = Sessions(path, Timeouts(session_timeout, max_poll_interval), self._now)
        self._threads: _Threads | None = None
        self._changing = asyncio.Lock()
        self._alarms: set[Alarm] = set()
        self._layouts: dict[str, Layout] = {}
        self._turns = itertools.count()
        self._closed = False

    async def create_topics(self, topics: Iterable[Topic]) -> None:
        wanted = tuple(topics)
        threads = await self._opened()
        await threads.writer.ask(_create_topics, wanted)

    async def publish(self, messages: Sequence[Message]) -> None:
        threads = await self._opened()
        if not messages:
            return
        await threads.writer.append(await self._pack(messages))
        touched = {each.topic for each in messages}
        for alarm in self._alarms:
            if not touched.isdisjoint(alarm.topics):
                alarm.ring()

    @asynccontextmanager
    async def consumer(
        self,
        group: str,
        topics: Sequence[str],
        *,
        start: Start = "beginning",
        rebalance: Rebalance | None = None,
    ) -> AsyncIterator[Member]:
        threads = await self._opened()

        def enter(connection: sqlite3.Connection, member: str) -> None:
            self._sessions.enter(connection, group, member, topics)

        with self._alarm(topics) as alarm:
            member = Member(
                Subscription(group, topics, start, rebalance, enter),
                writer=threads.writer,
                reader=threads.reader,
                alarm=alarm,
            )
            await member.join()
            self._sessions.members.add(member)
            try:
                yield member
            finally:
                self._sessions.members.discard(member)
                await member.leave()

    @asynccontextmanager
    async def reader(
        self, topics: Sequence[str], start: Start = "beginning"
    ) -> AsyncIterator[LoneReader]:
        threads = await self._opened()
        with self._alarm(topics) as alarm:
            reader = LoneReader(threads.reader, alarm, topics, start)
            await reader.begin()
            yield reader

    async def lag(self, group: str, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        threads = await self._opened()
        return await threads.reader.ask(_lag, group, topics)

    async def ready(self) -> None:
        threads = await self._opened()
        await threads.reader.ask(records.find, "")
        await threads.writer.ask(lambda db: None)

    async def close(self) -> None:
        async with self._changing:
            threads, self._threads, self._closed = self._threads, None, True
            for alarm in self._alarms:
                alarm.closed = True
                alarm.ring()
            if threads is None:
                return
            with suppress(BusUnavailable):  # their sessions expire, then
                await threads.writer.ask(self._sessions.end)
            await threads.writer.close()
            await threads.reader.close()
            self._sessions.drop_sign()

    async def _opened(self) -> _Threads:
        if self._threads is None:
            async with self._changing:
                if self._closed:
                    raise BusUnavailable(f"event log {self._path}: closed")
                if self._threads is None:
                    self._threads = await self._open()
        return self._threads

    async def _open(self) -> _Threads:
        loop = asyncio.get_running_loop()

        def changed() -> None:
            with suppress(RuntimeError):  # the loop has ended without closing the bus
                loop.call_soon_threadsafe(self._ring_all)

        chores = (self._sessions.keep, Retention(self._now).step, Compaction(self._now).step)
        writer = Writer(self._path, self._busy_timeout, now=self._now, chores=chores)
        reader = Watcher(
            self._path,
            self._busy_timeout,
            watching=lambda: bool(self._alarms),
            changed=changed,
        )
        try:
            await writer.start()
            await reader.start()
        except BaseException:
            writer.stop()
            reader.stop()
            raise
        return _Threads(writer, reader)

    async def _pack(self, messages: Sequence[Message]) -> dict[int, list[Packed]]:
        """Encodes the messages per partition id."""
        grouped: defaultdict[int, list[Message]] = defaultdict(list)
        for message in messages:
            layout = self._layouts.get(message.topic) or await self._layout(message.topic)
            partitions = layout.partitions
            if message.key is None:
                number = next(self._turns) % len(partitions)
            else:
                number = partition_of(message.key, len(partitions))
            grouped[partitions[number]].append(message)
        limit = self._max_message_bytes
        return {partition: records.pack(each, limit) for partition, each in grouped.items()}

    async def _layout(self, topic: str) -> Layout:
        threads = await self._opened()
        layout = await threads.reader.ask(records.find, topic)
        if layout is None:
            raise BusUnavailable(f"event log {self._path}: there is no topic {topic!r}")
        self._layouts[topic] = layout
        return layout

    @contextmanager
    def _alarm(self, topics: Sequence[str]) -> Iterator[Alarm]:
        alarm = Alarm(topics)
        self._alarms.add(alarm)
        try:
            yield alarm
        finally:
            self._alarms.discard(alarm)

    def _ring_all(self) -> None:
        for alarm in self._alarms:
            alarm.ring()

    def _now(self) -> int:
        return (self._clock() - _EPOCH) // _MILLISECOND


def _create_topics(connection: sqlite3.Connection, topics: Sequence[Topic]) -> None:
    if records.create_topics(connection, topics):
        groups.advance_all(connection)


def _lag(
    connection: sqlite3.Connection, group: str, topics: Sequence[str]
) -> dict[TopicPartition, int]:
    behind = {}
    for topic in topics:
        layout = records.find(connection, topic)
        for number, partition in enumerate(layout.partitions if layout else ()):
            end = records.ends(connection, partition).next
            done = groups.position(connection, group, partition)
            behind[TopicPartition(topic, number)] = max(0, end - done)
    return behind
