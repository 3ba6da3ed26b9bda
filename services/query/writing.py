"""Writes batches of changed rows and their full-text index, inside the caller's transaction.

A batch is one statement per table with plain tuples: SQLAlchemy's own expressions would cost more
than the database does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.query import index_text
from services.query.rows import Change, Known, mention_of
from services.query.tables import COLUMNS

EVERY_WORD: Final = "*"
"""Stands in PostgreSQL's index for all words of a text that is too long for a tsvector; every
full-text condition looks for it too."""
LONGEST_TSVECTOR: Final = 1_000_000
"""Characters; PostgreSQL refuses more than 1 MiB."""

_READ_KNOWN: Final = "SELECT id, seq, collected_at, deleted_at, body FROM mentions WHERE id "

_SQLITE_KNOWN: Final = _READ_KNOWN + "IN (SELECT value FROM json_each(?))"
_SQLITE_UPSERT: Final = (
    f"INSERT INTO mentions ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
    # Without a target: a row that keeps its number conflicts by number and by id.
    " ON CONFLICT DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name != "id")
)
_SQLITE_INDEX: Final = "INSERT INTO mention_words (rowid, words) VALUES (?, ?)"
# A contentless index is told what it held, to take it out again.
_SQLITE_UNINDEX: Final = (
    "INSERT INTO mention_words (mention_words, rowid, words) VALUES ('delete', ?, ?)"
)

_PG_KNOWN: Final = _READ_KNOWN + "= ANY($1::text[]) ORDER BY id FOR UPDATE"
_PG_TYPES: Final = dict.fromkeys(COLUMNS, "text") | {
    "severity": "float8",
    "reach": "float8",
    "rating": "float8",
    "published_at": "int8",
    "collected_at": "int8",
    "deleted_at": "int8",
    "body": "bytea",
}
_PG_COLUMNS: Final = tuple(name for name in COLUMNS if name != "seq")
_PG_NAMES: Final = ", ".join(_PG_COLUMNS)
_PG_ARRAYS: Final = ", ".join(
    f"${number}::{kind}[]"
    for number, kind in enumerate([*(_PG_TYPES[name] for name in _PG_COLUMNS), "text"], 1)
)
# Another copy of the service may have written a newer version meanwhile: it stays.
_PG_UPSERT: Final = (
    f"INSERT INTO mentions ({_PG_NAMES}, words)"
    f" SELECT {_PG_NAMES}, array_to_tsvector(string_to_array(words, ' '))"
    f" FROM unnest({_PG_ARRAYS}) AS given ({_PG_NAMES}, words)"
    " ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, words = excluded.words, "
    + ", ".join(f"{name} = excluded.{name}" for name in _PG_COLUMNS if name != "id")
    + " WHERE excluded.collected_at > mentions.collected_at"
    " OR (excluded.collected_at = mentions.collected_at"
    " AND (mentions.deleted_at IS NULL OR excluded.deleted_at IS NOT NULL))"
)


class Writer(Protocol):
    """How one database is written."""

    async def known(self, connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Known]:
        """What is stored of these ids."""
        ...

    async def write(self, connection: AsyncConnection, changes: Sequence[Change]) -> None:
        """Writes each change: the ids differ."""
        ...


class SqliteWriter:
    """Numbers rows itself, since the full-text index is keyed by the number."""

    async def known(self, connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Known]:
        listed = msgspec.json.encode(ids).decode()
        found = await connection.exec_driver_sql(_SQLITE_KNOWN, (listed,))
        return {known.id: known for known in map(Known._make, found)}

    async def write(self, connection: AsyncConnection, changes: Sequence[Change]) -> None:
        top = await connection.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM mentions")
        seq: int = top.scalar_one()
        rows: list[tuple[object, ...]] = []
        indexed: list[tuple[object, ...]] = []
        unindexed: list[tuple[object, ...]] = []
        for row, words, before in changes:
            old = _words_before(before)
            if before is not None and words is not None and words == old:
                rows.append((row.id, before.seq, *row[2:]))
                continue
            seq += 1
            rows.append((row.id, seq, *row[2:]))
            if before is not None and old is not None:
                unindexed.append((before.seq, old))
            if words is not None:
                indexed.append((seq, words))
        for statement, values in (
            (_SQLITE_UNINDEX, unindexed),
            (_SQLITE_UPSERT, rows),
            (_SQLITE_INDEX, indexed),
        ):
            if values:
                await connection.exec_driver_sql(statement, values)


class PostgresqlWriter:
    """Hands whole columns over as arrays: one statement, planned once."""

    async def known(self, connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Known]:
        found = await connection.exec_driver_sql(_PG_KNOWN, (list(ids),))
        return {known.id: known for known in map(Known._make, found)}

    async def write(self, connection: AsyncConnection, changes: Sequence[Change]) -> None:
        # In the order of ids, so that two copies that write the same rows cannot deadlock.
        ordered = sorted(changes, key=lambda change: change.row.id)
        columns = dict(
            zip(COLUMNS, zip(*(change.row for change in ordered), strict=True), strict=True)
        )
        words = [_within_tsvector(change.words) for change in ordered]
        values = (*(list(columns[name]) for name in _PG_COLUMNS), words)
        await connection.exec_driver_sql(_PG_UPSERT, values)


def _words_before(before: Known | None) -> str | None:
    if before is None or before.body is None:
        return None
    return index_text(mention_of(before.body))


def _within_tsvector(words: str | None) -> str | None:
    return EVERY_WORD if words is not None and len(words) > LONGEST_TSVECTOR else words
