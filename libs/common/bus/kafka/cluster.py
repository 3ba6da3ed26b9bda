"""Asks the cluster about itself: whether it answers, its topics, its offsets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    NoError,
    TopicAlreadyExistsError,
    for_code,
)

from libs.common.bus import Start, Topic, TopicPartition
from libs.common.bus.kafka.connection import Connection, asking, persisting

RECORD_BATCH_BYTES: Final = 2 * 1024 * 1024
"""The largest batch a topic of ours takes, once compressed; the broker's default of 1 MiB leaves
no room around a message of 1 MiB."""


class Cluster:
    """Its clients are opened when first needed, and again after a failure to open."""

    def __init__(self, connection: Connection, *, patience: float) -> None:
        """patience: seconds to wait for an answer."""
        self._connection = connection
        self._patience = patience
        self._opening = asyncio.Lock()
        self._admin: AIOKafkaAdminClient | None = None
        self._observer: aiokafka.AIOKafkaConsumer | None = None
        self._closed = False

    async def answers(self, patience: float | None = None) -> None:
        """Raises BusUnavailable when no broker answers."""
        async with asking("is it there?", patience or self._patience):
            await (await self._administrator()).describe_topics([])

    async def create(self, topics: Iterable[Topic]) -> None:
        """Creates what is missing, and returns when every partition has a leader."""
        wanted = list(topics)

        async def create() -> None:
            admin = await self._administrator()
            response = await admin.create_topics([self._new(each) for each in wanted])
            for name, code, message in response.topic_errors:
                if for_code(code) not in (NoError, TopicAlreadyExistsError):
                    raise for_code(code)(f"{name}: {message}")

        async def look() -> None:
            if not await self._led([each.name for each in wanted]):
                raise LeaderNotAvailableError

        await persisting("creating topics", self._patience, create)
        await persisting("waiting for the new topics", self._patience, look)

    async def partitions(self, topics: Sequence[str]) -> list[aiokafka.TopicPartition]:
        """Every partition of these topics."""

        async def ask() -> list[aiokafka.TopicPartition]:
            found = []
            for described in await self._describe(topics):
                if described["error_code"]:
                    raise for_code(described["error_code"])(described["topic"])
                found += [
                    aiokafka.TopicPartition(described["topic"], each["partition"])
                    for each in described["partitions"]
                ]
            return sorted(found)

        return await persisting(f"partitions of {', '.join(topics)}", self._patience, ask)

    async def begins(
        self, partitions: Sequence[aiokafka.TopicPartition]
    ) -> dict[aiokafka.TopicPartition, int]:
        """The offsets before which nothing is left."""
        return await self._offsets(lambda observer: observer.beginning_offsets(partitions))

    async def ends(
        self, partitions: Sequence[aiokafka.TopicPartition]
    ) -> dict[aiokafka.TopicPartition, int]:
        """The offsets after the last records."""
        return await self._offsets(lambda observer: observer.end_offsets(partitions))

    async def starts(
        self, partitions: Sequence[aiokafka.TopicPartition], start: Start
    ) -> dict[aiokafka.TopicPartition, int]:
        """Where reading begins. Partitions left out begin at their beginning."""
        if start == "beginning":
            return {}
        if isinstance(start, datetime):
            return await self._since(partitions, start)
        if start == "end":
            return await self.ends(partitions)
        return self._connection.positions(start)

    async def lag(self, group: str, topics: Sequence[str]) -> dict[TopicPartition, int]:
        partitions = await self.partitions(topics)

        async def ask() -> dict[aiokafka.TopicPartition, Any]:
            admin = await self._administrator()
            name = self._connection.topic(group)
            committed: dict[aiokafka.TopicPartition, Any]
            committed = await admin.list_consumer_group_offsets(name)
            return committed

        committed = await persisting(f"what {group} has committed", self._patience, ask)
        ends = await self.ends(partitions)
        begins = await self.begins(partitions)
        lag = {}
        for each in partitions:
            done = committed[each].offset if each in committed else 0
            lag[self._connection.place(each)] = max(0, ends[each] - max(done, begins[each]))
        return lag

    async def close(self) -> None:
        self._closed = True
        async with self._opening:
            if self._admin is not None:
                await self._admin.close()
            if self._observer is not None:
                await self._observer.stop()

    async def _since(
        self, partitions: Sequence[aiokafka.TopicPartition], start: datetime
    ) -> dict[aiokafka.TopicPartition, int]:
        ends = await self.ends(partitions)  # first: nothing published later may be skipped
        milliseconds = max(0, int(start.timestamp() * 1000))
        found = await self._offsets(
            lambda observer: observer.offsets_for_times(dict.fromkeys(partitions, milliseconds))
        )
        return {
            each: ends[each] if found[each] is None else found[each].offset for each in partitions
        }

    async def _offsets(
        self, question: Callable[[aiokafka.AIOKafkaConsumer], Awaitable[dict[Any, Any]]]
    ) -> dict[aiokafka.TopicPartition, Any]:
        async with asking("offsets", self._patience):
            return await question(await self._onlooker())

    async def _led(self, topics: Sequence[str]) -> bool:
        return all(
            not described["error_code"]
            and all(each["leader"] >= 0 for each in described["partitions"])
            for described in await self._describe(topics)
        )

    async def _describe(self, topics: Sequence[str]) -> list[dict[str, Any]]:
        admin = await self._administrator()
        described: list[dict[str, Any]] = await admin.describe_topics(
            [self._connection.topic(each) for each in topics]
        )
        return described

    def _new(self, topic: Topic) -> NewTopic:
        retention = -1 if topic.retention is None else int(topic.retention.total_seconds() * 1000)
        return NewTopic(
            self._connection.topic(topic.name),
            topic.partitions,
            -1,  # as many replicas as the cluster's default says
            replica_assignments={},
            topic_configs={
                "retention.ms": str(retention),
                "cleanup.policy": "compact" if topic.compacted else "delete",
                "max.message.bytes": str(RECORD_BATCH_BYTES),
            },
        )

    async def _administrator(self) -> AIOKafkaAdminClient:
        async with self._opening:
            if self._admin is None:
                self._refuse_when_closed()
                admin = AIOKafkaAdminClient(**self._connection.arguments())
                try:
                    await admin.start()
                except BaseException:
                    await admin.close()
                    raise
                self._admin = admin
            return self._admin

    async def _onlooker(self) -> aiokafka.AIOKafkaConsumer:
        """A consumer that never reads, as only consumers of aiokafka know offsets."""
        async with self._opening:
            if self._observer is None:
                self._refuse_when_closed()
                observer = aiokafka.AIOKafkaConsumer(
                    group_id=None, enable_auto_commit=False, **self._connection.arguments()
                )
                try:
                    await observer.start()
                except BaseException:
                    await observer.stop()
                    raise
                self._observer = observer
            return self._observer

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise KafkaError("the log is closed")
