"""A member of a group: it polls the partitions it owns and hands over what others should own."""

from __future__ import annotations

import math
import sqlite3
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from libs.common.bus import Offsets, Rebalance, Record, Start, TopicPartition
from libs.common.bus.sqlite import groups
from libs.common.bus.sqlite.reader import Alarm, Stock, poll
from libs.common.bus.sqlite.records import Chunk, fetch
from libs.common.bus.sqlite.threads import Watcher, Writer
from libs.common.errors import BusUnavailable, PartitionLost


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a consumer asked for. enter: writes a new member of this id into its group; it runs
    on the writer's thread."""

    group: str
    topics: Sequence[str]
    start: Start
    rebalance: Rebalance | None
    enter: Callable[[sqlite3.Connection, str], None]


class Member:
    """Implements `Consumer`."""

    def __init__(
        self, subscription: Subscription, *, writer: Writer, reader: Watcher, alarm: Alarm
    ) -> None:
        self.group: Final = subscription.group
        self.id = ""
        self._subscription = subscription
        self._writer = writer
        self._reader = reader
        self._alarm = alarm
        self._stock = Stock()
        self._ids: dict[TopicPartition, int] = {}
        self._generation: int | None = None
        self._left_alone_since = time.monotonic()

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self._stock.places.values())

    def idle(self) -> float:
        """Seconds since the last poll ended; 0 while one is under way."""
        return max(0.0, time.monotonic() - self._left_alone_since)

    async def poll(self, limit: int, wait: float) -> list[Record]:
        self._left_alone_since = math.inf
        try:
            return await poll(self._alarm, lambda: self._next(limit), wait)
        finally:
            self._left_alone_since = time.monotonic()

    async def commit(self, offsets: Offsets) -> None:
        if not offsets:
            return
        if not self._ids.keys() >= offsets.keys():
            raise PartitionLost(f"group {self.group!r} never gave these partitions to this member")
        positions = {self._ids[place]: offset for place, offset in offsets.items()}
        await self._writer.ask(groups.commit, self.group, self.id, positions)

    async def join(self) -> None:
        """Becomes a member, under a new name each time."""
        self.id = uuid.uuid4().hex
        await self._writer.ask(self._subscription.enter, self.id)

    async def leave(self) -> None:
        """Frees what this member owns. When the log cannot be reached, its session expires."""
        try:
            await self._give_up(tuple(self._stock.places))
        finally:
            with suppress(BusUnavailable):
                await self._writer.ask(groups.leave, self.group, self.id)

    async def _next(self, limit: int) -> list[Record]:
        while True:
            if self._generation is None:
                await self._take_part()
            wanted = self._stock.to_fetch(limit)
            generation, chunks = await self._reader.ask(self._fetch, wanted, limit)
            if generation != self._generation:
                self._generation = None
                continue
            self._stock.put(chunks)
            records = self._stock.take(limit)
            if records or not chunks:
                return records

    def _fetch(
        self, connection: sqlite3.Connection, positions: Mapping[int, int], limit: int
    ) -> tuple[int, list[Chunk]]:
        generation = groups.generation(connection, self.group)
        return generation, fetch(connection, positions, limit)

    async def _take_part(self) -> None:
        """Makes this member own what it should, as far as others have let go of it."""
        while True:
            state = await self._reader.ask(groups.view, self.group, self.id)
            if not state.alive:
                await self._give_up(tuple(self._stock.places))
                await self.join()
                continue
            await self._give_up(self._stock.places.keys() - state.owned.keys())
            surplus = state.owned.keys() - state.wanted
            if surplus:
                await self._give_up(self._stock.places.keys() & surplus)
                await self._writer.ask(groups.release, self.group, self.id, surplus)
            elif state.claimable:
                await self._writer.ask(groups.claim, self.group, self.id, self._subscription.start)
            else:
                await self._take_up(state.owned)
                self._generation = state.generation
                return

    async def _give_up(self, partitions: Collection[int]) -> None:
        """Tells the listener while this member still owns them, unless it lost them."""
        if not partitions:
            return
        places = frozenset(self._stock.places[each] for each in partitions)
        self._stock.drop(partitions)
        if self._subscription.rebalance is not None:
            await self._subscription.rebalance.revoked(places)

    async def _take_up(self, owned: Mapping[int, TopicPartition]) -> None:
        added = {each: place for each, place in owned.items() if each not in self._stock.places}
        if not added:
            return
        positions = await self._reader.ask(groups.positions, self.group, added.keys())
        if self._subscription.rebalance is not None:
            await self._subscription.rebalance.assigned(frozenset(added.values()))
        for partition, place in added.items():
            self._ids[place] = partition
            self._stock.add(partition, place, positions[partition])
