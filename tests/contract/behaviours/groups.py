"""What a group gets, and where it begins."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from libs.common.bus import (
    Bus,
    Message,
    TopicPartition,
    after,
)
from tests.contract.behaviours.asking import (
    BusFactory,
    Unique,
    clock_passes,
    numbered,
    numbers,
    places,
    share,
    take,
    values,
)


class Groups:
    # What a group gets

    async def test_unfinished_work_comes_again(
        self, bus: Bus, topic: str, unique: Unique, patience: float
    ) -> None:
        group = unique("group")
        await bus.publish(numbered(topic, "key", range(10)))
        async with bus.consumer(group, [topic]) as consumer:
            first = await take(consumer, 10, patience)
        async with bus.consumer(group, [topic]) as consumer:
            assert await take(consumer, 10, patience) == first

    async def test_what_was_committed_does_not_come_again(
        self, bus: Bus, bus_factory: BusFactory, topic: str, unique: Unique, patience: float
    ) -> None:
        group = unique("group")
        await bus.publish(numbered(topic, "key", range(10)))
        async with bus.consumer(group, [topic]) as consumer:
            records = await take(consumer, 10, patience)
            await consumer.commit(after(records[:7]))
        other = await bus_factory()
        async with other.consumer(group, [topic]) as consumer:
            assert numbers(await take(consumer, 3, patience)) == [7, 8, 9]

    async def test_reading_on_needs_no_commit(
        self, bus: Bus, topic: str, unique: Unique, patience: float
    ) -> None:
        await bus.publish(numbered(topic, "key", range(10)))
        async with bus.consumer(unique("group"), [topic]) as consumer:
            assert numbers(await take(consumer, 4, patience)) == [0, 1, 2, 3]
            assert numbers(await take(consumer, 6, patience)) == [4, 5, 6, 7, 8, 9]
            await bus.publish(numbered(topic, "key", [10]))
            assert numbers(await take(consumer, 1, patience)) == [10]

    async def test_committing_one_partition_leaves_the_others(
        self, bus: Bus, wide: str, unique: Unique, patience: float
    ) -> None:
        group = unique("group")
        await bus.publish([Message(wide, f"key-{number}", b"") for number in range(40)])
        async with bus.consumer(group, [wide]) as consumer:
            records = await take(consumer, 40, patience)
            await consumer.commit(after(each for each in records if each.partition == 2))
        left = {(each.partition, each.offset) for each in records if each.partition != 2}
        async with bus.consumer(group, [wide]) as consumer:
            again = await take(consumer, len(left), patience)
        assert {(each.partition, each.offset) for each in again} == left

    async def test_two_groups_each_see_everything(
        self, bus: Bus, topic: str, unique: Unique, patience: float
    ) -> None:
        await bus.publish(numbered(topic, "key", range(5)))
        async with (
            bus.consumer(unique("one"), [topic]) as one,
            bus.consumer(unique("two"), [topic]) as two,
        ):
            for consumer in (one, two):
                records = await take(consumer, 5, patience)
                await consumer.commit(after(records))
                assert numbers(records) == [0, 1, 2, 3, 4]

    async def test_a_group_reads_several_topics(
        self, bus: Bus, topic: str, wide: str, unique: Unique, patience: float
    ) -> None:
        await bus.publish([*numbered(topic, "key", range(5)), *numbered(wide, "key", range(5))])
        async with bus.consumer(unique("group"), [topic, wide]) as consumer:
            records = await take(consumer, 10, patience)
            assert consumer.assignment == places(topic, 1) | places(wide, 4)
        for name in (topic, wide):
            assert numbers(each for each in records if each.topic == name) == [0, 1, 2, 3, 4]

    async def test_poll_gives_at_most_what_was_asked_for(
        self, bus: Bus, wide: str, unique: Unique, patience: float
    ) -> None:
        await bus.publish([Message(wide, f"key-{number}", b"") for number in range(50)])
        sizes: list[int] = []
        async with bus.consumer(unique("group"), [wide]) as consumer, asyncio.timeout(patience):
            while sum(sizes) < 50:
                sizes.append(len(await consumer.poll(7, 0.5)))
        assert sum(sizes) == 50
        assert max(sizes) <= 7

    async def test_poll_waits_and_gives_nothing(
        self, bus: Bus, topic: str, unique: Unique, patience: float
    ) -> None:
        async with bus.consumer(unique("group"), [topic]) as consumer:
            await share([consumer], places(topic, 1), patience)
            began = time.monotonic()
            records = await consumer.poll(10, 0.4)
            waited = time.monotonic() - began
        assert records == []
        assert 0.39 <= waited < 0.4 + patience

    @pytest.mark.parametrize("publisher", ["the same process", "another process"])
    async def test_poll_wakes_when_something_is_published(
        self,
        bus: Bus,
        bus_factory: BusFactory,
        topic: str,
        unique: Unique,
        patience: float,
        publisher: str,
    ) -> None:
        other = bus if publisher == "the same process" else await bus_factory()
        async with bus.consumer(unique("group"), [topic]) as consumer:
            await share([consumer], places(topic, 1), patience)
            polling = asyncio.create_task(consumer.poll(10, 10 * patience))
            await asyncio.sleep(0)
            await other.publish(numbered(topic, "key", [1]))
            assert numbers(await asyncio.wait_for(polling, patience)) == [1]

    # Where a group begins

    async def test_a_group_begins_at_the_end(
        self, bus: Bus, wide: str, unique: Unique, patience: float
    ) -> None:
        await bus.publish([Message(wide, f"key-{number}", b"old") for number in range(20)])
        async with bus.consumer(unique("group"), [wide], start="end") as consumer:
            assert await share([consumer], places(wide, 4), patience) == []
            await bus.publish([Message(wide, f"key-{number}", b"new") for number in range(20)])
            assert values(await take(consumer, 20, patience)) == [b"new"] * 20

    async def test_a_group_that_began_at_the_end_keeps_that_place_without_a_commit(
        self, bus: Bus, topic: str, unique: Unique, patience: float
    ) -> None:
        group = unique("group")
        await bus.publish(numbered(topic, "key", [1]))
        async with bus.consumer(group, [topic], start="end") as consumer:
            await share([consumer], places(topic, 1), patience)
        await bus.publish(numbered(topic, "key", [2]))
        async with bus.consumer(group, [topic], start="end") as consumer:
            assert numbers(await take(consumer, 1, patience)) == [2]

    async def test_a_group_begins_at_a_time(
        self, bus: Bus, wide: str, unique: Unique, patience: float
    ) -> None:
        await bus.publish([Message(wide, f"key-{number}", b"old") for number in range(20)])
        start = datetime.now(UTC) + timedelta(milliseconds=5)
        await clock_passes(start)
        await bus.publish([Message(wide, f"key-{number}", b"new") for number in range(20)])
        async with bus.consumer(unique("group"), [wide], start=start) as consumer:
            assert values(await take(consumer, 20, patience)) == [b"new"] * 20

    async def test_a_group_begins_at_given_offsets(
        self, bus: Bus, topic: str, wide: str, unique: Unique, patience: float
    ) -> None:
        await bus.publish([*numbered(topic, "key", range(10)), *numbered(wide, "key", range(3))])
        start = {TopicPartition(topic, 0): 6}
        async with bus.consumer(unique("group"), [topic, wide], start=start) as consumer:
            records = await take(consumer, 7, patience)
        assert numbers(each for each in records if each.topic == topic) == [6, 7, 8, 9]
        assert numbers(each for each in records if each.topic == wide) == [0, 1, 2]

    async def test_what_was_committed_outweighs_the_start(
        self, bus: Bus, topic: str, unique: Unique, patience: float
    ) -> None:
        group = unique("group")
        await bus.publish(numbered(topic, "key", range(10)))
        async with bus.consumer(group, [topic]) as consumer:
            await consumer.commit(after((await take(consumer, 10, patience))[:4]))
        async with bus.consumer(group, [topic], start="end") as consumer:
            assert numbers(await take(consumer, 6, patience)) == [4, 5, 6, 7, 8, 9]
