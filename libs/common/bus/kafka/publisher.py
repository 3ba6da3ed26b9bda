"""Publishing: concurrent calls share batches, partition by partition, in the order of the calls.

A batch costs a quarter of what single messages cost in aiokafka, but only single messages are
gathered by it. So each partition has a lane of waiting messages, and while a batch is under way,
the next one fills with whatever has come.

The producer is idempotent and waits for all replicas: it repeats a batch until the cluster has
it once. When a batch fails for good, the numbers that the idempotence rests on have a gap, and
the cluster refuses whatever follows; a new producer with new numbers takes over then.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import aiokafka
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from libs.common.bus import Message
from libs.common.bus.kafka.connection import Connection, asking
from libs.common.bus.partition import partition_of
from libs.common.errors import BusUnavailable, MessageTooLarge

MESSAGE_BYTES: Final = 1 << 20
"""The largest message: key, value and headers together, as in the embedded log."""

BATCH_BYTES: Final = 512 * 1024
"""How much is gathered into one batch, before compression."""

REQUEST_SECONDS: Final = 10.0
"""How long one request may take before it is repeated."""

CLOSING_SECONDS: Final = 5.0
"""How long closing waits for what is under way, once while handing over and once for the
acknowledgements."""

Packed: TypeAlias = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]


class Parcel:
    """The messages of one call for one partition. `done` when all of them are durable."""

    __slots__ = ("done", "messages", "next")

    def __init__(self, messages: list[Packed]) -> None:
        self.messages = messages
        self.next = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Lane:
    """What waits for one partition, and the task that sends it."""

    __slots__ = ("partition", "sending", "waiting")

    def __init__(self, partition: aiokafka.TopicPartition) -> None:
        self.partition = partition
        self.waiting: deque[Parcel] = deque()
        self.sending: asyncio.Task[None] | None = None

    def fill(self, batch: Any, taken: list[tuple[Parcel, bool]]) -> None:
        """Moves messages into the batch until it is full. Adds to `taken` whose, and whether the
        parcel's last message is among them. A parcel that its caller gave up is dropped."""
        append, now = batch.append, int(time.time() * 1000)
        while self.waiting:
            parcel = self.waiting[0]
            if not parcel.done.done():
                before = parcel.next
                for key, value, headers in itertools.islice(parcel.messages, before, None):
                    if append(timestamp=now, key=key, value=value, headers=headers) is None:
                        if parcel.next > before:
                            taken.append((parcel, False))
                        return
                    parcel.next += 1
                taken.append((parcel, True))
            self.waiting.popleft()


class Publisher:
    def __init__(self, connection: Connection, *, patience: float) -> None:
        """patience: seconds after which a call gives up what is not acknowledged."""
        self._connection = connection
        self._patience = patience
        self._gates: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._lanes: dict[aiokafka.TopicPartition, Lane] = {}
        self._opening = asyncio.Lock()
        self._producer: aiokafka.AIOKafkaProducer | None = None
        self._broken = False
        self._closed = False
        self._turn = itertools.count()

    async def publish(self, messages: Sequence[Message]) -> None:
        by_topic: dict[str, list[Message]] = {}
        for message in messages:
            _refuse_if_too_large(message)
            by_topic.setdefault(message.topic, []).append(message)
        parcels: list[Parcel] = []
        try:
            async with asking("publishing", self._patience):
                for topic, group in by_topic.items():
                    parcels += await self._hand_in(self._connection.topic(topic), group)
                if parcels:
                    await asyncio.wait([each.done for each in parcels])
        finally:
            # What the caller was told to have failed is not sent later, unless it is on its way.
            errors = [None if each.done.cancel() else each.done.exception() for each in parcels]
        for error in errors:
            if error is not None:
                raise error

    async def close(self) -> None:
        """What is under way is delivered, or refused."""
        self._closed = True
        sending = [each.sending for each in self._lanes.values() if each.sending is not None]
        if sending:
            await asyncio.wait(sending, timeout=CLOSING_SECONDS)
        async with self._opening:
            producer, self._producer = self._producer, None
            if producer is not None:
                await _stop(producer)
        for lane in self._lanes.values():
            if lane.sending is not None:
                await lane.sending

    async def _hand_in(self, topic: str, messages: Sequence[Message]) -> list[Parcel]:
        """Puts the messages into the lanes. One call at a time per topic, in the order of the
        calls: the first ones may have to wait for the producer or the topic's layout."""
        async with self._gates[topic]:
            if self._closed:
                raise BusUnavailable("Kafka: the log is closed")
            producer = await self._open()
            count = len(await producer.partitions_for(topic))
            packed: dict[int, list[Packed]] = {}
            for message in messages:
                if message.key is None:
                    key, number = None, next(self._turn) % count
                else:
                    key, number = message.key.encode(), partition_of(message.key, count)
                packed.setdefault(number, []).append((key, message.value, list(message.headers)))
            return [
                self._put(aiokafka.TopicPartition(topic, number), each)
                for number, each in packed.items()
            ]

    def _put(self, partition: aiokafka.TopicPartition, messages: list[Packed]) -> Parcel:
        lane = self._lanes.get(partition)
        if lane is None:
            lane = self._lanes[partition] = Lane(partition)
        parcel = Parcel(messages)
        lane.waiting.append(parcel)
        if lane.sending is None:
            lane.sending = asyncio.create_task(self._send(lane))
        return parcel

    async def _send(self, lane: Lane) -> None:
        """Sends what waits in the lane, until nothing does."""
        taken: list[tuple[Parcel, bool]] = []
        try:
            while lane.waiting:
                producer = await self._open()
                batch = producer.create_batch()
                taken = []
                lane.fill(batch, taken)
                if taken:
                    batch.close()
                    await self._send_batch(producer, lane.partition, batch, taken)
        except Exception as error:  # noqa: BLE001 -- the callers get it; nobody else would
            for parcel in (*(parcel for parcel, _ in taken), *lane.waiting):
                parcel.fail(_translated(error))
            lane.waiting.clear()
        finally:
            lane.sending = None

    async def _send_batch(
        self,
        producer: aiokafka.AIOKafkaProducer,
        partition: aiokafka.TopicPartition,
        batch: Any,
        taken: list[tuple[Parcel, bool]],
    ) -> None:
        """Returns when the batch is next in line, so that the following one may be filled."""
        try:
            acknowledged = await producer.send_batch(
                batch, partition.topic, partition=partition.partition
            )
        except KafkaError as error:
            for parcel, _ in taken:
                parcel.fail(_translated(error))
        else:
            acknowledged.add_done_callback(partial(self._settle, producer, taken))

    def _settle(
        self,
        producer: aiokafka.AIOKafkaProducer,
        taken: list[tuple[Parcel, bool]],
        acknowledged: asyncio.Future[Any],
    ) -> None:
        error = acknowledged.exception()
        if error is None and acknowledged.result() is None:
            error = KafkaError("not acknowledged before closing")
        if error is not None and producer is self._producer:
            self._broken = True
        for parcel, complete in taken:
            if error is not None:
                parcel.fail(_translated(error))
            elif complete and not parcel.done.done():
                parcel.done.set_result(None)

    async def _open(self) -> aiokafka.AIOKafkaProducer:
        """The producer; a new one when there is none yet or the last one is broken."""
        async with self._opening:
            if self._producer is not None and self._broken:
                producer, self._producer = self._producer, None
                await _stop(producer)
            if self._producer is None:
                if self._closed:
                    raise BusUnavailable("Kafka: the log is closed")
                self._producer = await self._start()
                self._broken = False
            return self._producer

    async def _start(self) -> aiokafka.AIOKafkaProducer:
        producer = aiokafka.AIOKafkaProducer(
            **self._connection.arguments(),
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=int(REQUEST_SECONDS * 1000),
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer


async def _stop(producer: aiokafka.AIOKafkaProducer) -> None:
    """Stops a producer, bounded: an idempotent one would repeat its batches for ever. aiokafka
    has no public way to give up: its sender is ended, which puts the batches back, and they are
    then released without an acknowledgement."""
    stopping = asyncio.create_task(producer.stop())
    done, _ = await asyncio.wait({stopping}, timeout=CLOSING_SECONDS)
    if not done:
        await producer._sender.close()
        for batches in producer._message_accumulator._batches.values():
            for batch in batches:
                batch.done_noack()
    await stopping


def _refuse_if_too_large(message: Message) -> None:
    size = len(message.value or b"") + len((message.key or "").encode())
    size += sum(len(name) + len(value) for name, value in message.headers)
    if size > MESSAGE_BYTES:
        raise MessageTooLarge(f"{size} bytes for {message.topic}; {MESSAGE_BYTES} is the most")


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
        return MessageTooLarge(f"Kafka: {error}")
    if isinstance(error, KafkaError | OSError):
        return BusUnavailable(f"Kafka: publishing: {error}")
    return error
