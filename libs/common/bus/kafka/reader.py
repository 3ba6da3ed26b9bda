"""Reading without a group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from libs.common.bus import Offsets, Record, Start
from libs.common.bus.kafka.cluster import Cluster
from libs.common.bus.kafka.connection import Connection, asking
from libs.common.bus.kafka.reading import Fetch, open_consumer, stop
from libs.common.errors import BusUnavailable


class KafkaReader:
    def __init__(
        self, connection: Connection, cluster: Cluster, topics: Sequence[str], *, patience: float
    ) -> None:
        self._connection = connection
        self._cluster = cluster
        self._topics = topics
        self._patience = patience
        self._consumer = open_consumer(connection, group_id=None)
        self._fetch = Fetch(self._consumer, connection, cluster)
        self._closed = False

    async def open(self, start: Start) -> None:
        partitions = await self._cluster.partitions(self._topics)
        positions = await self._cluster.starts(partitions, start)
        async with asking(f"reading {', '.join(self._topics)}", self._patience):
            await self._consumer.start()
        self._consumer.assign(partitions)
        for partition in positions.keys() & set(partitions):
            self._consumer.seek(partition, positions[partition])

    async def poll(self, limit: int, wait: float) -> list[Record]:
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            if self._closed:
                raise BusUnavailable("Kafka: the log is closed")
            left = deadline - asyncio.get_running_loop().time()
            records = await self._fetch.take(limit, max(0.0, left))
            if records:
                return records
            if asyncio.get_running_loop().time() >= deadline:
                await self._fetch.make_sure_of_contact(wait)
                return []

    async def start(self) -> Offsets:
        begins = await self._cluster.begins(await self._cluster.partitions(self._topics))
        return {self._connection.place(each): offset for each, offset in begins.items()}

    async def position(self) -> Offsets:
        """aiokafka moves on over control records and over what compaction has left of a batch."""
        if self._closed:
            raise BusUnavailable("Kafka: the log is closed")
        async with asking("how far reading has come", self._patience):
            return {
                self._connection.place(each): await self._consumer.position(each)
                for each in self._consumer.assignment()
            }

    async def end(self) -> Offsets:
        ends = await self._cluster.ends(await self._cluster.partitions(self._topics))
        return {self._connection.place(each): offset for each, offset in ends.items()}

    async def close(self) -> None:
        self._closed = True
        self._fetch.wake()
        await stop(self._consumer)
