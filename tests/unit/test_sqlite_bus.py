"""What only the embedded log promises: its file, its sessions, its upkeep."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path

import pytest

from libs.common.bus import Message, Topic, TopicPartition, after
from libs.common.bus.partition import partition_of
from libs.common.bus.sqlite import SqliteBus
from libs.common.bus.sqlite.file import open_log
from libs.common.errors import BusUnavailable, ConfigurationError

OpenBus = Callable[..., SqliteBus]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "log.db"


@pytest.fixture
async def open_bus(path: Path) -> AsyncIterator[OpenBus]:
    async with AsyncExitStack() as stack:

        def open_another(**options: float) -> SqliteBus:
            bus = SqliteBus(path, **options)  # type: ignore[arg-type]  # only numbers are given
            stack.push_async_callback(bus.close)
            return bus

        yield open_another


async def with_topic(bus: SqliteBus, partitions: int = 1) -> SqliteBus:
    await bus.create_topics([Topic("topic", partitions)])
    return bus


def message(value: bytes, key: str = "key") -> Message:
    return Message("topic", key, value)


async def values(bus: SqliteBus) -> list[bytes | None]:
    async with bus.reader(["topic"]) as reader:
        return [each.value for each in await reader.poll(1000, 0.0)]


def run_sql(path: Path, statement: str) -> None:
    """As another program would."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def file_of(path: Path, content: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def clear_away(path: Path) -> None:
    path.unlink()


def content(path: Path) -> bytes:
    return path.read_bytes()


def overwrite_all_but_the_head(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (size - 100))


def names_beside(path: Path) -> list[str]:
    return sorted(each.name.partition("-")[0] for each in path.parent.iterdir())


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Another process that writes and takes its time."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.close()


@contextmanager
def full_disk(used: int) -> Iterator[None]:
    """No file of this process grows beyond `used` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (used, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_the_file_and_its_folder_are_made(open_bus: OpenBus, path: Path) -> None:
    await open_bus().ready()
    assert "log.db" in names_beside(path)


async def test_what_is_in_the_file_survives_closing(open_bus: OpenBus) -> None:
    bus = await with_topic(open_bus())
    await bus.publish([message(b"1")])
    await bus.close()
    assert await values(open_bus()) == [b"1"]


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    with closing(open_log(tmp_path / "log.db", 1.0)) as connection:
        pragmas = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        ]
    assert pragmas == ["wal", 2]  # 2 is FULL: a commit in WAL mode returns after its sync


async def test_a_newer_schema_is_refused(open_bus: OpenBus, path: Path) -> None:
    bus = open_bus()
    await bus.ready()
    await bus.close()
    run_sql(path, "PRAGMA user_version = 2")
    with pytest.raises(ConfigurationError, match=r"schema 2; this version knows 1"):
        await open_bus().ready()


async def test_another_database_is_refused_and_left_alone(open_bus: OpenBus, path: Path) -> None:
    run_sql(path, "CREATE TABLE theirs (id INTEGER)")
    before = content(path)
    with pytest.raises(ConfigurationError, match="not an event log"):
        await open_bus().ready()
    assert content(path) == before


async def test_a_file_that_is_no_database_is_named_with_the_reason(
    open_bus: OpenBus, path: Path
) -> None:
    file_of(path, b"no database " * 1000)
    with pytest.raises(BusUnavailable, match=r"log\.db: file is not a database"):
        await open_bus().ready()


async def test_a_file_that_cannot_be_opened_is_tried_again(open_bus: OpenBus, path: Path) -> None:
    obstacle = file_of(path.parent, b"where the folder should be")
    bus = open_bus()
    with pytest.raises(BusUnavailable, match="File exists"):
        await bus.ready()
    clear_away(obstacle)
    await bus.ready()


async def test_a_damaged_file_is_reported(open_bus: OpenBus, path: Path) -> None:
    bus = await with_topic(open_bus())
    await bus.publish([message(os.urandom(100_000)) for _ in range(20)])
    await bus.close()
    overwrite_all_but_the_head(path)
    with pytest.raises(BusUnavailable, match="malformed"):
        await values(open_bus())


async def test_a_topic_that_does_not_exist_is_named(open_bus: OpenBus) -> None:
    with pytest.raises(BusUnavailable, match="no topic 'topic'"):
        await open_bus().publish([message(b"")])


async def test_while_another_process_writes_reading_goes_on(open_bus: OpenBus, path: Path) -> None:
    bus = await with_topic(open_bus(busy_timeout=0.1))
    await bus.publish([message(b"1")])
    with write_lock(path):
        assert await values(bus) == [b"1"]
        with pytest.raises(BusUnavailable, match="locked"):
            await bus.publish([message(b"2")])
    await bus.publish([message(b"3")])
    assert await values(bus) == [b"1", b"3"]


async def test_a_writer_waits_for_its_turn(open_bus: OpenBus, path: Path) -> None:
    bus = await with_topic(open_bus())
    with write_lock(path):
        publishing = asyncio.create_task(bus.publish([message(b"1")]))
        assert await values(bus) == []
    await publishing
    assert await values(bus) == [b"1"]


async def test_a_full_disk_is_reported_and_recovered_from(open_bus: OpenBus, path: Path) -> None:
    bus = await with_topic(open_bus())
    await bus.publish([message(b"1")])
    used = path.with_name("log.db-wal").stat().st_size
    with full_disk(used + 100_000), pytest.raises(BusUnavailable, match=r"full|disk I/O"):
        await bus.publish([message(bytes(900_000))])
    await bus.publish([message(b"3")])
    assert await values(bus) == [b"1", b"3"]


async def test_poll_raises_only_after_its_wait(open_bus: OpenBus, path: Path) -> None:
    bus = await with_topic(open_bus(busy_timeout=0.05))
    async with bus.consumer("group", ["topic"]) as consumer:
        with write_lock(path), pytest.raises(BusUnavailable, match="locked"):
            await consumer.poll(10, 0.3)
        await bus.publish([message(b"1")])
        assert [each.value for each in await consumer.poll(10, 5.0)] == [b"1"]


async def test_a_wrong_call_harms_no_other(open_bus: OpenBus, path: Path) -> None:
    bus = await with_topic(open_bus())
    async with bus.consumer("group", ["topic"]) as consumer:
        await consumer.poll(1, 0.0)
        with write_lock(path):
            calls = [
                asyncio.create_task(bus.publish([message(b"1")])),
                asyncio.create_task(consumer.commit({TopicPartition("topic", 0): 2**70})),
                asyncio.create_task(bus.publish([message(b"2")])),
            ]
            await values(bus)
        outcome = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in outcome] == [type(None), OverflowError, type(None)]
    assert await values(bus) == [b"1", b"2"]


async def test_a_cancelled_publish_disturbs_nobody(open_bus: OpenBus, path: Path) -> None:
    bus = await with_topic(open_bus())
    with write_lock(path):
        cancelled = asyncio.create_task(bus.publish([message(b"1")]))
        other = asyncio.create_task(bus.publish([message(b"2")]))
        await values(bus)
        cancelled.cancel()
    await other
    assert cancelled.cancelled() or not cancelled.done()
    assert (await values(bus))[-1] == b"2"


async def test_a_cancelled_poll_loses_nothing(open_bus: OpenBus) -> None:
    bus = await with_topic(open_bus())
    async with bus.consumer("group", ["topic"]) as consumer:
        for number in range(50):
            polling = asyncio.create_task(consumer.poll(10, 5.0))
            await bus.publish([message(str(number).encode())])
            polling.cancel()
            await asyncio.wait([polling])
            records = [] if polling.cancelled() else polling.result()
            while not records:
                records = await consumer.poll(10, 5.0)
            assert [each.value for each in records] == [str(number).encode()]


async def test_topics_created_later_are_found(open_bus: OpenBus) -> None:
    bus = open_bus()
    async with bus.consumer("group", ["topic"]) as member, bus.reader(["topic"], "end") as reader:
        assert await member.poll(10, 0.0) == await reader.poll(10, 0.0) == []
        await with_topic(open_bus())
        await bus.publish([message(b"1")])
        for source in (member, reader):
            assert [each.value for each in await source.poll(10, 5.0)] == [b"1"]


async def test_a_partition_with_much_to_read_does_not_hold_up_the_others(
    open_bus: OpenBus,
) -> None:
    bus = await with_topic(open_bus(), partitions=2)
    busy, quiet = "key-0", "key-1"
    assert partition_of(busy, 2) != partition_of(quiet, 2)
    for _ in range(20):
        await bus.publish([message(b"", busy)] * 100)
    await bus.publish([message(b"", quiet)])
    async with bus.consumer("group", ["topic"]) as consumer:
        records = [each for _ in range(3) for each in await consumer.poll(100, 5.0)]
    assert Counter(each.key for each in records)[quiet] == 1


async def test_a_long_step_keeps_its_session(open_bus: OpenBus) -> None:
    bus = await with_topic(open_bus(session_timeout=0.3))
    await bus.publish([message(b"1")])
    async with bus.consumer("group", ["topic"]) as works:
        records = await works.poll(10, 5.0)
        async with open_bus(session_timeout=0.3).consumer("group", ["topic"]) as idle:
            assert await idle.poll(10, 1.5) == []
            await works.commit(after(records))
    assert await bus.lag("group", ["topic"]) == {TopicPartition("topic", 0): 0}


MEMBER_OF_TWO_GROUPS = """
import asyncio, pathlib, sys
from libs.common.bus.sqlite import SqliteBus

async def main():
    bus = SqliteBus(pathlib.Path(sys.argv[1]), session_timeout=3600.0)
    async with bus.consumer("one", ["topic"]) as one, bus.consumer("two", ["topic"]) as two:
        await one.poll(1, 5.0)
        await two.poll(1, 5.0)
        print("polled", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_what_a_killed_process_owned_is_free_at_once(open_bus: OpenBus, path: Path) -> None:
    bus = await with_topic(open_bus())
    await bus.publish([message(b"1")])
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MEMBER_OF_TWO_GROUPS, str(path)), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"polled\n"
    child.kill()
    await child.communicate()
    for group in ("one", "two"):
        async with bus.consumer(group, ["topic"]) as heir:
            assert [each.value for each in await heir.poll(1, 5.0)] == [b"1"]


async def test_no_sign_of_life_stays_behind(open_bus: OpenBus, path: Path) -> None:
    bus = await with_topic(open_bus())
    async with bus.consumer("group", ["topic"]):
        assert any(path.parent.glob("*.alive"))
    await bus.close()
    assert names_beside(path) == ["log.db"]


async def test_a_poll_is_full_while_there_is_enough(open_bus: OpenBus) -> None:
    bus = await with_topic(open_bus())
    for _ in range(5):
        await bus.publish([message(b"x")] * 60)
    async with bus.reader(["topic"]) as reader:
        assert [len(await reader.poll(100, 0.0)) for _ in range(4)] == [100, 100, 100, 0]
    async with bus.consumer("group", ["topic"]) as consumer:
        assert [len(await consumer.poll(100, 0.0)) for _ in range(4)] == [100, 100, 100, 0]
