"""How the members of a group share, hand over and lose partitions."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

import pytest

from libs.common.bus import (
    Bus,
    Consumer,
    Message,
    TopicPartition,
    after,
)
from libs.common.errors import PartitionLost
from tests.contract.behaviours.asking import (
    BusFactory,
    Unique,
    Witness,
    heard,
    numbered,
    numbers,
    places,
    process,
    share,
    take,
)


class Members:
    async def test_two_members_share_the_partitions_without_overlap(
        self, bus: Bus, bus_factory: BusFactory, wide: str, unique: Unique, patience: float
    ) -> None:
        group, other = unique("group"), await bus_factory()
        async with bus.consumer(group, [wide]) as one, other.consumer(group, [wide]) as two:
            await share([one, two], places(wide, 4), patience)
            await bus.publish([Message(wide, f"key-{n}", str(n).encode()) for n in range(100)])
            counts = [
                sum(f"key-{n}" in each for n in range(100))
                for each in await self.keys_until(100, [one, two], patience)
            ]
            assert (len(one.assignment), len(two.assignment)) == (2, 2)
        assert sum(counts) == 100
        assert min(counts) > 0

    async def keys_until(
        self, count: int, members: Sequence[Consumer], patience: float
    ) -> list[list[str | None]]:
        """The keys that each member got, until all got `count` together."""
        got: list[list[str | None]] = [[] for _ in members]
        async with asyncio.timeout(patience):
            while sum(map(len, got)) < count:
                batches = await asyncio.gather(*(each.poll(100, 0.1) for each in members))
                for keys, batch in zip(got, batches, strict=True):
                    keys += [each.key for each in batch]
        return got

    async def test_a_member_that_leaves_is_taken_over(
        self, bus: Bus, bus_factory: BusFactory, wide: str, unique: Unique, patience: float
    ) -> None:
        group, other, wanted = unique("group"), await bus_factory(), {f"key-{n}" for n in range(40)}
        async with bus.consumer(group, [wide]) as stays:
            async with other.consumer(group, [wide]) as leaves:
                await share([stays, leaves], places(wide, 4), patience)
                await bus.publish([Message(wide, key, b"") for key in wanted])
                await take(leaves, 5, patience)
            # What the staying member had read and not committed may come twice: after every
            # redistribution Kafka's members begin at what is committed.
            got: set[str | None] = set()
            async with asyncio.timeout(patience):
                while got != wanted:
                    got |= {each.key for each in await stays.poll(100, 0.5)}
            assert stays.assignment == places(wide, 4)

    async def test_a_member_that_dies_is_taken_over(
        self, bus: Bus, wide: str, bus_url: str, unique: Unique, patience: float
    ) -> None:
        group = unique("group")
        await bus.publish([Message(wide, f"key-{n}", b"") for n in range(40)])
        async with process(bus_url, "work", group, wide, unique("none"), "polled") as child:
            assert await heard(child, patience) == "polled"
            child.send_signal(signal.SIGKILL)
            await child.wait()
        async with bus.consumer(group, [wide]) as heir:
            records = await take(heir, 40, patience)
        assert {each.key for each in records} == {f"key-{n}" for n in range(40)}

    async def test_a_member_that_lost_its_partition_cannot_commit(
        self, bus: Bus, bus_factory: BusFactory, topic: str, unique: Unique, patience: float
    ) -> None:
        group, hasty = unique("group"), await bus_factory(max_poll_interval=1.0)
        await bus.publish(numbered(topic, "key", range(10)))
        async with hasty.consumer(group, [topic]) as slow:
            stale = await take(slow, 10, patience)
            async with bus.consumer(group, [topic]) as heir:
                records = await take(heir, 10, patience)
                with pytest.raises(PartitionLost):
                    await slow.commit(after(stale))
                assert (await bus.lag(group, [topic]))[TopicPartition(topic, 0)] == 10
                await heir.commit(after(records[:4]))
            assert numbers(await take(slow, 6, patience)) == [4, 5, 6, 7, 8, 9]

    async def test_the_listener_knows_what_is_owned_before_records_come(
        self, bus: Bus, bus_factory: BusFactory, wide: str, unique: Unique, patience: float
    ) -> None:
        group, other, witness = unique("group"), await bus_factory(), Witness()
        await bus.publish([Message(wide, f"key-{n}", b"") for n in range(40)])
        async with bus.consumer(group, [wide], rebalance=witness.listener) as one:
            for record in await take(one, 40, patience):
                assert TopicPartition(record.topic, record.partition) in witness.owned
            assert witness.told == [("assigned", places(wide, 4))]
            async with other.consumer(group, [wide]) as two:
                await share([one, two], places(wide, 4), patience)
                assert witness.owned == one.assignment
                assert "revoked" in dict(witness.told)
            await share([one], places(wide, 4), patience)
            assert witness.owned == one.assignment == places(wide, 4)
