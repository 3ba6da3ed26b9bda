"""Polling, and the reader that belongs to no group."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from libs.common.bus import Offsets, Record, Start, TopicPartition
from libs.common.bus.sqlite.records import Chunk, Ends, ends, fetch, find, holds, seek, to_records
from libs.common.bus.sqlite.threads import Watcher
from libs.common.errors import BusUnavailable

TRY_AGAIN: Final = 0.2
"""Seconds between tries while the log cannot be read."""


class Alarm:
    """Wakes a poll: something was published, or the bus closes."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics: Final = frozenset(topics)
        self.closed = False
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    def reset(self) -> None:
        self._event.clear()

    async def wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass


async def poll(
    alarm: Alarm, next_records: Callable[[], Awaitable[list[Record]]], wait: float
) -> list[Record]:
    """Asks for records until there are some, `wait` seconds are over, or the bus closes."""
    deadline = time.monotonic() + wait
    while True:
        alarm.reset()
        longest = wait
        try:
            records = await next_records()
        except BusUnavailable:
            if not alarm.closed and time.monotonic() >= deadline:
                raise
            records, longest = [], TRY_AGAIN
        left = deadline - time.monotonic()
        if records or left <= 0 or alarm.closed:
            return records
        await alarm.wait(min(left, longest))


class Stock:
    """Where reading stands per partition id, and the records fetched beyond what was asked for."""

    def __init__(self) -> None:
        self.positions: dict[int, int] = {}
        self.places: dict[int, TopicPartition] = {}
        self._ahead: list[Record] = []

    def add(self, partition: int, place: TopicPartition, position: int) -> None:
        self.places[partition] = place
        self.positions[partition] = position

    def drop(self, partitions: Iterable[int]) -> None:
        gone = {
            self.places.pop(each)
            for each in partitions
            if self.positions.pop(each, None) is not None
        }
        self._ahead = [
            each for each in self._ahead if TopicPartition(each.topic, each.partition) not in gone
        ]

    def to_fetch(self, limit: int) -> dict[int, int]:
        """The positions to fetch from; none while `limit` records are in stock."""
        return dict(self.positions) if len(self._ahead) < limit else {}

    def put(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            position = self.positions[chunk.partition]
            self._ahead += to_records(self.places[chunk.partition], chunk, position)
            self.positions[chunk.partition] = chunk.last_offset + 1
        if chunks:
            # The others come first next time, so that none waits for one with much to read.
            last = chunks[-1].partition
            self.positions[last] = self.positions.pop(last)

    def waiting(self) -> dict[TopicPartition, int]:
        """The offsets of the first records in stock, of partitions that have any."""
        first: dict[TopicPartition, int] = {}
        for record in self._ahead:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        return first

    def take(self, limit: int) -> list[Record]:
        taken = self._ahead[:limit]
        self._ahead = self._ahead[limit:]
        return taken


class LoneReader:
    """Implements `Reader`."""

    def __init__(self, thread: Watcher, alarm: Alarm, topics: Sequence[str], start: Start) -> None:
        self._thread = thread
        self._alarm = alarm
        self._missing = list(topics)
        self._start: Start = start
        self._stock = Stock()

    async def begin(self) -> None:
        """Finds where to begin. Topics that do not exist yet are read from their beginning when
        they do."""
        await self._find_topics()
        self._start = "beginning"

    async def poll(self, limit: int, wait: float) -> list[Record]:
        return await poll(self._alarm, lambda: self._next(limit), wait)

    async def start(self) -> Offsets:
        await self._find_topics()
        found = await self._thread.ask(_ends, dict(self._stock.places))
        return {place: each.first for place, each in found.items()}

    async def position(self) -> Offsets:
        await self._find_topics()
        stock = self._stock
        reached = await self._thread.ask(_reached, dict(stock.places), dict(stock.positions))
        return reached | stock.waiting()

    async def end(self) -> Offsets:
        await self._find_topics()
        found = await self._thread.ask(_ends, dict(self._stock.places))
        return {place: each.next for place, each in found.items()}

    async def _next(self, limit: int) -> list[Record]:
        await self._find_topics()
        while True:
            chunks = await self._thread.ask(fetch, self._stock.to_fetch(limit), limit)
            self._stock.put(chunks)
            records = self._stock.take(limit)
            if records or not chunks:
                return records

    async def _find_topics(self) -> None:
        if not self._missing:
            return
        found = await self._thread.ask(_locate, tuple(self._missing), self._start)
        for partition, (place, position) in found.items():
            self._stock.add(partition, place, position)
        existing = {place.topic for place, _ in found.values()}
        self._missing = [each for each in self._missing if each not in existing]


def _locate(
    connection: sqlite3.Connection, topics: Iterable[str], start: Start
) -> dict[int, tuple[TopicPartition, int]]:
    """Partition ids with their place and where reading begins."""
    found = {}
    for topic in topics:
        layout = find(connection, topic)
        for number, partition in enumerate(layout.partitions if layout else ()):
            place = TopicPartition(topic, number)
            found[partition] = (place, seek(connection, place, partition, start))
    return found


def _ends(
    connection: sqlite3.Connection, places: Mapping[int, TopicPartition]
) -> dict[TopicPartition, Ends]:
    return {place: ends(connection, partition) for partition, place in places.items()}


def _reached(
    connection: sqlite3.Connection,
    places: Mapping[int, TopicPartition],
    positions: Mapping[int, int],
) -> dict[TopicPartition, int]:
    """The positions; where nothing is left to fetch, the end."""
    return {
        place: positions[partition]
        if holds(connection, partition, positions[partition])
        else ends(connection, partition).next
        for partition, place in places.items()
    }
