"""The file of the embedded log: opening it, its schema, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from libs.common.errors import BusUnavailable, ConfigurationError

APPLICATION: Final = 0x42524D4C
"""Marks the file as an event log of ours (SQLite's `application_id`)."""
VERSION: Final = 1
"""The schema that this code reads and writes (SQLite's `user_version`)."""

_SCHEMA: Final = """
CREATE TABLE topics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    retention_ms INTEGER,
    compacted INTEGER NOT NULL
);
-- The records of partition N are in the table chunks_N (see create_chunks).
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL REFERENCES topics (id),
    number INTEGER NOT NULL,
    first_offset INTEGER NOT NULL DEFAULT 0,
    next_offset INTEGER NOT NULL DEFAULT 0,
    newest_ms INTEGER NOT NULL DEFAULT 0,
    compacted_to INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, number)
);
-- The generation grows with every change of who owns what in the group.
CREATE TABLE groups (
    name TEXT PRIMARY KEY,
    generation INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE members (
    id TEXT PRIMARY KEY,
    group_name TEXT NOT NULL,
    topics TEXT NOT NULL,
    process TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE claims (
    group_name TEXT NOT NULL,
    partition INTEGER NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (group_name, partition)
) WITHOUT ROWID;
CREATE TABLE commits (
    group_name TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (group_name, partition)
) WITHOUT ROWID;
"""


def create_chunks(connection: sqlite3.Connection, partition: int) -> None:
    """The table of a partition's records, many to a row: one row is what one transaction
    published, so SQLite is asked once per batch and not once per record."""
    connection.execute(
        f"CREATE TABLE chunks_{partition} (last_offset INTEGER PRIMARY KEY,"
        " first_offset INTEGER NOT NULL, published_ms INTEGER NOT NULL, records BLOB NOT NULL)"
    )
    connection.execute(f"CREATE INDEX chunks_{partition}_time ON chunks_{partition} (published_ms)")


def connect(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """A connection on which a commit is on disk when it returns. `busy_timeout` in seconds."""
    connection = sqlite3.connect(
        path, timeout=busy_timeout, isolation_level=None, cached_statements=512
    )
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 2000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    except BaseException:
        connection.close()
        raise
    return connection


def open_log(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Opens the log, creates it when missing.

    Raises ConfigurationError when the file is something else or from a newer version.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = connect(path, busy_timeout)
    try:
        if not _is_empty(connection):
            _check(path, connection)
        _use_wal(connection, busy_timeout)
        with transaction(connection):
            if _is_empty(connection):
                _create(connection)
        _check(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection, patience: float) -> None:
    """Switching a new file to WAL does not wait for other openers by itself."""
    deadline = time.monotonic() + patience
    connection.execute("PRAGMA page_size = 8192")
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _is_empty(connection: sqlite3.Connection) -> bool:
    (count,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(count == 0)


def _create(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _check(path: Path, connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise ConfigurationError([f"{path}: this is a database, but not an event log"])
    if version > VERSION:
        raise ConfigurationError(
            [
                f"{path}: a newer version of Brandmelder wrote this event log"
                f" (schema {version}; this version knows {VERSION})"
            ]
        )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, with the write lock from the start."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def unavailable(path: Path, error: Exception) -> BusUnavailable:
    """The reason for those who run the service: disk full, locked, damaged, not allowed, …"""
    return BusUnavailable(f"event log {path}: {error}")
