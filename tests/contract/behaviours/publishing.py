"""What a log promises to those who publish."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

from libs.common.bus import (
    Bus,
    Message,
    Record,
    Topic,
)
from libs.common.errors import MessageTooLarge
from tests.contract.behaviours.asking import (
    BusFactory,
    Unique,
    numbered,
    numbers,
    read_all,
    take,
    values,
)


class Publishing:
    async def test_a_record_is_what_was_published(
        self, bus: Bus, topic: str, patience: float
    ) -> None:
        began = datetime.now(UTC) - timedelta(milliseconds=1)
        await bus.publish([Message(topic, "key", b"value", (("name", b"text"),))])
        (record,) = await read_all(bus, topic, patience)
        assert record == Record(
            topic, 0, 0, record.timestamp, "key", b"value", (("name", b"text"),)
        )
        assert began <= record.published_at <= datetime.now(UTC)

    async def test_messages_of_one_key_keep_their_order(
        self, bus: Bus, wide: str, patience: float
    ) -> None:
        keys = [f"key {number}" for number in range(7)]
        for batch in range(20):
            await bus.publish(
                [Message(wide, key, str(batch * 3 + n).encode()) for n in range(3) for key in keys]
            )
        records = await read_all(bus, wide, patience)
        assert {key: numbers(records, key) for key in keys} == {
            key: list(range(60)) for key in keys
        }

    async def test_publishes_started_one_after_the_other_keep_their_order(
        self, bus: Bus, topic: str, patience: float
    ) -> None:
        tasks = [
            asyncio.create_task(bus.publish(numbered(topic, "key", [number])))
            for number in range(200)
        ]
        await asyncio.gather(*tasks)
        assert numbers(await read_all(bus, topic, patience)) == list(range(200))

    async def test_keys_spread_over_the_partitions(
        self, bus: Bus, wide: str, patience: float
    ) -> None:
        await bus.publish([Message(wide, f"key-{number}", b"") for number in range(400)])
        counts = Counter(each.partition for each in await read_all(bus, wide, patience))
        assert sorted(counts) == [0, 1, 2, 3]
        assert min(counts.values()) >= 60

    async def test_two_publishers_put_a_key_into_the_same_partition(
        self, bus: Bus, bus_factory: BusFactory, wide: str, patience: float
    ) -> None:
        other = await bus_factory()
        for publisher in (bus, other):
            await publisher.publish([Message(wide, f"key-{n}", b"") for n in range(50)])
        partitions = defaultdict(list)
        for record in await read_all(bus, wide, patience):
            partitions[record.key].append(record.partition)
        assert len(partitions) == 50
        assert all(len(each) == 2 and len(set(each)) == 1 for each in partitions.values())

    async def test_messages_without_a_key_spread_over_the_partitions(
        self, bus: Bus, wide: str, patience: float
    ) -> None:
        for number in range(60):
            await bus.publish(numbered(wide, None, [number]))
        records = await read_all(bus, wide, patience)
        assert sorted(numbers(records)) == list(range(60))
        assert {each.key for each in records} == {None}
        assert len({each.partition for each in records}) > 1

    async def test_headers_come_back_in_order_with_duplicates_and_any_bytes(
        self, bus: Bus, topic: str, patience: float
    ) -> None:
        headers = (
            ("z", b"first"),
            ("a", b"\x00\xff\xfe\x80"),
            ("z", b"second"),
            ("größe", "übergroß".encode()),
            ("empty", b""),
        )
        await bus.publish([Message(topic, "with", b"", headers), Message(topic, "without", b"")])
        records = await read_all(bus, topic, patience)
        assert [each.headers for each in records] == [headers, ()]

    async def test_no_value_and_an_empty_value_are_different(
        self, bus: Bus, topic: str, patience: float
    ) -> None:
        await bus.publish([Message(topic, "key", value) for value in (None, b"", b"\x00", None)])
        assert values(await read_all(bus, topic, patience)) == [None, b"", b"\x00", None]

    async def test_values_of_a_megabyte_pass(self, bus: Bus, topic: str, patience: float) -> None:
        made = random.Random(1)  # bytes that do not compress
        big = [made.randbytes(1_000_000) for _ in range(4)]
        await bus.publish([Message(topic, "key", value) for value in big])
        assert values(await read_all(bus, topic, patience)) == big

    async def test_a_message_that_is_too_large_is_refused_and_harms_no_other(
        self, bus: Bus, topic: str, patience: float
    ) -> None:
        huge = Message(topic, "key", random.Random(2).randbytes(4_000_000))
        outcome = await asyncio.gather(
            bus.publish(numbered(topic, "a", range(5))),
            bus.publish([huge]),
            bus.publish(numbered(topic, "b", range(5))),
            return_exceptions=True,
        )
        await bus.publish(numbered(topic, "a", [5]))
        records = await read_all(bus, topic, patience)
        assert [type(each) for each in outcome] == [type(None), MessageTooLarge, type(None)]
        assert numbers(records, "a") == [0, 1, 2, 3, 4, 5]
        assert numbers(records, "b") == [0, 1, 2, 3, 4]
        assert len(records) == 11

    async def test_keys_are_any_text(self, bus: Bus, wide: str, patience: float) -> None:
        keys = ["", "Motorräder", "Bremse 🏍️🔥", "e\u0301", "é", "東京", "a\x00b", "k" * 5000]
        await bus.publish([Message(wide, key, key.encode()) for key in keys])
        records = await read_all(bus, wide, patience)
        assert {each.key: each.value for each in records} == {key: key.encode() for key in keys}

    async def test_many_small_batches(self, bus: Bus, wide: str, patience: float) -> None:
        for number in range(500):
            await bus.publish(numbered(wide, "key", [number]))
        assert numbers(await read_all(bus, wide, patience)) == list(range(500))

    async def test_many_publishers_at_once(
        self, bus: Bus, bus_factory: BusFactory, wide: str, patience: float
    ) -> None:
        buses = [bus, await bus_factory(), await bus_factory()]
        writers = [(each, f"{n} of {m}") for m, each in enumerate(buses) for n in range(4)]

        async def write(publisher: Bus, key: str) -> None:
            for start in range(0, 100, 10):
                await publisher.publish(numbered(wide, key, range(start, start + 10)))

        await asyncio.gather(*(write(publisher, key) for publisher, key in writers))
        records = await read_all(bus, wide, patience)
        assert len(records) == 1200
        assert all(numbers(records, key) == list(range(100)) for _, key in writers)

    async def test_a_reader_misses_nothing_while_others_publish(
        self, bus: Bus, bus_factory: BusFactory, topic: str, patience: float
    ) -> None:
        async def write(publisher: Bus, key: str) -> None:
            for number in range(50):
                await publisher.publish(numbered(topic, key, [number]))

        async with bus.reader([topic]) as reader:
            records, *_ = await asyncio.gather(
                take(reader, 150, patience),
                write(bus, "a"),
                write(await bus_factory(), "b"),
                write(await bus_factory(), "c"),
            )
        assert [each.offset for each in records] == list(range(150))
        assert [numbers(records, key) for key in "abc"] == [list(range(50))] * 3

    async def test_one_call_publishes_to_several_topics(
        self, bus: Bus, topic: str, wide: str, patience: float
    ) -> None:
        await bus.publish([*numbered(topic, "key", [1, 2]), *numbered(wide, "key", [3, 4])])
        async with bus.reader([topic, wide]) as reader:
            records = await take(reader, 4, patience)
        assert {(each.topic, int(each.value or b"")) for each in records} == {
            *((topic, 1), (topic, 2)),
            *((wide, 3), (wide, 4)),
        }

    async def test_publishing_nothing_publishes_nothing(
        self, bus: Bus, topic: str, patience: float
    ) -> None:
        await bus.publish([])
        await bus.publish(numbered(topic, "key", [1]))
        assert numbers(await read_all(bus, topic, patience)) == [1]

    async def test_creating_a_topic_again_leaves_it_as_it_is(
        self, bus: Bus, bus_factory: BusFactory, topic: str, unique: Unique, patience: float
    ) -> None:
        await bus.publish(numbered(topic, "key", [1]))
        other, added = await bus_factory(), unique("added")
        await asyncio.gather(
            bus.create_topics([Topic(topic, 3), Topic(added, 2)]),
            other.create_topics([Topic(added, 2), Topic(topic, 1)]),
        )
        async with bus.reader([topic, added]) as reader:
            ends = await reader.end()
        assert ends == {(topic, 0): 1, (added, 0): 0, (added, 1): 0}
