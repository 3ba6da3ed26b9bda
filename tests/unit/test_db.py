"""What the store's errors mean: try again, or a fault of ours."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.db import open_engine, reading, writing
from libs.common.errors import ConfigurationError, Retryable


class Refused(Exception):
    """As the driver raises it."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    "sqlstate", ["57P03", "57P01", "53300", "53100", "25006", "40001", "08006", "55P03", "58030"]
)
async def test_a_store_that_starts_or_is_full_or_conflicts_is_tried_again(
    tmp_path: Path, sqlstate: str
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    with pytest.raises(Retryable):
        async with reading(engine):
            raise DBAPIError("SELECT 1", None, Refused(sqlstate))
    await engine.dispose()


@pytest.mark.parametrize("sqlstate", ["22003", "23505", "42P01"])
async def test_a_fault_of_ours_is_not(tmp_path: Path, sqlstate: str) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    with pytest.raises(DBAPIError):
        async with writing(engine):
            raise DBAPIError("SELECT 1", None, Refused(sqlstate))
    await engine.dispose()


async def test_what_failed_half_way_leaves_nothing(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    async with writing(engine) as connection:
        await connection.execute(text("CREATE TABLE t (n INTEGER)"))

    async def fail_half_way() -> None:
        async with writing(engine) as connection:
            await connection.execute(text("INSERT INTO t VALUES (1)"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail_half_way()
    async with reading(engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 0
    await engine.dispose()


async def test_what_was_committed_is_on_disk(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    async with reading(engine) as connection:
        full = 2
        assert await connection.scalar(text("PRAGMA synchronous")) == full
    await engine.dispose()


async def test_a_store_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Retryable):
        async with reading(engine) as connection:
            await connection.execute(text("SELECT 1"))
    await engine.dispose()


@pytest.mark.parametrize("url", ["pigeon://loft", "nonsense", "mysql://u@h/d"])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="BRANDMELDER_DATABASE"):
        open_engine(url)


async def test_writers_of_one_process_take_turns_in_order(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    done: list[int] = []

    async def write(number: int) -> None:
        async with writing(engine) as connection:
            await connection.execute(text("SELECT 1"))
            done.append(number)

    async with asyncio.TaskGroup() as group:
        async with writing(engine):
            for number in range(10):
                group.create_task(write(number))
            await asyncio.sleep(0)
        group.create_task(write(10))
    assert done == list(range(11))
    await engine.dispose()


async def test_a_writer_that_fails_or_is_cancelled_gives_its_turn_back(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    for reason in (ValueError, asyncio.CancelledError):
        with pytest.raises(reason):
            async with writing(engine):
                raise reason
    async with asyncio.timeout(5), writing(engine) as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()
