"""Upkeep of the file in small steps, done by the writer between its transactions: retention and
compaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple

from libs.common.bus.sqlite.file import transaction
from libs.common.bus.sqlite.records import Stored, repack, unpack

STEP_ROWS: Final = 500
STEP_BYTES: Final = 16 << 20
"""At most this much is read or deleted in one step."""
NEXT_STEP: Final = 0.01
"""Seconds between steps while there is something to do."""
LOOK_AGAIN: Final = 10.0
"""Seconds until the next look when there is nothing to do."""
TOMBSTONES_STAY_MS: Final = 24 * 3600 * 1000
"""How long a null value stays visible, so that readers learn that its key was removed."""


class Retention:
    """Deletes the oldest rows once they are older than their topic keeps them."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now

    def step(self, connection: sqlite3.Connection) -> float:
        kept = connection.execute(
            "SELECT partitions.id, topics.retention_ms FROM partitions"
            " JOIN topics ON topics.id = partitions.topic WHERE topics.retention_ms IS NOT NULL"
        ).fetchall()
        for partition, retention in kept:
            until = _expired(connection, partition, self._now() - retention)
            if until is not None:
                with transaction(connection):
                    connection.execute(
                        f"DELETE FROM chunks_{partition} WHERE last_offset < ?", (until,)
                    )
                    connection.execute(
                        "UPDATE partitions SET first_offset = max(first_offset, ?) WHERE id = ?",
                        (until, partition),
                    )
                return NEXT_STEP
        return LOOK_AGAIN


def _expired(connection: sqlite3.Connection, partition: int, before_ms: int) -> int | None:
    """The offset up to which this step deletes; None when there is nothing to delete."""
    rows = connection.execute(
        f"SELECT last_offset, length(records) FROM chunks_{partition} WHERE published_ms < ?"
        " ORDER BY published_ms, last_offset LIMIT ?",
        (before_ms, STEP_ROWS),
    )
    until = None
    size = 0
    for last, length in rows:
        until = int(last) + 1
        size += length
        if size >= STEP_BYTES:
            break
    rows.close()
    return until


class Pass(NamedTuple):
    """One run over a partition. newest: the last offset of each key that was written since the
    previous run, which ended before `until`; scanned: how far this run came."""

    partition: int
    newest: dict[str, int]
    until: int
    scanned: int


class Compaction:
    """Removes records of compacted topics that a later one of the same key replaces."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._pass: Pass | None = None

    def step(self, connection: sqlite3.Connection) -> float:
        if self._pass is None:
            self._pass = _begin(connection)
            return LOOK_AGAIN if self._pass is None else NEXT_STEP
        with transaction(connection):
            scanned = self._scan(connection, self._pass)
            if scanned >= self._pass.until:
                connection.execute(
                    "UPDATE partitions SET compacted_to = max(compacted_to, ?) WHERE id = ?",
                    (self._pass.until, self._pass.partition),
                )
        self._pass = None if scanned >= self._pass.until else self._pass._replace(scanned=scanned)
        return NEXT_STEP

    def _scan(self, connection: sqlite3.Connection, run: Pass) -> int:
        """Rewrites the next rows; returns the offset after them."""
        old = self._now() - TOMBSTONES_STAY_MS
        rows = _rows(connection, run.partition, run.scanned, run.until)
        for last, first, published, records in rows:
            stored = unpack(records)
            kept = [
                each if each is None or _stays(each, offset, run, published < old) else None
                for offset, each in enumerate(stored, first)
            ]
            if not any(kept):
                connection.execute(
                    f"DELETE FROM chunks_{run.partition} WHERE last_offset = ?", (last,)
                )
            elif kept != stored:
                connection.execute(
                    f"UPDATE chunks_{run.partition} SET records = ? WHERE last_offset = ?",
                    (repack(kept), last),
                )
        return rows[-1][0] + 1 if rows else run.until


def _stays(record: Stored, offset: int, run: Pass, old: bool) -> bool:
    if record.key is None:
        return True
    if offset < run.newest.get(record.key, 0):
        return False
    return record.value is not None or not old


def _begin(connection: sqlite3.Connection) -> Pass | None:
    """The next partition with something new, and the keys in what is new."""
    row = connection.execute(
        "SELECT partitions.id, compacted_to, first_offset, next_offset FROM partitions"
        " JOIN topics ON topics.id = partitions.topic"
        " WHERE topics.compacted AND compacted_to < next_offset"
        " ORDER BY next_offset - compacted_to DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    partition, done, first, following = row
    rows = _rows(connection, partition, done, following)
    newest = {
        each.key: offset
        for _, start, _, records in rows
        for offset, each in enumerate(unpack(records), start)
        if each is not None and each.key is not None
    }
    return Pass(partition, newest, rows[-1][0] + 1 if rows else following, first)


def _rows(
    connection: sqlite3.Connection, partition: int, begin: int, end: int
) -> list[tuple[int, int, int, bytes]]:
    """The rows of (last offset, first offset, published, records) for one step."""
    cursor = connection.execute(
        "SELECT last_offset, first_offset, published_ms, records"
        f" FROM chunks_{partition} WHERE last_offset >= ? AND last_offset < ?"
        " ORDER BY last_offset LIMIT ?",
        (begin, end, STEP_ROWS),
    )
    rows = []
    size = 0
    for row in cursor:
        rows.append(row)
        size += len(row[3])
        if size >= STEP_BYTES:
            break
    cursor.close()
    return rows
