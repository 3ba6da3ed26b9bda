"""The log in Apache Kafka: the common behaviours, and what only a real cluster can do to it."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from libs.common.bus import Bus, Message, Offsets, Reader, Topic, TopicPartition, after
from libs.common.bus.kafka import Connection, KafkaBus
from libs.common.bus.kafka.member import HEARTBEATS_PER_SESSION
from libs.common.errors import BusUnavailable, MessageTooLarge, PartitionLost
from tests.contract.behaviours.asking import (
    Unique,
    numbered,
    numbers,
    places,
    read_all,
    share,
    take,
)
from tests.contract.bus_behaviours import BusBehaviours, BusFactory
from tests.support.kafka import KafkaBroker
from tests.support.proxy import proxy

SESSION = 2.0


@pytest.fixture
def unique() -> Unique:
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex}"


@pytest.fixture
def patience() -> float:
    return 30.0


@pytest.fixture
def bus_url(kafka_address: str) -> str:
    return f"kafka://{kafka_address}?session={SESSION}"


@pytest.fixture
async def bus_factory(kafka_address: str) -> AsyncIterator[BusFactory]:
    opened: list[KafkaBus] = []

    async def open_another(*, max_poll_interval: float = 300.0) -> KafkaBus:
        connection = Connection((kafka_address,))
        opened.append(KafkaBus(connection, session=SESSION, max_poll_interval=max_poll_interval))
        return opened[-1]

    yield open_another
    for each in opened:
        await each.close()


class TestKafkaBus(BusBehaviours):
    """The same promises, on a real broker."""


async def test_the_group_waits_for_the_batch_at_hand(
    bus_factory: BusFactory, unique: Unique, patience: float
) -> None:
    topic, group = unique("topic"), unique("group")
    bus, other = await bus_factory(), await bus_factory()
    await bus.create_topics([Topic(topic, 2)])
    await bus.publish([Message(topic, f"key-{number}", b"") for number in range(40)])
    async with bus.consumer(group, [topic]) as one:
        records = await take(one, 40, patience)
        async with other.consumer(group, [topic]) as two:
            assert await two.poll(100, 4 * SESSION / HEARTBEATS_PER_SESSION) == []
            await one.commit(after(records))
            assert await share([one, two], places(topic, 2), patience) == []
    assert sum((await bus.lag(group, [topic])).values()) == 0


async def test_topics_are_laid_out_as_asked(
    kafka_address: str, bus_factory: BusFactory, unique: Unique
) -> None:
    names = [unique(name) for name in ("week", "for-ever", "compacted")]
    bus = await bus_factory()
    await bus.create_topics(
        [
            Topic(names[0], 3, timedelta(days=7)),
            Topic(names[1], 1),
            Topic(names[2], 1, compacted=True),
        ]
    )
    found = await settings(kafka_address, names)
    assert [found[name] for name in names] == [
        {"retention.ms": "604800000", "cleanup.policy": "delete"},
        {"retention.ms": "-1", "cleanup.policy": "delete"},
        {"retention.ms": "-1", "cleanup.policy": "compact"},
    ]
    async with bus.reader([names[0]]) as reader:
        assert await reader.end() == dict.fromkeys(places(names[0], 3), 0)


async def test_a_prefix_keeps_installations_apart(
    kafka_address: str, unique: Unique, patience: float
) -> None:
    one, two = (KafkaBus(Connection((kafka_address,), prefix=unique(""))) for _ in range(2))
    for number, bus in enumerate((one, two)):
        await bus.create_topics([Topic("topic", 1)])
        await bus.publish(numbered("topic", "key", [number]))
        async with bus.consumer("group", ["topic"]) as consumer:
            records = await take(consumer, 1, patience)
            assert [each.topic for each in records] == ["topic"]
            await consumer.commit(after(records))
    assert numbers(await read_all(one, "topic", patience)) == [0]
    assert numbers(await read_all(two, "topic", patience)) == [1]
    assert sum((await one.lag("group", ["topic"])).values()) == 0
    await one.close()
    await two.close()


async def test_reading_comes_past_what_is_no_record(
    kafka_address: str, bus_factory: BusFactory, unique: Unique, patience: float
) -> None:
    bus, topic = await bus_factory(), unique("topic")
    await bus.create_topics([Topic(topic, 1)])
    producer = AIOKafkaProducer(bootstrap_servers=kafka_address, transactional_id=unique("writer"))
    await producer.start()
    for number in range(2):
        async with producer.transaction():
            await producer.send_and_wait(topic, str(number).encode())
    await producer.stop()
    place = TopicPartition(topic, 0)
    async with bus.reader([topic]) as reader:
        assert await reader.end() == {place: 4}  # with the mark that ends each transaction
        assert numbers(await take(reader, 2, patience)) == [0, 1]
        await until(lambda: comes_to(reader, {place: 4}), patience)


async def test_reading_comes_past_what_was_dropped(
    kafka_address: str, bus_factory: BusFactory, unique: Unique, patience: float
) -> None:
    bus, topic = await bus_factory(), unique("topic")
    await bus.create_topics([Topic(topic, 1)])
    await bus.publish(numbered(topic, "key", range(10)))
    place = TopicPartition(topic, 0)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(before_offset=10)})
    await admin.close()
    async with bus.reader([topic], {place: 2}) as reader:
        assert await reader.start() == await reader.end() == {place: 10}
        await until(lambda: comes_to(reader, {place: 10}), patience)


async def comes_to(reader: Reader, position: Offsets) -> bool:
    """Whether reading has come so far, without any further record."""
    assert await reader.poll(10, 0.2) == []
    return await reader.position() == position


async def until(reached: Callable[[], Awaitable[bool]], patience: float) -> None:
    async with asyncio.timeout(patience):
        while not await reached():
            pass


async def test_what_the_broker_refuses_does_not_stop_what_follows(
    kafka_address: str, bus_factory: BusFactory, unique: Unique, patience: float
) -> None:
    narrow, bus = unique("narrow"), await bus_factory()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await admin.start()
    await admin.create_topics([NewTopic(narrow, 1, 1, topic_configs={"max.message.bytes": "1000"})])
    await admin.close()
    await bus.publish(numbered(narrow, "key", [1]))
    for number in (2, 3):
        with pytest.raises(MessageTooLarge):
            await bus.publish([Message(narrow, "key", random.Random(3).randbytes(5000))])
        await bus.publish(numbered(narrow, "key", [number]))
    assert numbers(await read_all(bus, narrow, patience)) == [1, 2, 3]


async def test_nothing_is_lost_or_doubled_when_acknowledgements_are(
    kafka: KafkaBroker, bus_factory: BusFactory, unique: Unique, patience: float
) -> None:
    topic, direct = unique("topic"), await bus_factory()
    await direct.create_topics([Topic(topic, 2)])
    async with proxy(kafka.in_front, kafka.behind, lambda number: number % 3 == 0) as between:
        bus = KafkaBus(Connection((f"127.0.0.1:{kafka.in_front}",)))
        for number in range(30):
            await bus.publish([*numbered(topic, "a", [number]), *numbered(topic, "b", [number])])
        await bus.close()
    records = await read_all(direct, topic, patience)
    assert between.swallowed >= 5
    assert numbers(records, "a") == numbers(records, "b") == list(range(30))


class Load:
    """Writers that each count under their own key, and a member that reads what they write."""

    def __init__(self, bus: Bus, topic: str) -> None:
        self.bus = bus
        self.topic = topic
        self.keys = ("a", "b", "c", "d")
        self.written: Counter[str] = Counter()
        self.read: defaultdict[str | None, list[int]] = defaultdict(list)
        self.stop = asyncio.Event()
        self._progress = asyncio.Event()

    async def write(self, key: str) -> None:
        while not self.stop.is_set():
            begin = self.written[key]
            await self.bus.publish(numbered(self.topic, key, range(begin, begin + 5)))
            self.written[key] += 5
            self._progress.set()

    async def consume(self, group: str) -> None:
        async with self.bus.consumer(group, [self.topic]) as consumer:
            while not (self.stop.is_set() and self.everything_was_read()):
                with suppress(BusUnavailable, PartitionLost):
                    records = await consumer.poll(100, 0.2)
                    for record in records:
                        self.read[record.key] += numbers([record])
                    self._progress.set()
                    await consumer.commit(after(records))

    def everything_was_read(self) -> bool:
        return all(set(self.read[key]) >= set(range(self.written[key])) for key in self.keys)

    async def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._progress.clear()
            await self._progress.wait()


async def test_the_broker_dies_under_load_and_comes_back(
    kafka: KafkaBroker, unique: Unique, patience: float
) -> None:
    topic = unique("topic")
    bus = KafkaBus(Connection((kafka.address,)), session=SESSION)
    await bus.create_topics([Topic(topic, 3)])
    load = Load(bus, topic)
    async with asyncio.timeout(2 * patience), asyncio.TaskGroup() as tasks:
        for key in load.keys:
            tasks.create_task(load.write(key))
        tasks.create_task(load.consume(unique("group")))
        await load.until(lambda: load.written.total() >= 500 and len(load.read) == 4)
        before = load.written.total()
        kafka.kill()
        kafka.launch()
        await asyncio.to_thread(kafka.wait)
        await load.until(lambda: load.written.total() >= before + 500)
        load.stop.set()
    records = await read_all(bus, topic, patience)
    await bus.close()
    for key in load.keys:
        everything = list(range(load.written[key]))
        assert numbers(records, key) == everything  # in order, none lost, none twice
        assert list(dict.fromkeys(load.read[key])) == everything


async def test_without_a_broker_calls_fail_in_time_and_succeed_when_it_is_back(
    kafka: KafkaBroker, unique: Unique, patience: float
) -> None:
    topic = unique("topic")
    bus = KafkaBus(Connection((kafka.address,)), session=SESSION, patience=1.0)
    await bus.create_topics([Topic(topic, 1)])
    await bus.publish(numbered(topic, "key", [1]))
    async with bus.consumer(unique("group"), [topic]) as consumer:
        records = await take(consumer, 1, patience)
        kafka.kill()
        try:
            with pytest.raises(BusUnavailable):
                await bus.ready()
            with pytest.raises(BusUnavailable):
                await bus.publish(numbered(topic, "key", [2]))
            with pytest.raises(BusUnavailable):
                await consumer.commit(after(records))
            with pytest.raises(BusUnavailable):
                await consumer.poll(10, 3.0)
        finally:
            kafka.start()
        await eventually(lambda: bus.publish(numbered(topic, "key", [3])), patience)
        await eventually(lambda: consumer.commit(after(records)), patience)
    found = numbers(await read_all(bus, topic, patience))
    await bus.close()
    assert [number for number in found if number != 2] == [1, 3]


async def test_closing_without_a_broker_ends(kafka: KafkaBroker, unique: Unique) -> None:
    topic = unique("topic")
    bus = KafkaBus(Connection((kafka.address,)), patience=60.0)
    await bus.create_topics([Topic(topic, 1)])
    await bus.publish(numbered(topic, "key", [1]))
    kafka.kill()
    try:
        publishing = asyncio.create_task(bus.publish(numbered(topic, "key", [2])))
        await asyncio.sleep(0)
        await asyncio.wait_for(bus.close(), 30.0)
        with pytest.raises(BusUnavailable):
            await publishing
    finally:
        kafka.start()


async def eventually(action: Callable[[], Awaitable[None]], patience: float) -> None:
    """Tries again while the log is unavailable."""
    async with asyncio.timeout(patience):
        while True:
            with suppress(BusUnavailable):
                return await action()


async def settings(address: str, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """How the cluster keeps these topics."""
    wanted = {"retention.ms": "", "cleanup.policy": ""}
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    answers = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic, wanted) for topic in topics]
    )
    await admin.close()
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for *_, name, entries in answer.resources
    }
