"""The event log in Apache Kafka, through aiokafka, which nothing outside this package imports.

`cluster.py` asks the cluster about itself, `publisher.py` writes, `member.py` and `reader.py`
read. The promises are those of `libs.common.bus`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from libs.common.bus import (
    Consumer,
    Message,
    Reader,
    Rebalance,
    Start,
    Topic,
    TopicPartition,
)
from libs.common.bus.kafka.cluster import Cluster
from libs.common.bus.kafka.connection import Connection
from libs.common.bus.kafka.member import KafkaMember
from libs.common.bus.kafka.publisher import Publisher
from libs.common.bus.kafka.reader import KafkaReader
from libs.common.errors import BusUnavailable

__all__ = ["Connection", "KafkaBus"]


class KafkaBus:
    def __init__(
        self,
        connection: Connection,
        *,
        patience: float = 30.0,
        session: float = 10.0,
        max_poll_interval: float = 300.0,
    ) -> None:
        """Opens nothing yet; the first call does.

        patience: seconds to wait for the cluster before a call raises BusUnavailable.
        session: seconds without a sign of life after which a member counts as dead.
        max_poll_interval: seconds between polls after which a living member loses its partitions.
        """
        self.connection = connection
        self._patience = patience
        self._session = session
        self._max_poll_interval = max_poll_interval
        self._cluster = Cluster(connection, patience=patience)
        self._publisher = Publisher(connection, patience=patience)
        self._open: set[KafkaMember | KafkaReader] = set()
        self._closed = False

    async def create_topics(self, topics: Iterable[Topic]) -> None:
        await self._cluster.create(topics)

    async def publish(self, messages: Sequence[Message]) -> None:
        await self._publisher.publish(messages)

    @asynccontextmanager
    async def consumer(
        self,
        group: str,
        topics: Sequence[str],
        *,
        start: Start = "beginning",
        rebalance: Rebalance | None = None,
    ) -> AsyncIterator[Consumer]:
        self._refuse_when_closed()
        member = KafkaMember(
            self.connection,
            self._cluster,
            group,
            topics,
            rebalance,
            patience=self._patience,
            session=self._session,
            max_poll_interval=self._max_poll_interval,
        )
        async with self._closing(member):
            await member.open(start)
            yield member

    @asynccontextmanager
    async def reader(
        self, topics: Sequence[str], start: Start = "beginning"
    ) -> AsyncIterator[Reader]:
        self._refuse_when_closed()
        reader = KafkaReader(self.connection, self._cluster, topics, patience=self._patience)
        async with self._closing(reader):
            await reader.open(start)
            yield reader

    async def lag(self, group: str, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        return await self._cluster.lag(group, topics)

    async def ready(self) -> None:
        await self._cluster.answers()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._publisher.close()
        await asyncio.gather(*(each.close() for each in self._open))
        await self._cluster.close()

    @asynccontextmanager
    async def _closing(self, source: KafkaMember | KafkaReader) -> AsyncIterator[None]:
        self._open.add(source)
        try:
            yield
        finally:
            self._open.discard(source)
            await source.close()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise BusUnavailable("Kafka: the log is closed")
