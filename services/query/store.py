"""The mentions of one database: written in batches, looked up by id, searched by query."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import reading, writing
from services.query.rows import Draft, StoredEvent, changes, draft
from services.query.search import USUAL, Bounds, Page, Search, find_page
from services.query.tables import mentions
from services.query.writing import PostgresqlWriter, SqliteWriter, Writer

CHUNK: Final = 100
"""So many events are prepared before others of the process get their turn: a few milliseconds."""


class Found(NamedTuple):
    """One mention; `body` None when it was deleted."""

    body: bytes | None


class MentionStore:
    """The mentions, in SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine, bounds: Bounds = USUAL) -> None:
        self._engine = engine
        self._bounds = bounds
        sqlite = engine.dialect.name == "sqlite"
        self._writer: Writer = SqliteWriter() if sqlite else PostgresqlWriter()

    async def write(self, events: Sequence[StoredEvent]) -> Counter[str]:
        """Applies the events in order; durable on return, repeatable without effect.

        Returns how many rows were `stored` and `deleted`. Raises Retryable when the store does
        not answer.
        """
        drafts: list[Draft] = []
        for begin in range(0, len(events), CHUNK):
            drafts += map(draft, events[begin : begin + CHUNK])
            await asyncio.sleep(0)
        async with writing(self._engine) as connection:
            known = await self._writer.known(connection, [event.id for event in events])
            changed = changes(known, drafts)
            if changed:
                await self._writer.write(connection, changed)
        return Counter("deleted" if change.row.body is None else "stored" for change in changed)

    async def get(self, mention_id: str) -> Found | None:
        """The mention of this id; None when there never was one. Raises Retryable."""
        async with reading(self._engine) as connection:
            found = await connection.execute(
                select(mentions.c.body).where(mentions.c.id == mention_id)
            )
            row = found.one_or_none()
        return None if row is None else Found(row[0])

    async def search(self, search: Search) -> Page:
        """One page of what matches. Raises Retryable when the store does not answer."""
        async with reading(self._engine) as connection:
            return await find_page(connection, search, self._bounds)
