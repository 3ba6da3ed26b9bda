"""Which posts of a source were published, and for which watches: to delete them, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import delete, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import reading, writing
from services.ingest.stamps import stamp
from services.ingest.tables import posts

KEPT: Final = timedelta(days=90)
"""How long a post is remembered after it was last collected."""
_ASKED: Final = 500
"""Ids in one query: databases limit the number of parameters."""
_REMEMBER: Final = text(
    "INSERT INTO ingest_posts (source, native_id, platform, watches, collected_at, checked_at)"
    " VALUES (:source, :native_id, :platform, :watches, :now, :now)"
    " ON CONFLICT (source, native_id) DO UPDATE"
    " SET watches = excluded.watches, collected_at = excluded.collected_at"
)


@dataclass(frozen=True, slots=True)
class Known:
    """A post that was published for these watches."""

    platform: str
    native_id: str
    watches: tuple[str, ...]


class PostStore:
    """Reads and writes `ingest_posts`. Raises Retryable when the database does not answer."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def remember(self, source: str, known: Sequence[Known], now: datetime) -> None:
        """Remembers these posts; for each, all the watches that ever had it are to be named."""
        if not known:
            return
        rows = [
            {
                "source": source,
                "native_id": post.native_id,
                "platform": post.platform,
                "watches": msgspec.json.encode(post.watches).decode(),
                "now": stamp(now),
            }
            for post in known
        ]
        async with writing(self._engine) as connection:
            await connection.execute(_REMEMBER, rows)

    async def known(self, source: str, native_ids: Sequence[str]) -> list[Known]:
        """Those of these posts that were published."""
        found: list[Known] = []
        async with reading(self._engine) as connection:
            for start in range(0, len(native_ids), _ASKED):
                wanted = select(posts.c.platform, posts.c.native_id, posts.c.watches).where(
                    posts.c.source == source,
                    posts.c.native_id.in_(native_ids[start : start + _ASKED]),
                )
                for row in await connection.execute(wanted):
                    watches = msgspec.json.decode(row.watches, type=tuple[str, ...])
                    found.append(Known(row.platform, row.native_id, watches))
        return found

    async def forget(self, source: str, native_ids: Sequence[str]) -> None:
        async with writing(self._engine) as connection:
            for start in range(0, len(native_ids), _ASKED):
                await connection.execute(
                    delete(posts).where(
                        posts.c.source == source,
                        posts.c.native_id.in_(native_ids[start : start + _ASKED]),
                    )
                )

    async def unchecked(self, source: str, before: datetime, at_most: int) -> list[str]:
        """Posts that were last looked at before then, the longest ago first."""
        wanted = (
            select(posts.c.native_id)
            .where(posts.c.source == source, posts.c.checked_at < stamp(before))
            .order_by(posts.c.checked_at, posts.c.native_id)
            .limit(at_most)
        )
        async with reading(self._engine) as connection:
            return [row.native_id for row in await connection.execute(wanted)]

    async def checked(self, source: str, native_ids: Sequence[str], now: datetime) -> None:
        """These posts were looked at."""
        async with writing(self._engine) as connection:
            for start in range(0, len(native_ids), _ASKED):
                await connection.execute(
                    update(posts)
                    .where(
                        posts.c.source == source,
                        posts.c.native_id.in_(native_ids[start : start + _ASKED]),
                    )
                    .values(checked_at=stamp(now))
                )

    async def prune(self, sources: Sequence[str], now: datetime) -> None:
        """Forgets what is older than KEPT, and what belongs to none of these sources."""
        async with writing(self._engine) as connection:
            await connection.execute(
                delete(posts).where(
                    or_(
                        posts.c.collected_at < stamp(now - KEPT),
                        posts.c.source.not_in(list(sources)),
                    )
                )
            )
