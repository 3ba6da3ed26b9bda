"""A member of a group: it owns some of the partitions, and the group may take them away.

aiokafka learns in the background that the group redistributes its partitions. This member gives
its own up only between two batches: while the caller works on records, the group waits for the
next poll (or until the caller has been silent for too long), so the batch at hand can still be
committed. Records of new partitions are held back until the caller's listener has returned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import aiokafka
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError

from libs.common.bus import Offsets, Rebalance, Record, Start, TopicPartition
from libs.common.bus.kafka.cluster import Cluster
from libs.common.bus.kafka.connection import Connection, asking
from libs.common.bus.kafka.reading import Fetch, open_consumer, stop
from libs.common.errors import BusUnavailable, PartitionLost

HEARTBEATS_PER_SESSION: Final = 6
LEAVING_SECONDS: Final = 0.5
"""How long after the longest silence aiokafka has told the group that this member is out."""


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, member: KafkaMember) -> None:
        self._member = member

    async def on_partitions_revoked(self, revoked: set[aiokafka.TopicPartition]) -> None:
        await self._member.give_up()

    async def on_partitions_assigned(self, assigned: set[aiokafka.TopicPartition]) -> None:
        self._member.take_over(assigned)


class KafkaMember:
    def __init__(
        self,
        connection: Connection,
        cluster: Cluster,
        group: str,
        topics: Sequence[str],
        rebalance: Rebalance | None,
        *,
        patience: float,
        session: float,
        max_poll_interval: float,
    ) -> None:
        self._connection = connection
        self._cluster = cluster
        self._group = group
        self._topics = topics
        self._rebalance = rebalance
        self._patience = patience
        self._max_poll_interval = max_poll_interval
        self._consumer = open_consumer(
            connection,
            group_id=connection.topic(group),
            session_timeout_ms=int(session * 1000),
            heartbeat_interval_ms=int(session * 1000 / HEARTBEATS_PER_SESSION),
            max_poll_interval_ms=int(max_poll_interval * 1000),
            rebalance_timeout_ms=int(max_poll_interval * 1000),
        )
        self._fetch = Fetch(self._consumer, connection, cluster)
        self._starts: dict[aiokafka.TopicPartition, int] = {}
        self._owned: frozenset[TopicPartition] = frozenset()
        self._new: frozenset[aiokafka.TopicPartition] | None = None
        self._telling = asyncio.Lock()
        self._polling = asyncio.Event()
        self._silent_since = asyncio.get_running_loop().time()
        self._listener_error: Exception | None = None
        self._closed = False

    async def open(self, start: Start) -> None:
        if start != "beginning":
            partitions = await self._cluster.partitions(self._topics)
            self._starts = await self._cluster.starts(partitions, start)
        async with asking(f"joining {self._group}", self._patience):
            await self._consumer.start()
        # Only now: start() would wait for the first share, which the other members hold back
        # until they poll.
        self._consumer.subscribe(
            [self._connection.topic(each) for each in self._topics], listener=Listener(self)
        )

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return self._owned

    async def poll(self, limit: int, wait: float) -> list[Record]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        self._polling.set()
        try:
            while True:
                self._raise_what_happened()
                if self._new is not None:
                    await self._settle()
                records = await self._fetch.take(limit, max(0.0, deadline - loop.time()))
                if records:
                    return records
                if loop.time() >= deadline and self._new is None:
                    self._raise_what_happened()
                    await self._fetch.make_sure_of_contact(wait)
                    return []
        finally:
            self._silent_since = loop.time()
            self._polling.clear()

    async def commit(self, offsets: Offsets) -> None:
        if self._closed:
            raise BusUnavailable("Kafka: the log is closed")
        lost = sorted(place for place in offsets if place not in self._owned)
        if lost:
            raise PartitionLost(f"{self._group} no longer owns {lost} here")
        if not offsets:
            return
        async with asking(f"committing for {self._group}", self._patience):
            try:
                await self._consumer.commit(self._connection.positions(offsets))
            except (CommitFailedError, IllegalStateError) as error:
                raise PartitionLost(f"{self._group} was redistributed") from error

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._polling.set()
        self._fetch.wake()
        try:
            await self._tell_revoked()
        finally:
            await stop(self._consumer)

    async def give_up(self) -> None:
        """Called when the group redistributes: returns when the caller has finished its batch,
        or has been silent for so long that the group goes on without it."""
        if not self._owned and self._new is None:
            return
        silence = asyncio.get_running_loop().time() - self._silent_since
        patience = self._max_poll_interval + LEAVING_SECONDS - silence
        with suppress(TimeoutError):
            await asyncio.wait_for(self._polling.wait(), max(0.0, patience))
        try:
            await self._tell_revoked()
        except Exception as error:  # noqa: BLE001 -- aiokafka would swallow it; poll raises it
            self._listener_error = error

    def take_over(self, assigned: set[aiokafka.TopicPartition]) -> None:
        """Called when the group has redistributed, before anything is fetched."""
        self._consumer.pause(*assigned)
        self._new = frozenset(assigned)
        self._fetch.wake()

    async def _tell_revoked(self) -> None:
        async with self._telling:
            gone, self._owned, self._new = self._owned, frozenset(), None
            if gone and self._rebalance is not None:
                await self._rebalance.revoked(gone)

    async def _settle(self) -> None:
        """Begins with the partitions that are new. Should it fail, the next poll tries again."""
        async with self._telling:
            new = self._new
            if new is None:
                return
            async with asking(f"beginning in {self._group}", self._patience):
                try:
                    await self._find_places(new)
                except (CommitFailedError, IllegalStateError):
                    self._new = None  # redistributed once more; take_over() will be called
                    return
            places = self._connection.places(new)
            if places and self._rebalance is not None:
                await self._rebalance.assigned(places)
            self._owned, self._new = places, None
            self._consumer.resume(*new)

    async def _find_places(self, partitions: frozenset[aiokafka.TopicPartition]) -> None:
        """Goes to the start in partitions of which the group has committed nothing, and commits
        that: the group must not begin at a later end after a crash."""
        asked = [each for each in partitions if each in self._starts]
        committed = await asyncio.gather(*(self._consumer.committed(each) for each in asked))
        begun = {
            each: self._starts[each]
            for each, offset in zip(asked, committed, strict=True)
            if offset is None
        }
        for partition, offset in begun.items():
            self._consumer.seek(partition, offset)
        if begun:
            await self._consumer.commit(begun)

    def _raise_what_happened(self) -> None:
        if self._closed:
            raise BusUnavailable("Kafka: the log is closed")
        if self._listener_error is not None:
            error, self._listener_error = self._listener_error, None
            raise error
