"""The ledger of what was observed, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, inspect, select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine, writing
from libs.common.errors import Retryable
from services.ingest.health.coverage import Interval, merged
from services.ingest.health.observations import KEPT, Observations, keep_only
from services.ingest.health.silence import HISTORY, HOUR, Hour
from services.ingest.post import Page
from services.ingest.tables import coverage, hours, metadata, reported
from tests.unit.ingest.building import NOW, a_post

START = NOW.replace(minute=0)
MINUTE = timedelta(minutes=1)
LONG_AGO = START - timedelta(days=1000)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url)
    await migrate(engine, "services.ingest")
    yield engine
    await engine.dispose()


def at(minutes: float) -> datetime:
    return START + minutes * MINUTE


def a_page(*published: float, complete: bool = True, more: bool = False, text: str = "…") -> Page:
    """A page with a post for each of these minutes."""
    posts = tuple(a_post(native_id=f"{m}", text=text, published_at=at(m)) for m in published)
    return Page(posts, "cursor", complete=complete, more=more)


async def noted(engine: AsyncEngine, *pages: tuple[float, Page], control: str = "moin") -> None:
    """Notes each page at its minute, each in a process of its own."""
    for minute, page in pages:
        observations = Observations(engine, {"presse": control})
        observations.note("presse", page, at(minute))
        await observations.flush()


async def ledger(engine: AsyncEngine) -> list[tuple[float, float]]:
    found = await Observations(engine, {}).intervals(LONG_AGO)
    return [
        ((start - START) / MINUTE, (end - START) / MINUTE)
        for start, end in merged(found.get("presse", []))
    ]


async def counted(engine: AsyncEngine) -> list[Hour]:
    return (await Observations(engine, {}).hours(["presse"], LONG_AGO))["presse"]


async def test_the_migrations_make_the_tables(engine: AsyncEngine) -> None:
    def columns(connection: Connection, table: str) -> dict[str, tuple[str, bool]]:
        found = inspect(connection).get_columns(table)
        return {c["name"]: (str(c["type"]), c["nullable"]) for c in found}

    async with engine.connect() as connection:
        for table in (hours, coverage, reported):
            made = await connection.run_sync(columns, table.name)
            keys = {column.name for column in table.primary_key}
            assert {n: t for n, (t, _) in made.items()} == {c.name: str(c.type) for c in table.c}
            assert not any(nullable for n, (_, nullable) in made.items() if n not in keys)
    assert {hours, coverage, reported} <= set(metadata.tables.values())


async def test_a_good_reading_covers_the_time_since_the_one_before(engine: AsyncEngine) -> None:
    await noted(engine, (0, a_page(-500)), (5, a_page(1, 2)), (10, a_page()), (75, a_page(62)))
    assert await ledger(engine) == [(0, 75)]
    # What the first reading found was published before anybody looked.
    assert await counted(engine) == [Hour(START, 2, 1.0), Hour(START + HOUR, 1, 0.25)]


async def test_what_could_not_be_seen_is_a_gap(engine: AsyncEngine) -> None:
    await noted(
        engine,
        (0, a_page()),
        (5, a_page(1)),
        (20, a_page(16, 17, 18, complete=False)),
        (25, a_page(21)),
    )
    assert await ledger(engine) == [(0, 5), (20, 25)]
    assert await counted(engine) == [Hour(START, 2, 10 / 60)]


async def test_a_reading_of_many_pages_counts_when_its_last_page_came(engine: AsyncEngine) -> None:
    observations = Observations(engine, {})
    observations.note("presse", a_page(), at(0))
    observations.note("presse", a_page(8, 9, more=True), at(10))
    await observations.flush()
    assert await ledger(engine) == []
    observations.note("presse", a_page(3, more=True), at(11))
    await observations.flush()
    assert await counted(engine) == []
    observations.note("presse", a_page(1), at(12))
    await observations.flush()
    assert await ledger(engine) == [(0, 12)]
    assert await counted(engine) == [Hour(START, 4, 0.2)]


async def test_one_page_that_missed_something_makes_the_reading_incomplete(
    engine: AsyncEngine,
) -> None:
    observations = Observations(engine, {})
    for minute, page in [
        (0, a_page()),
        (10, a_page(more=True, complete=False)),
        (11, a_page()),
        (15, a_page()),
    ]:
        observations.note("presse", page, at(minute))
    await observations.flush()
    assert await ledger(engine) == [(11, 15)]


async def test_posts_count_in_the_hour_they_were_published(engine: AsyncEngine) -> None:
    await noted(engine, (30, a_page()), (90, a_page(45, 50, 70, 20, 500)))
    # Before the last reading: seen late. After now: a clock that is wrong.
    assert await counted(engine) == [Hour(START, 3, 0.5), Hour(START + HOUR, 2, 0.5)]


async def test_what_was_read_from_the_past_is_not_counted(engine: AsyncEngine) -> None:
    past = Page((a_post(published_at=at(3), backfill=True),), None)
    await noted(engine, (0, a_page()), (5, past))
    assert await counted(engine) == [Hour(START, 0, 5 / 60)]


async def test_a_clock_that_was_set_back_observes_nothing_twice(engine: AsyncEngine) -> None:
    await noted(engine, (0, a_page()), (10, a_page()), (5, a_page(4)), (12, a_page()))
    assert await ledger(engine) == [(0, 12)]
    assert await counted(engine) == [Hour(START, 1, 0.2)]


async def test_the_control_term_is_remembered_by_the_hour(engine: AsyncEngine) -> None:
    await noted(
        engine,
        (0, a_page()),
        (30, a_page(20, text="Moin!")),
        (70, a_page(65, text="Tach")),
        (130, a_page(125, text="moin", complete=False)),
    )
    assert await Observations(engine, {}).sightings("presse") == [
        (START, 1.0, True),
        (START + HOUR, 10 / 60, False),
        (START + 2 * HOUR, 0.0, True),
    ]


async def test_what_was_noted_waits_for_the_store(tmp_path: object) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    observations = Observations(engine, {})
    observations.note("presse", a_page(), at(0))
    with pytest.raises(Retryable):
        await observations.flush()
    await migrate(engine, "services.ingest")
    observations.note("presse", a_page(3), at(5))
    await observations.flush()
    observations.note("presse", a_page(6), at(10))
    await observations.flush()
    # Two readings became one while they waited, so the second one's posts are of the first.
    assert await ledger(engine) == [(5, 10)]
    assert await counted(engine) == [Hour(START, 1, 5 / 60)]
    await engine.dispose()


async def test_incomplete_readings_leave_no_trail(engine: AsyncEngine) -> None:
    await noted(engine, *((minute, a_page(complete=False)) for minute in range(0, 50, 5)))
    async with engine.connect() as connection:
        rows = (await connection.execute(select(coverage.c.from_at, coverage.c.to_at))).all()
    assert len(rows) == 1
    assert rows[0].from_at == rows[0].to_at


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.integers(1, 90), st.booleans(), st.booleans(), st.booleans()), max_size=12
    )
)
async def test_the_ledger_is_what_the_readings_say_however_they_are_written(
    engine: AsyncEngine, steps: list[tuple[int, bool, bool, bool]]
) -> None:
    async with writing(engine) as connection:
        await keep_only(connection, [])
    observations = Observations(engine, {})
    observations.note("presse", a_page(), START)
    await observations.flush()
    expected: list[Interval] = []
    now, reached, whole = START, START, True
    for minutes, complete, more, written in steps:
        now += minutes * MINUTE
        observations.note("presse", Page((), None, complete=complete, more=more), now)
        whole = whole and complete
        if not more:
            expected += [Interval(reached, now)] if whole else []
            reached, whole = now, True
        if written:
            await observations.flush()
    await observations.flush()
    found = (await observations.intervals(LONG_AGO))["presse"]
    assert merged(found) == merged(expected)


async def test_what_is_too_old_is_dropped(engine: AsyncEngine) -> None:
    day = 24 * 60
    await noted(engine, (0, a_page()), (60, a_page(30)), (2 * day, a_page(complete=False)))
    await noted(engine, (60 + 2 * day, a_page(30 + 2 * day)))
    observations = Observations(engine, {})
    await observations.prune(at(60) + HISTORY)
    assert [hour.posts for hour in await counted(engine)] == [1, 1]
    # Long silent: what was usual before stays, the silence itself goes.
    silent = at(60) + 3 * HISTORY
    await noted(engine, ((silent - START) / MINUTE, a_page()))
    await observations.prune(silent)
    kept = await counted(engine)
    assert sum(hour.posts for hour in kept) == 2
    assert all(hour.posts or hour.start >= silent - HISTORY for hour in kept[:2] + kept[-2:])
    await observations.prune(at(60) + KEPT + timedelta(minutes=1))
    assert [start for start, _ in await ledger(engine)] == [2 * day]


async def test_another_source_starts_anew(engine: AsyncEngine) -> None:
    await noted(engine, (0, a_page()), (60, a_page(30)))
    async with writing(engine) as connection:
        await keep_only(connection, ["presse", "shop"])
    assert await ledger(engine) == [(0, 60)]
    async with writing(engine) as connection:
        await keep_only(connection, ["shop"])
    assert await counted(engine) == []
    assert await ledger(engine) == []
