"""Two alert processes share the watches; they are killed in turn, and it changes nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

import pytest
from msgspec.structs import replace

from libs.common.bus import CLASSIFIED, Bus
from libs.common.events import ClassifiedMention, PageDelivered
from sandbox.simulator.settings import Settings
from sandbox.simulator.stream import WatchStream, merged
from sandbox.simulator.texts import read_library
from services.alert.service import NAME
from tests.integration.alert.crowds import Outcome, outcome
from tests.integration.alert.house import a_house
from tests.integration.alert.test_detection import ALONE, sees_in_batches
from tests.integration.alert.test_warm_up import a_log, publish
from tests.support.deployment import Process
from tests.support.postgres import Databases
from tests.support.processes import free_ports

LIVES: Final = Settings(seed=1, days=4, watches=5, storms=1)
KILLS: Final = 4
PATIENCE: Final = 60.0
"""Seconds. With Kafka, the watches of a copy that was killed rest until its session has ended."""


class Places(NamedTuple):
    """Where the copies meet: the log and the store."""

    bus: str
    database: str


@pytest.fixture(params=["embedded", "distributed"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    if request.param == "embedded":
        yield Places(f"sqlite:///{tmp_path / 'log.db'}", f"sqlite:///{tmp_path / 'store.db'}")
        return
    address: str = request.getfixturevalue("kafka_address")
    databases: Databases = request.getfixturevalue("postgres")
    url = databases.create()
    yield Places(f"kafka://{address}?prefix={uuid4().hex}.&session=6", url)
    databases.drop(url)


def a_copy(name: str, folder: Path, places: Places, port: int) -> Process:
    config = folder / "brandmelder.yaml"
    config.write_text(
        "watches: [{id: motorrad-ag, name: Motorrad AG, query: motorrad}]\n"
        "public_url: https://melder.example\n",
        encoding="utf-8",
    )
    environment = {
        **os.environ,
        "BRANDMELDER_TOKEN": "a-token-for-tests",
        "BRANDMELDER_CONFIG": str(config),
        "BRANDMELDER_DATA": str(folder / "data"),
        "BRANDMELDER_BUS": places.bus,
        "BRANDMELDER_DATABASE": places.database,
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    return Process(name, ["run", "alert"], port, folder, environment)


def lives() -> list[ClassifiedMention]:
    """Four days of five watches, each with a storm, in the order of collection."""
    library = read_library()
    watches = [WatchStream(LIVES, number, library) for number in range(LIVES.watches)]
    events = [simulated.event for simulated in merged(watches)]
    return [event for event in events if isinstance(event, ClassifiedMention)]


async def undisturbed(mentions: list[ClassifiedMention], database: str) -> Outcome:
    async with a_house(database, **ALONE) as house:
        await sees_in_batches(house, mentions, 500)
        return await outcome(house)


def decided(found: Outcome) -> Outcome:
    """Without when that was, and without the deliveries: nothing is delivered in a house."""
    then = LIVES.begin
    incidents = [replace(each, opened_at=then, updated_at=then) for each in found.incidents]
    return found._replace(
        incidents=sorted(incidents, key=attrgetter("id")),
        events={
            incident: [replace(e, at=then) for e in events if not isinstance(e, PageDelivered)]
            for incident, events in found.events.items()
        },
    )


async def waiting(bus: Bus) -> int:
    """Mentions that the copies have not worked off."""
    return sum((await bus.lag(NAME, [CLASSIFIED])).values())


async def until_at_most(bus: Bus, left: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await waiting(bus) > left:
            await asyncio.sleep(0.1)


@pytest.mark.timeout(240)
async def test_copies_that_are_killed_in_turn_come_to_what_an_undisturbed_one_does(
    places: Places, tmp_path: Path
) -> None:
    mentions = lives()
    expected = await undisturbed(mentions, f"sqlite:///{tmp_path / 'undisturbed.db'}")
    copies = [a_copy(f"copy-{port}", tmp_path, places, port) for port in free_ports(2)]
    part, left = len(mentions) // KILLS + 1, list[int]()
    async with a_log(places.bus) as bus:
        try:
            for copy in copies:
                copy.start()
                await asyncio.to_thread(copy.wait_until_ready)
            for number in range(KILLS):
                await publish(bus, mentions[number * part : (number + 1) * part])
                await until_at_most(bus, part * 3 // 4)
                left.append(await waiting(bus))
                victim = copies[number % 2]
                victim.kill()
                victim.start()
                await asyncio.to_thread(victim.wait_until_ready)
            await until_at_most(bus, 0)
        finally:
            for copy in copies:
                copy.stop()
    async with a_house(places.database, **ALONE) as house:
        assert decided(await outcome(house)) == decided(expected)
    assert max(left) > 0, "once at least, a copy was killed at work"
    assert {incident.watch for incident in expected.incidents} > {"watch-05"}
