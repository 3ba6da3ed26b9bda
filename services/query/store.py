"""The mentions of one database: written in batches, looked up by id, searched by query."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import reading, writing
from libs.common.events import Label, MentionDeleted
from services.query import corrections
from services.query.correction import Mark, shown_body
from services.query.corrections import CORRECTION, correction_of
from services.query.rows import Draft, StoredEvent, changes, draft, moment, said
from services.query.search import USUAL, Bounds, Page, Search, find_page
from services.query.tables import label_corrections, mentions
from services.query.writing import PostgresqlWriter, SqliteWriter, Writer

CHUNK: Final = 100
"""So many events are prepared before others of the process get their turn: a few milliseconds."""


class Found(NamedTuple):
    """One mention as it is shown; `body` None when it was deleted."""

    body: bytes | None


class Verdict(NamedTuple):
    """The classifier's label on the version of a mention that was collected then, and who gave it;
    None for a deleted one."""

    collected_at: datetime
    label: Label | None
    model: str | None


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
            # Asked after the rows are held, so that nobody can say anything in between.
            marks = await corrections.marks(connection, known.keys())
            changed = changes(known, drafts, marks)
            if changed:
                await self._writer.write(connection, changed)
            # Not from the changed rows: within the batch one may have been shown again.
            gone = {event.id for event in events if isinstance(event, MentionDeleted)}
            if forgotten := gone & marks.keys():
                await corrections.forget(connection, forgotten)
        return Counter("deleted" if change.row.body is None else "stored" for change in changed)

    async def get(self, mention_id: str) -> Found | None:
        """The mention of this id, with all that a person said of it; None when there never was one.
        Raises Retryable."""
        async with reading(self._engine) as connection:
            found = await connection.execute(
                select(mentions.c.body, *CORRECTION)
                .join_from(
                    mentions,
                    label_corrections,
                    label_corrections.c.mention == mentions.c.id,
                    isouter=True,
                )
                .where(mentions.c.id == mention_id)
            )
            row = found.one_or_none()
        if row is None:
            return None
        body, *said = row
        return Found(None if body is None else shown_body(body, correction_of(*said)))

    async def marks(self, ids: Collection[str]) -> Mapping[str, Mark]:
        """What people say of these mentions. Raises Retryable."""
        async with reading(self._engine) as connection:
            return await corrections.marks(connection, ids)

    async def shown(self, ids: Collection[str]) -> Mapping[str, bytes]:
        """These mentions as lists show them, without those that are deleted. Raises Retryable."""
        async with reading(self._engine) as connection:
            return await corrections.shown_bodies(connection, ids)

    async def verdicts(self, ids: Collection[str]) -> Mapping[str, Verdict]:
        """What the classifier said of these mentions. Raises Retryable."""
        statement = select(mentions.c.id, mentions.c.collected_at, mentions.c.body)
        async with reading(self._engine) as connection:
            found = await connection.execute(statement.where(mentions.c.id.in_(ids)))
            return {
                each: Verdict(moment(collected_at), *((None, None) if body is None else said(body)))
                for each, collected_at, body in found
            }

    async def search(self, search: Search) -> Page:
        """One page of what matches. Raises Retryable when the store does not answer."""
        async with reading(self._engine) as connection:
            return await find_page(connection, search, self._bounds)
