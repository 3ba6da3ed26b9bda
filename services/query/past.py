"""What the store has, in the order in which it was published: for commands that go through it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import reading
from libs.common.events import ClassifiedMention
from services.query.rows import mention_of, microseconds
from services.query.tables import mentions

CHUNK: Final = 1000


async def published(
    engine: AsyncEngine,
    since: datetime,
    until: datetime | None = None,
    *,
    watch: str | None = None,
) -> AsyncIterator[ClassifiedMention]:
    """The mentions published from `since` on and before `until`, in that order, each as it was last
    classified; without what was deleted. Memory holds a chunk. Raises Retryable.

    watch: only those of this watch.
    """
    place = tuple_(mentions.c.published_at, mentions.c.id)
    after = (microseconds(since.astimezone(UTC)), "")
    wanted: ColumnElement[bool] = mentions.c.deleted_at.is_(None)
    if until is not None:
        wanted &= mentions.c.published_at < microseconds(until.astimezone(UTC))
    if watch is not None:
        wanted &= mentions.c.watch == watch
    while True:
        async with reading(engine) as connection:
            rows = await connection.execute(
                select(mentions.c.published_at, mentions.c.id, mentions.c.body)
                .where(wanted, place > tuple_(*after))
                .order_by(mentions.c.published_at, mentions.c.id)
                .limit(CHUNK)
            )
            chunk = rows.all()
        for _, _, body in chunk:
            yield mention_of(body)
        if len(chunk) < CHUNK:
            return
        after = (chunk[-1].published_at, chunk[-1].id)
