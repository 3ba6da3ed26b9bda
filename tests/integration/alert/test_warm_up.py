"""A service whose detectors remember nothing, over both logs and both stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import delete, update

from libs.common.auth import Gate
from libs.common.bus import CLASSIFIED, Bus, Message, after, streams
from libs.common.bus.open import open_bus
from libs.common.db import migrate, open_engine, reading, writing
from libs.common.events import ClassifiedMention, to_message
from libs.common.worker import Limits
from services.alert.service import NAME, open_service
from services.alert.settings import AlertSettings
from services.alert.states import FORM, States, known_watches
from services.alert.tables import watch_states
from services.alert.warm_up import warm_up
from services.alert.watch import WatchState
from tests.integration.alert.crowds import a_crowd, a_voice, outcome
from tests.integration.alert.house import TOKEN, House, a_house
from tests.integration.alert.test_service import running
from tests.unit.alert.builders import NIGHT
from tests.unit.alert.test_detection import DETECTION

ALONE: dict[str, Any] = {"rules": []}


@asynccontextmanager
async def a_log(bus_url: str) -> AsyncIterator[Bus]:
    bus = await open_bus(bus_url)
    try:
        await bus.create_topics(streams(2))
        yield bus
    finally:
        await bus.close()


async def publish(bus: Bus, mentions: Sequence[ClassifiedMention]) -> None:
    await bus.publish([to_message(CLASSIFIED, m.watch, m, service="classify") for m in mentions])


async def work_off(bus: Bus, count: int) -> None:
    """The service's group has committed so many records."""
    done = 0
    async with asyncio.timeout(60), bus.consumer(NAME, [CLASSIFIED]) as consumer:
        while done < count:
            records = await consumer.poll(count - done, 5.0)
            done += len(records)
            if records:
                await consumer.commit(after(records))


async def knows(house: House, mention: ClassifiedMention) -> bool:
    """Whether the stored state of its watch has heard it."""
    async with reading(house.engine) as connection:
        state = (await States(WatchState).hold(connection, [mention.watch]))[mention.watch]
    return not state.seen.is_new(mention.id, mention.collected_at.timestamp())


async def test_what_was_worked_off_is_learned_and_pages_nobody(
    bus_url: str, database_url: str
) -> None:
    async with a_log(bus_url) as bus, a_house(database_url, **ALONE) as house:
        crowd = a_crowd(30)
        await publish(bus, crowd)
        await work_off(bus, 30)
        assert await warm_up(bus, house.engine, DETECTION, NAME) == 30
        assert [await knows(house, mention) for mention in crowd] == [True] * 30
        assert (await house.all(), await house.pages()) == ([], [])
        await house.sees(*crowd)
        assert await house.all() == []


async def test_what_waits_is_not_swallowed(bus_url: str, database_url: str) -> None:
    async with a_log(bus_url) as bus, a_house(database_url, **ALONE) as house:
        old, new = a_crowd(5), a_crowd(30, first=100, start=NIGHT + timedelta(hours=3))
        await publish(bus, old)
        await work_off(bus, 5)
        await publish(bus, new)
        assert await warm_up(bus, house.engine, DETECTION, NAME) == 5
        assert await knows(house, old[-1])
        assert not await knows(house, new[0])
        await house.sees(*new)
        assert "level" in (await house.the_one()).raised_by


class Busy:
    """A log to which more is written between any two questions."""

    def __init__(self, bus: Bus, more: Sequence[ClassifiedMention]) -> None:
        self._bus = bus
        self._more = more

    async def lag(self, *asked: Any) -> Any:
        found = await self._bus.lag(*asked)
        await publish(self._bus, self._more)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)


async def test_what_is_written_in_the_meantime_is_not_swallowed(
    bus_url: str, database_url: str
) -> None:
    async with a_log(bus_url) as bus, a_house(database_url, **ALONE) as house:
        old, new = a_crowd(5), a_crowd(5, first=100)
        await publish(bus, old)
        await work_off(bus, 5)
        busy: Any = Busy(bus, new)
        assert await warm_up(busy, house.engine, DETECTION, NAME) == 5
        assert [await knows(house, mention) for mention in new] == [False] * 5


async def test_a_new_log_warms_nothing(bus_url: str, database_url: str) -> None:
    async with a_log(bus_url) as bus, a_house(database_url, **ALONE) as house:
        assert await warm_up(bus, house.engine, DETECTION, NAME) == 0
        await publish(bus, a_crowd(3))
        assert await warm_up(bus, house.engine, DETECTION, NAME) == 0


async def test_a_service_that_remembers_warms_nothing(bus_url: str, database_url: str) -> None:
    async with a_log(bus_url) as bus, a_house(database_url, **ALONE) as house:
        await publish(bus, a_crowd(5))
        await work_off(bus, 5)
        await house.sees(a_voice(900))
        before = (await outcome(house)).states
        assert await warm_up(bus, house.engine, DETECTION, NAME) == 0
        assert (await outcome(house)).states == before


async def test_states_that_cannot_be_read_any_more_are_made_anew(
    bus_url: str, database_url: str
) -> None:
    async with a_log(bus_url) as bus, a_house(database_url, **ALONE) as house:
        crowd = a_crowd(5)
        await publish(bus, crowd)
        await work_off(bus, 5)
        await house.sees(*crowd)
        before = (await outcome(house)).states
        async with writing(house.engine) as connection:
            await connection.execute(update(watch_states).values(form=FORM - 1, state=b"older"))
        assert await warm_up(bus, house.engine, DETECTION, NAME) == 5
        assert (await outcome(house)).states == before


async def test_two_copies_that_warm_up_at_once_do_no_harm(bus_url: str, database_url: str) -> None:
    async with a_log(bus_url) as bus, a_house(database_url, **ALONE) as house:
        crowd = a_crowd(30)
        await publish(bus, crowd)
        await work_off(bus, 30)
        other = open_engine(database_url)
        folded = await asyncio.gather(
            *(warm_up(bus, engine, DETECTION, NAME) for engine in (house.engine, other))
        )
        await other.dispose()
        assert sorted(folded) == [0, 30]
        assert await knows(house, crowd[-1])
        await house.sees(*crowd)
        assert await house.all() == []


async def test_records_that_are_no_mentions_are_left_out(bus_url: str, database_url: str) -> None:
    async with a_log(bus_url) as bus, a_house(database_url, **ALONE) as house:
        await bus.publish([Message(CLASSIFIED, "motorrad-ag", b"{broken")])
        await publish(bus, a_crowd(2))
        await work_off(bus, 3)
        assert await warm_up(bus, house.engine, DETECTION, NAME) == 2


@pytest.mark.parametrize("bus_url", ["sqlite"], indirect=True)
async def test_many_watches_are_written_at_once(bus_url: str, database_url: str) -> None:
    async with a_log(bus_url) as bus, a_house(database_url, **ALONE) as house:
        mentions = [replace(a_voice(n), watch=f"w{n % 500}") for n in range(1500)]
        await publish(bus, mentions)
        await work_off(bus, len(mentions))
        assert await warm_up(bus, house.engine, DETECTION, NAME) == len(mentions)
        async with reading(house.engine) as connection:
            assert await known_watches(connection) == {f"w{n}" for n in range(500)}


async def test_a_service_that_lost_its_states_starts_warm_and_tells_what_is_new(
    bus_url: str, database_url: str
) -> None:
    settings = AlertSettings.model_validate(ALONE)
    engine = open_engine(database_url)
    old, new = a_crowd(30), a_crowd(30, first=100, start=NIGHT + timedelta(days=2))
    limits = Limits(wait=0.05)
    try:
        async with a_log(bus_url) as bus, a_house(database_url, **ALONE) as house:
            await migrate(engine, "services.alert")
            await publish(bus, old)
            await work_off(bus, 30)
            async with writing(engine) as connection:
                await connection.execute(delete(watch_states))
            await publish(bus, new)
            async with (
                open_service(settings, bus, engine, Gate(TOKEN), limits=limits) as service,
                running(service),
                asyncio.timeout(60),
            ):
                while not await house.all():
                    await asyncio.sleep(0.01)
            incident = await house.the_one()
            found = (await outcome(house)).evidence
            assert {mention for _, mention in found} <= {mention.id for mention in new}
            assert incident.opened_at > NIGHT
    finally:
        await engine.dispose()
