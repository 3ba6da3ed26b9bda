"""What closing and crashing leave behind."""

from __future__ import annotations

import asyncio
import signal

import pytest

from libs.common.bus import (
    Bus,
)
from libs.common.errors import BusUnavailable
from tests.contract.behaviours.asking import (
    BusFactory,
    Unique,
    heard,
    numbered,
    numbers,
    places,
    process,
    read_all,
    share,
    take,
)


class Endings:
    async def test_closing_ends_a_poll(
        self, bus: Bus, topic: str, unique: Unique, patience: float
    ) -> None:
        async with bus.consumer(unique("group"), [topic]) as consumer:
            await share([consumer], places(topic, 1), patience)
            polling = asyncio.create_task(consumer.poll(10, 10 * patience))
            await asyncio.sleep(0)
            await bus.close()
            (outcome,) = await asyncio.wait_for(
                asyncio.gather(polling, return_exceptions=True), patience
            )
            assert outcome == [] or isinstance(outcome, BusUnavailable)

    async def test_what_was_under_way_when_closing_is_durable_or_refused(
        self, bus: Bus, bus_factory: BusFactory, topic: str, patience: float
    ) -> None:
        tasks = [
            asyncio.create_task(bus.publish(numbered(topic, "key", [number])))
            for number in range(50)
        ]
        await asyncio.sleep(0)
        await bus.close()
        outcome = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), patience)
        assert all(each is None or isinstance(each, BusUnavailable) for each in outcome)
        found = numbers(await read_all(await bus_factory(), topic, patience))
        assert {n for n, each in enumerate(outcome) if each is None} <= set(found)

    async def test_closing_twice_is_safe(self, bus: Bus, topic: str) -> None:
        await bus.ready()
        await bus.close()
        await bus.close()
        with pytest.raises(BusUnavailable):
            await bus.publish(numbered(topic, "key", [1]))

    async def test_killed_between_publish_and_commit(
        self,
        bus: Bus,
        topic: str,
        wide: str,
        bus_url: str,
        unique: Unique,
        patience: float,
    ) -> None:
        group = unique("group")
        await bus.publish(numbered(topic, "key", range(10)))
        async with process(bus_url, "work", group, topic, wide, "published") as child:
            assert await heard(child, patience) == "polled"
            assert await heard(child, patience) == "published"
            child.send_signal(signal.SIGKILL)
            await child.wait()
        published = numbers(await read_all(bus, wide, patience))
        assert published
        assert published == list(range(len(published)))
        async with bus.consumer(group, [topic]) as consumer:
            assert numbers(await take(consumer, 10, patience)) == list(range(10))

    async def test_what_was_acknowledged_survives_a_kill(
        self, bus: Bus, topic: str, bus_url: str, patience: float
    ) -> None:
        async with process(bus_url, "count", topic) as child:
            for _ in range(20):
                acknowledged = int(await heard(child, patience))
            child.send_signal(signal.SIGKILL)
            await child.wait()
        found = numbers(await read_all(bus, topic, patience))
        assert found == list(range(len(found)))
        assert len(found) > acknowledged
