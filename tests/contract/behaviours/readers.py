"""Reading without a group, and the lag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from libs.common.bus import (
    Bus,
    Message,
    TopicPartition,
    after,
)
from tests.contract.behaviours.asking import (
    Unique,
    clock_passes,
    numbered,
    numbers,
    places,
    take,
    values,
)


class Readers:
    async def test_a_reader_replays_from_a_time(self, bus: Bus, wide: str, patience: float) -> None:
        await bus.publish([Message(wide, f"key-{number}", b"old") for number in range(20)])
        start = datetime.now(UTC) + timedelta(milliseconds=5)
        await clock_passes(start)
        await bus.publish([Message(wide, f"key-{number}", b"new") for number in range(20)])
        async with bus.reader([wide], start) as reader:
            assert values(await take(reader, 20, patience)) == [b"new"] * 20
            await bus.publish([Message(wide, "key", b"newer")])
            assert values(await take(reader, 1, patience)) == [b"newer"]

    async def test_a_reader_from_a_time_to_come_gets_what_comes_next(
        self, bus: Bus, topic: str, patience: float
    ) -> None:
        await bus.publish(numbered(topic, "key", [1]))
        async with bus.reader([topic], datetime.now(UTC) + timedelta(hours=1)) as reader:
            assert await reader.poll(10, 0.2) == []
            await bus.publish(numbered(topic, "key", [2]))
            assert numbers(await take(reader, 1, patience)) == [2]

    async def test_a_reader_begins_at_the_end_or_at_offsets(
        self, bus: Bus, topic: str, patience: float
    ) -> None:
        await bus.publish(numbered(topic, "key", range(10)))
        async with (
            bus.reader([topic], "end") as late,
            bus.reader([topic], {TopicPartition(topic, 0): 8}) as middle,
        ):
            assert await late.poll(10, 0.2) == []
            await bus.publish(numbered(topic, "key", [10]))
            assert numbers(await take(late, 1, patience)) == [10]
            assert numbers(await take(middle, 3, patience)) == [8, 9, 10]

    async def test_a_reader_commits_nothing_and_shares_with_nobody(
        self, bus: Bus, wide: str, unique: Unique, patience: float
    ) -> None:
        group = unique("group")
        await bus.publish([Message(wide, f"key-{number}", b"") for number in range(20)])
        async with (
            bus.reader([wide]) as one,
            bus.reader([wide]) as two,
            bus.consumer(group, [wide]) as member,
        ):
            for source in (one, two, member):
                assert len(await take(source, 20, patience)) == 20
        assert sum((await bus.lag(group, [wide])).values()) == 20

    async def test_a_reader_knows_the_end(self, bus: Bus, wide: str, patience: float) -> None:
        await bus.publish(numbered(wide, "key", range(10)))
        async with bus.reader([wide]) as reader:
            end = await reader.end()
            records = await take(reader, 10, patience)
        assert end == dict.fromkeys(places(wide, 4), 0) | after(records)

    async def test_a_reader_knows_how_far_it_has_come(
        self, bus: Bus, wide: str, patience: float
    ) -> None:
        await bus.publish([Message(wide, f"key-{number}", b"") for number in range(40)])
        async with bus.reader([wide]) as reader:
            end = await reader.end()
            assert await reader.position() == await reader.start() == dict.fromkeys(end, 0)
            records = await take(reader, 7, patience)
            assert await reader.position() == dict.fromkeys(end, 0) | after(records)
            await take(reader, 33, patience)
            assert await reader.position() == end
            await bus.publish([Message(wide, f"key-{number}", b"") for number in range(40)])
            assert await reader.position() == end

    async def test_a_reader_that_begins_later_has_come_so_far(
        self, bus: Bus, topic: str, patience: float
    ) -> None:
        await bus.publish(numbered(topic, "key", range(10)))
        place = TopicPartition(topic, 0)
        to_come = datetime.now(UTC) + timedelta(hours=1)
        async with (
            bus.reader([topic], {place: 8}) as middle,
            bus.reader([topic], "end") as late,
            bus.reader([topic], to_come) as later,
        ):
            assert await middle.position() == {place: 8}
            assert await late.position() == await later.position() == {place: 10}
            assert await middle.start() == await late.start() == {place: 0}
            assert numbers(await take(middle, 2, patience)) == [8, 9]
            assert await middle.position() == {place: 10}

    async def test_lag_counts_what_is_not_committed(
        self, bus: Bus, topic: str, wide: str, unique: Unique, patience: float
    ) -> None:
        group = unique("group")
        await bus.publish([*numbered(topic, "key", range(10)), *numbered(wide, None, range(8))])
        before = await bus.lag(group, [topic, wide])
        async with bus.consumer(group, [topic]) as consumer:
            records = await take(consumer, 10, patience)
            await consumer.commit(after(records[:4]))
            behind = await bus.lag(group, [topic])
            await consumer.commit(after(records))
        assert before[TopicPartition(topic, 0)] == 10
        assert sum(before[place] for place in places(wide, 4)) == 8
        assert behind == {TopicPartition(topic, 0): 6}
        assert await bus.lag(group, [topic]) == {TopicPartition(topic, 0): 0}
