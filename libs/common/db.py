"""The store: one engine over SQLite or PostgreSQL, and each service's own migrations.

A service owns its tables. Its migrations stand in its own package (`migrations/versions`) and
are counted in its own version table, so that services can be deployed one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from libs.common.errors import ConfigurationError, Retryable

SQLITE_BUSY_MS: Final = 30_000
_MIGRATION_LOCK: Final = 0x6272616E64  # "brand": any number of ours, the same in every service
_migrating = asyncio.Lock()


def open_engine(url: str) -> AsyncEngine:
    """An engine for `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://…`.

    Raises ConfigurationError for anything else.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError([_expected("not an address")]) from error
    if parsed.drivername == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_async_engine(
            parsed.set(drivername="sqlite+aiosqlite"),
            execution_options={"brandmelder_queue": asyncio.Lock()},
        )
        event.listen(engine.sync_engine, "connect", _tune_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername in ("postgresql", "postgres"):
        return create_async_engine(
            parsed.set(drivername="postgresql+asyncpg"), pool_size=10, pool_pre_ping=True
        )
    raise ConfigurationError([_expected(f"unknown kind {parsed.drivername!r}")])


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that writes: committed at the end, rolled back on an error.

    On SQLite the write lock is taken at once, so that two writers queue instead of one failing
    half-way. Raises Retryable when the store cannot be reached or is locked for too long.
    """
    with _retryable():
        async with _turn_to_write(engine), engine.connect() as connection:
            await connection.execution_options(brandmelder_writes=True)
            async with connection.begin():
                yield connection


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A look into the store. Raises Retryable when it cannot be reached."""
    with _retryable():
        async with engine.connect() as connection:
            yield connection


@asynccontextmanager
async def _turn_to_write(engine: AsyncEngine) -> AsyncIterator[None]:
    """On SQLite, the writers of one process take turns in order. Its own lock keeps other
    processes out, but whoever waits for that sleeps and looks again, and misses its turn."""
    queue: asyncio.Lock | None = engine.sync_engine.get_execution_options().get("brandmelder_queue")
    if queue is None:
        yield
        return
    try:
        async with asyncio.timeout(SQLITE_BUSY_MS / 1000):
            await queue.acquire()
    except TimeoutError as error:
        raise Retryable("the store does not answer: it is being written to") from error
    try:
        yield
    finally:
        queue.release()


@contextmanager
def _retryable() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, OSError) as error:
        raise Retryable(f"the store does not answer: {_reason(error)}") from error
    except PoolTimeout as error:
        raise Retryable("the store does not answer: every connection is in use") from error
    except DBAPIError as error:
        if error.connection_invalidated or _try_again(error):
            raise Retryable(f"the store does not answer: {_reason(error)}") from error
        raise


async def check_store(engine: AsyncEngine) -> str:
    """A service check: the store answers."""
    async with reading(engine) as connection:
        await connection.execute(text("SELECT 1"))
    return f"{engine.dialect.name} answers"


async def migrate(engine: AsyncEngine, package: str) -> None:
    """Brings the tables of `package` (for example `services.query`) to its newest version.

    Copies that start at the same time wait for one another.
    """
    async with _migrating, writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
            )
        await connection.run_sync(_upgrade, package)


def _upgrade(connection: Connection, package: str) -> None:
    config = Config()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", str(files("libs.common") / "migrations"))
    config.set_main_option("version_locations", str(files(package) / "migrations" / "versions"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = "alembic_version_" + package.rsplit(".", 1)[-1]
    command.upgrade(config, "head")


def _tune_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions of its own accord: `_begin_sqlite` does.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        # What was committed outlives a power cut: log offsets are committed after it.
        "synchronous=FULL",
        f"busy_timeout={SQLITE_BUSY_MS}",
        "foreign_keys=ON",
        "cache_size=-32768",
        # Checkpoints cost more the larger the tables are; rarer ones write a page once for many
        # changes. The log file is cut back afterwards.
        "wal_autocheckpoint=16000",
        "journal_size_limit=67108864",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("brandmelder_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _try_again(error: DBAPIError) -> bool:
    """What goes away by itself, by PostgreSQL's codes: lost connections, conflicts, too little
    room, somebody else's locks, an operator's hand, broken discs; and a standby's read-only."""
    code = getattr(error.orig, "sqlstate", None) or ""
    return code.startswith(("08", "40", "53", "55P03", "57", "58")) or code == "25006"


def _reason(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    return str(original) or type(original).__name__


def _expected(found: str) -> str:
    return (
        f"BRANDMELDER_DATABASE: {found}; expected sqlite:///path/to/file.db "
        "or postgresql://user:password@host/database"
    )
