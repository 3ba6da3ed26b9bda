"""How the behaviours ask a log: polling with patience, processes to kill, what is in records."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeAlias

import pytest

from libs.common.bus import (
    Bus,
    Consumer,
    Message,
    Reader,
    Rebalance,
    Record,
    TopicPartition,
)

ROOT = Path(__file__).parents[3]


class BusFactory(Protocol):
    async def __call__(self, *, max_poll_interval: float = 300.0) -> Bus:
        """max_poll_interval: seconds between polls after which a member loses its partitions."""
        ...


Unique: TypeAlias = Callable[[str], str]


def numbered(topic: str, key: str | None, numbers: Iterable[int]) -> list[Message]:
    return [Message(topic, key, str(number).encode()) for number in numbers]


def numbers(records: Iterable[Record], key: str | None = None) -> list[int]:
    """The numbers in the records' values, of one key when it is given."""
    return [int(each.value or b"") for each in records if key is None or each.key == key]


def values(records: Iterable[Record]) -> list[bytes | None]:
    return [each.value for each in records]


def places(topic: str, count: int) -> frozenset[TopicPartition]:
    return frozenset(TopicPartition(topic, number) for number in range(count))


async def take(source: Reader | Consumer, count: int, patience: float) -> list[Record]:
    """Polls until `count` records came. Fails when they do not come in time."""
    records: list[Record] = []
    try:
        async with asyncio.timeout(patience):
            while len(records) < count:
                records += await source.poll(count - len(records), 0.5)
    except TimeoutError:
        pytest.fail(f"{len(records)} of {count} records came within {patience} s")
    return records


async def read_all(bus: Bus, topic: str, patience: float) -> list[Record]:
    """Everything that is in the topic now."""
    async with bus.reader([topic]) as reader:
        end = await reader.end()
        return await take(reader, sum(end.values()), patience)


async def share(
    members: Sequence[Consumer], wanted: frozenset[TopicPartition], patience: float
) -> list[Record]:
    """Polls all members until each owns something and together they own all, without overlap.
    Gives the records that came meanwhile."""
    records: list[Record] = []
    try:
        async with asyncio.timeout(patience):
            while True:
                for batch in await asyncio.gather(*(each.poll(100, 0.1) for each in members)):
                    records += batch
                owned = [each.assignment for each in members]
                if all(owned) and Counter(place for each in owned for place in each) == Counter(
                    wanted
                ):
                    return records
    except TimeoutError:
        pytest.fail(f"the members share {[sorted(each.assignment) for each in members]}")


@asynccontextmanager
async def process(url: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs `tests.contract.crashing`; it is gone when the context is left."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.contract.crashing", url, *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def heard(child: asyncio.subprocess.Process, patience: float) -> str:
    """The next line that the process prints."""
    assert child.stdout is not None
    line = await asyncio.wait_for(child.stdout.readline(), patience)
    assert line, "the process ended"
    return line.decode().strip()


async def clock_passes(moment: datetime) -> None:
    """Returns when a record published from now on is later, whose time is in milliseconds."""
    while datetime.now(UTC) <= moment + timedelta(milliseconds=1):
        await asyncio.sleep(0.001)


class Witness:
    """A rebalance listener that keeps what it was told."""

    def __init__(self) -> None:
        self.owned: set[TopicPartition] = set()
        self.told: list[tuple[str, frozenset[TopicPartition]]] = []

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.told.append(("assigned", partitions))
        self.owned |= partitions

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.told.append(("revoked", partitions))
        self.owned -= partitions

    @property
    def listener(self) -> Rebalance:
        return Rebalance(self.assigned, self.revoked)
