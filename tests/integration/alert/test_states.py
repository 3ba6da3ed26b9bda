"""Keeping what detectors know, over both stores."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine, reading, writing
from services.alert.states import FORM, FoldedElsewhere, States, insert_all, known_watches
from services.alert.tables import watch_states


class Count(msgspec.Struct):
    heard: int = 0


async def fold(engine: AsyncEngine, states: States[Count], *watches: str) -> None:
    """Counts one more in each, and keeps that."""
    async with reading(engine) as connection:
        held = await states.hold(connection, watches)
    for state in held.values():
        state.heard += 1
    async with writing(engine) as connection:
        await states.save(connection, watches)
    states.saved(watches)


async def heard(engine: AsyncEngine, watch: str) -> int:
    """As a process sees it that has just started."""
    async with reading(engine) as connection:
        return (await States(Count).hold(connection, [watch]))[watch].heard


async def test_a_state_is_there_after_a_restart(database_url: str) -> None:
    engine = open_engine(database_url)
    await migrate(engine, "services.alert")
    states = States(Count)
    await fold(engine, states, "a", "b")
    await fold(engine, states, "b")
    assert (await heard(engine, "a"), await heard(engine, "b"), await heard(engine, "c")) == (
        1,
        2,
        0,
    )
    async with reading(engine) as connection:
        assert await known_watches(connection) == {"a", "b"}
    await engine.dispose()


async def test_what_was_not_written_is_forgotten(database_url: str) -> None:
    engine = open_engine(database_url)
    await migrate(engine, "services.alert")
    states = States(Count)
    await fold(engine, states, "a")
    async with reading(engine) as connection:
        (await states.hold(connection, ["a"]))["a"].heard += 5
    states.forget(["a"])
    await fold(engine, states, "a")
    assert await heard(engine, "a") == 2
    await engine.dispose()


async def test_what_another_copy_has_folded_is_read_anew(database_url: str) -> None:
    engine = open_engine(database_url)
    await migrate(engine, "services.alert")
    ours, theirs = States(Count), States(Count)
    await fold(engine, ours, "a")
    await fold(engine, theirs, "a")
    await fold(engine, ours, "a")
    assert await heard(engine, "a") == 3
    await engine.dispose()


async def test_two_copies_that_fold_at_once_never_both_write(database_url: str) -> None:
    engine = open_engine(database_url)
    await migrate(engine, "services.alert")
    ours, theirs = States(Count), States(Count)
    await fold(engine, ours, "a")
    async with reading(engine) as connection:
        (await ours.hold(connection, ["a"]))["a"].heard += 1
    await fold(engine, theirs, "a")
    with pytest.raises(FoldedElsewhere):
        async with writing(engine) as connection:
            await ours.save(connection, ["a"])
    ours.forget(["a"])
    await fold(engine, ours, "a")
    assert await heard(engine, "a") == 3
    await engine.dispose()


async def test_a_state_of_another_form_begins_anew(database_url: str) -> None:
    engine = open_engine(database_url)
    await migrate(engine, "services.alert")
    await fold(engine, States(Count), "a")
    async with writing(engine) as connection:
        await connection.execute(update(watch_states).values(form=FORM - 1, state=b"older"))
    async with reading(engine) as connection:
        assert await known_watches(connection) == frozenset()
    assert await heard(engine, "a") == 0
    await fold(engine, States(Count), "a")
    assert await heard(engine, "a") == 1
    await engine.dispose()


async def test_first_states_never_replace_what_is_there(database_url: str) -> None:
    engine = open_engine(database_url)
    await migrate(engine, "services.alert")
    async with writing(engine) as connection:
        await insert_all(connection, {"a": Count(7), "b": Count(1)})
    with pytest.raises(IntegrityError):
        async with writing(engine) as connection:
            await insert_all(connection, {"a": Count(0)})
    assert await heard(engine, "a") == 7
    await engine.dispose()
