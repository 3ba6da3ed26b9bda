"""What readers and members have in common: fetching a bounded batch, and ending."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import aiokafka
from aiokafka.errors import ConsumerStoppedError, KafkaError

from libs.common.bus import Record
from libs.common.bus.kafka.cluster import Cluster
from libs.common.bus.kafka.connection import Connection
from libs.common.errors import BusUnavailable

FETCH_BYTES: Final = 8 * 1024 * 1024
"""How much one request brings from a broker at most, compressed; it bounds the memory."""

CONTACT_SECONDS: Final = 2.0
"""After so long without a record, the next empty poll asks whether the cluster is there."""

CLOSING_SECONDS: Final = 5.0
"""How long leaving a group may take before the connections are cut."""


def open_consumer(connection: Connection, **options: Any) -> aiokafka.AIOKafkaConsumer:
    return aiokafka.AIOKafkaConsumer(
        **connection.arguments(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # also when the retention has overtaken the position
        fetch_max_bytes=FETCH_BYTES,
        **options,
    )


async def stop(consumer: aiokafka.AIOKafkaConsumer) -> None:
    """Leaves the group, if any. A group in the middle of a rebalance answers only when its
    slowest member is ready; the connections are cut then, which ends the waiting."""
    stopping = asyncio.create_task(consumer.stop())
    done, _ = await asyncio.wait({stopping}, timeout=CLOSING_SECONDS)
    if not done:
        await consumer._client.close()
    await stopping


class Fetch:
    """Takes batches from an aiokafka consumer. aiokafka itself waits in silence for a cluster
    that is gone, and for a rebalance to end; a poll of ours does neither."""

    def __init__(
        self, consumer: aiokafka.AIOKafkaConsumer, connection: Connection, cluster: Cluster
    ) -> None:
        self._consumer = consumer
        self._connection = connection
        self._cluster = cluster
        self._contact = time.monotonic()
        self._waiting: asyncio.Timeout | None = None

    async def take(self, limit: int, wait: float) -> list[Record]:
        """Up to `limit` records; an empty list after `wait` seconds, or when woken."""
        try:
            async with asyncio.timeout(wait + 0.05) as self._waiting:
                batches = await self._consumer.getmany(
                    timeout_ms=int(wait * 1000), max_records=limit
                )
        except TimeoutError:
            return []
        except ConsumerStoppedError as error:
            raise BusUnavailable("Kafka: the log is closed") from error
        except KafkaError as error:
            raise BusUnavailable(f"Kafka: reading: {error}") from error
        finally:
            self._waiting = None
            self._note_the_end()
        records = [
            record
            for partition, batch in batches.items()
            for record in self._records(partition, batch)
        ]
        if records:
            self._contact = time.monotonic()
        return records

    def wake(self) -> None:
        """Ends a `take` that is waiting."""
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def make_sure_of_contact(self, patience: float) -> None:
        """Nothing came: because nothing is there, or nobody? Raises BusUnavailable for nobody."""
        if time.monotonic() - self._contact > CONTACT_SECONDS:
            await self._cluster.answers(max(patience, CONTACT_SECONDS))
            self._contact = time.monotonic()

    def _note_the_end(self) -> None:
        """aiokafka 0.14 counts a fetch that was cancelled or failed as going on for ever, and
        would take a member whose caller hangs for one that polls."""
        subscription = self._consumer._subscription
        subscription._fetch_count = 0
        subscription._last_fetch_ended = time.monotonic()

    def _records(
        self, partition: aiokafka.TopicPartition, batch: list[aiokafka.ConsumerRecord]
    ) -> list[Record]:
        topic, number = self._connection.place(partition)
        return [
            Record(
                topic,
                number,
                each.offset,
                each.timestamp,
                None if each.key is None else each.key.decode("utf-8", "replace"),
                each.value,
                each.headers,
            )
            for each in batch
        ]
