"""The state of the sources, on both databases."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine
from services.ingest.schedule.decide import SourceState, configured
from services.ingest.schedule.store import Claimant, SourceStore
from services.ingest.tables import sources
from tests.unit.ingest.building import NOW

SOON = NOW + timedelta(seconds=15)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url)
    await migrate(engine, "services.ingest")
    yield engine
    await engine.dispose()


def a_store(engine: AsyncEngine, me: str = "a") -> SourceStore:
    return SourceStore(engine, Claimant(me, 1, me))


def ids(states: object) -> list[str]:
    assert isinstance(states, list)
    return [state.id for state in states]


async def test_the_migrations_make_the_tables(engine: AsyncEngine) -> None:
    def columns(connection: Connection) -> dict[str, bool]:
        found = inspect(connection).get_columns(sources.name)
        return {column["name"]: column["nullable"] for column in found if column["name"] != "id"}

    async with engine.connect() as connection:
        made = await connection.run_sync(columns)
    assert made == {column.name: column.nullable for column in sources.c if column.name != "id"}


async def test_the_table_follows_the_configuration(engine: AsyncEngine) -> None:
    store = a_store(engine)
    await store.configure({"a": "1", "b": "1"}, NOW)
    (first, _) = await store.claim(["a", "b"], NOW, SOON)
    assert await store.finish([replace(first, cursor="kept")])
    await store.configure({"a": "1", "b": "moved", "c": "1"}, SOON)
    a, b, c = await store.states()
    assert (a.id, a.cursor, a.since) == ("a", "kept", NOW)
    assert b == configured("b", "moved", SOON)
    assert c == configured("c", "1", SOON)
    await store.configure({"c": "1"}, SOON)
    assert ids(await store.states()) == ["c"]
    await store.configure({}, SOON)
    assert await store.states() == []


async def test_a_state_comes_back_as_it_was(engine: AsyncEngine) -> None:
    store = a_store(engine)
    await store.configure({"a": "1"}, NOW)
    await store.claim(["a"], NOW, SOON)
    state = SourceState(
        id="a",
        place="1",
        due_at=NOW + timedelta(microseconds=1),
        since=NOW,
        last_entry=NOW - timedelta(days=1),
        cursor="{}",
        failures=3,
        health="failing",
        reason="unreachable: ä",
        last_success=NOW,
    )
    assert await store.finish([state])
    assert await store.states() == [state]


async def test_a_claim_belongs_to_one_copy_until_it_ends(engine: AsyncEngine) -> None:
    a, b = a_store(engine, "a"), a_store(engine, "b")
    await a.configure({"s": "1"}, NOW)
    assert ids(await a.claim(["s"], NOW, SOON)) == ["s"]
    assert await b.claim(["s"], NOW, SOON) == []
    assert await b.claimable(NOW, LATER) == []
    later = SOON + timedelta(seconds=1)
    (state,) = await b.claim(["s"], later, later + timedelta(seconds=15))
    assert not await a.finish([replace(state, cursor="late")])
    assert await b.finish([replace(state, cursor="good")])
    assert [state.cursor for state in await b.states()] == ["good"]


async def test_a_renewed_claim_lasts(engine: AsyncEngine) -> None:
    a, b = a_store(engine, "a"), a_store(engine, "b")
    await a.configure({"s": "1"}, NOW)
    await a.claim(["s"], NOW, SOON)
    await a.renew(["s"], SOON + timedelta(minutes=1))
    await b.renew(["s"], NOW)
    assert await b.claimable(SOON + timedelta(seconds=30), LATER) == []


async def test_what_is_not_due_or_never_again_is_not_claimed(engine: AsyncEngine) -> None:
    store = a_store(engine)
    await store.configure({"late": "1", "never": "1"}, NOW)
    late, never = await store.claim(["late", "never"], NOW, SOON)
    await store.finish([replace(late, due_at=SOON)])
    await store.finish([replace(never, due_at=None)])
    assert await store.claim(["late", "never"], NOW, SOON) == []
    assert ids(await store.claimable(NOW, LATER)) == ["late"]


async def test_a_reading_of_a_source_that_was_reconfigured_meanwhile_is_not_kept(
    engine: AsyncEngine,
) -> None:
    store = a_store(engine)
    await store.configure({"s": "1"}, NOW)
    (state,) = await store.claim(["s"], NOW, SOON)
    await store.configure({"s": "2"}, NOW)
    assert not await store.finish([replace(state, cursor="of the old place")])


async def test_many_copies_at_once_share_the_sources(engine: AsyncEngine) -> None:
    names = [f"s{number:02}" for number in range(20)]
    await a_store(engine).configure(dict.fromkeys(names, "1"), NOW)
    copies = [a_store(engine, f"copy{number}") for number in range(5)]
    claims = await asyncio.gather(*(copy.claim(names, NOW, SOON) for copy in copies))
    assert sorted(state.id for claim in claims for state in claim) == names


async def test_claims_of_a_killed_copy_on_this_machine_are_free_at_once(
    engine: AsyncEngine,
) -> None:
    dead = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await dead.wait()
    living = os.getppid()
    copies = {
        "dead": Claimant("here", dead.pid, "x"),
        "living": Claimant("here", living, "x"),
        "elsewhere": Claimant("there", dead.pid, "x"),
        "predecessor": Claimant("here", os.getpid(), "x"),
    }
    await a_store(engine).configure(dict.fromkeys(copies, "1"), NOW)
    for name, claimant in copies.items():
        assert ids(await SourceStore(engine, claimant).claim([name], NOW, SOON)) == [name]
    me = SourceStore(engine, Claimant("here", os.getpid(), "y"))
    await me.release_of_the_dead()
    assert sorted(ids(await me.claimable(NOW, LATER))) == ["dead", "predecessor"]
