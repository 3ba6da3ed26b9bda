"""The event log: how fast it takes and gives events of 700 bytes.

Our Kafka log is compared with plain aiokafka batch code that does the same work (batches per
partition, idempotent, acknowledged by all replicas, committed per batch), in turn, in the same
run, against a real broker: ours, or the one that BRANDMELDER_TEST_KAFKA=host:port names. The
embedded log is measured alone. Takes less than a minute.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

import aiokafka

from benchmarks.table import table
from libs.common.bus import Bus, Message, Topic, after
from libs.common.bus.kafka import Connection, KafkaBus
from libs.common.bus.kafka.publisher import BATCH_BYTES
from libs.common.bus.kafka.reading import FETCH_BYTES
from libs.common.bus.partition import partition_of
from libs.common.bus.sqlite import SqliteBus
from tests.support.kafka import KafkaBroker, missing

BATCH: Final = 1000
EVENTS: Final = 20 * BATCH
PARTITIONS: Final = 6
ROUNDS: Final = 7
RATIO_GOAL: Final = 0.70
EMBEDDED_GOAL: Final = 20_000.0
TEXT: Final = (
    "Motor Bremse Service Werkstatt Rückruf Batterie kaputt super Danke warten Termin Kunde "
    "Lieferung Fehler Update App Händler Garantie teuer schnell nie wieder endlich leise laut"
)

Poll: TypeAlias = Callable[[], Awaitable[int]]
"""Takes a batch and commits it; returns how many records it had."""


def events(topic: str) -> list[Message]:
    """JSON of 700 bytes with the headers of a CloudEvent, under keys that spread."""
    made, words = random.Random(7), TEXT.split()
    return [_event(topic, made, words) for _ in range(EVENTS)]


def _event(topic: str, made: random.Random, words: Sequence[str]) -> Message:
    key = f"{made.getrandbits(128):032x}"
    text = " ".join(made.choice(words) for _ in range(60))
    value = f'{{"id":"{key}","platform":"feed","url":"https://news.example/{key}","text":"{text}"}}'
    headers = (
        ("ce_id", key.encode()),
        ("ce_type", b"Mention"),
        ("ce_source", b"/ingest"),
        ("ce_specversion", b"1.0"),
        ("ce_time", b"2026-11-22T05:00:00+00:00"),
        ("content-type", b"application/json"),
    )
    return Message(topic, key, value.encode().ljust(700)[:700], headers)


# Through our interface


async def publish(bus: Bus, messages: Sequence[Message]) -> None:
    for start in range(0, len(messages), BATCH):
        await bus.publish(messages[start : start + BATCH])


@asynccontextmanager
async def member(bus: Bus, topic: str) -> AsyncIterator[Poll]:
    async with bus.consumer(uuid.uuid4().hex, [topic]) as consumer:

        async def poll() -> int:
            records = await consumer.poll(BATCH, 1.0)
            await consumer.commit(after(records))
            return len(records)

        yield poll


# The same with aiokafka alone


async def publish_plainly(producer: aiokafka.AIOKafkaProducer, messages: Sequence[Message]) -> None:
    for start in range(0, len(messages), BATCH):
        by_partition = defaultdict(list)
        for message in messages[start : start + BATCH]:
            by_partition[partition_of(message.key or "", PARTITIONS)].append(message)
        under_way: list[Any] = []
        for partition, group in by_partition.items():
            batch = producer.create_batch()
            now = int(time.time() * 1000)
            for message in group:
                batch.append(
                    timestamp=now,
                    key=(message.key or "").encode(),
                    value=message.value,
                    headers=list(message.headers),
                )
            batch.close()
            under_way.append(await producer.send_batch(batch, group[0].topic, partition=partition))
        await asyncio.gather(*under_way)


@asynccontextmanager
async def plain_producer(address: str) -> AsyncIterator[aiokafka.AIOKafkaProducer]:
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=address,
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=BATCH_BYTES,
    ) as producer:
        yield producer


@asynccontextmanager
async def plain_member(address: str, topic: str) -> AsyncIterator[Poll]:
    async with aiokafka.AIOKafkaConsumer(
        topic,
        bootstrap_servers=address,
        group_id=uuid.uuid4().hex,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=FETCH_BYTES,
    ) as consumer:

        async def poll() -> int:
            batches = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
            if batches:
                await consumer.commit({tp: each[-1].offset + 1 for tp, each in batches.items()})
            return sum(map(len, batches.values()))

        yield poll


# Measuring


async def timed(work: Awaitable[None]) -> float:
    """Events a second."""
    begun = time.perf_counter()
    await work
    return EVENTS / (time.perf_counter() - begun)


async def drained(poll: Poll) -> float:
    """Events a second, counted after the first batch: joining the group is not reading."""
    first = 0
    while not first:
        first = await poll()
    begun, count = time.perf_counter(), first
    while count < EVENTS:
        count += await poll()
    return (EVENTS - first) / (time.perf_counter() - begun)


async def in_kafka(address: str) -> list[tuple[str, float, float, float]]:
    """What was measured; the medians of ours, of plain aiokafka and of the rounds' ratios."""
    rates: defaultdict[str, list[float]] = defaultdict(list)
    bus = KafkaBus(Connection((address,)))
    async with plain_producer(address) as producer:
        for number in range(ROUNDS):
            ours, plain = (f"{each}-{uuid.uuid4().hex}" for each in ("ours", "plain"))
            await bus.create_topics([Topic(ours, PARTITIONS), Topic(plain, PARTITIONS)])
            turns = [
                ("ours", publish(bus, events(ours)), member(bus, ours)),
                ("plain", publish_plainly(producer, events(plain)), plain_member(address, plain)),
            ]
            if number % 2:
                turns.reverse()
            for who, publishing, _ in turns:
                rates[f"{who} in"].append(await timed(publishing))
            for who, _, reading in turns:
                async with reading as poll:
                    rates[f"{who} out"].append(await drained(poll))
    await bus.close()
    return [
        ("publish", *_compared(rates["ours in"], rates["plain in"])),
        ("consume", *_compared(rates["ours out"], rates["plain out"])),
    ]


def _compared(ours: Sequence[float], plain: Sequence[float]) -> tuple[float, float, float]:
    ratios = [mine / other for mine, other in zip(ours, plain, strict=True)]
    return median(ours), median(plain), median(ratios)


async def embedded() -> list[tuple[str, float]]:
    rates = defaultdict(list)
    for _ in range(3):
        with tempfile.TemporaryDirectory(prefix="brandmelder-log-") as folder:
            bus = SqliteBus(Path(folder) / "bus.db")
            await bus.create_topics([Topic("topic", PARTITIONS)])
            rates["publish"].append(await timed(publish(bus, events("topic"))))
            async with member(bus, "topic") as poll:
                rates["consume"].append(await drained(poll))
            await bus.close()
    return [(what, median(each)) for what, each in rates.items()]


@contextmanager
def broker() -> Iterator[str]:
    if given := os.environ.get("BRANDMELDER_TEST_KAFKA"):
        yield given
        return
    own = KafkaBroker()
    try:
        own.start()
        yield own.address
    finally:
        own.close()


def main() -> None:
    goals = {"publish": EMBEDDED_GOAL}
    rows = [(what, rate, goals.get(what, "")) for what, rate in asyncio.run(embedded())]
    print(table("Embedded log, events of 700 bytes a second", ("", "measured", "goal"), rows))
    reason = None if "BRANDMELDER_TEST_KAFKA" in os.environ else missing()
    if reason is not None:
        print(f"\nKafka left out: {reason}")
        return
    with broker() as address:
        compared = asyncio.run(in_kafka(address))
    print(
        table(
            "Apache Kafka, events of 700 bytes a second",
            ("", "ours", "plain aiokafka", "ratio", "goal"),
            [(*row, RATIO_GOAL) for row in compared],
        )
    )


if __name__ == "__main__":
    main()
