"""Keeping the critical voices of stories, so that an incident which opens late knows how it began.

A voice is kept whether or not an incident comes of it. When one opens, the voices of its story
become its evidence; what is said while it goes on joins them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
import structlog
from msgspec.structs import replace
from sqlalchemy import ColumnElement, delete, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.clock import Clock
from libs.common.db import writing
from libs.common.errors import Retryable
from libs.common.events import ClassifiedMention
from services.alert.incident import Incident
from services.alert.page import Quote
from services.alert.store import insert_new, place, quote, text_of
from services.alert.tables import evidence, voices

log = structlog.get_logger(__name__)

TIDIED_SECONDS: Final = 3600.0
KEPT_FOR: Final = timedelta(days=30)
COPIED: Final = ("mention", "at", "published_at", "author", "source", "severity", "snapshot")
"""What a voice and a piece of evidence have in common."""


class Kept(NamedTuple):
    """A voice worth keeping. theme: of its story, empty without one; cluster: of which text it is
    a copy."""

    mention: ClassifiedMention
    theme: str
    cluster: str | None

    @property
    def themes(self) -> tuple[str, ...]:
        """Of the incidents it belongs to: that of its story, and that about the copies."""
        story = (self.theme,) if self.theme else ()
        return story if self.cluster is None else (*story, campaign_theme(self.cluster))


def campaign_theme(cluster: str) -> str:
    """The theme of the incident about the copies of one text."""
    return f"campaign-{cluster}"


async def keep(connection: AsyncConnection, new: Sequence[Kept], now: datetime) -> None:
    """Keeps them; those kept before stay as they are."""
    rows = [
        {
            "watch": mention.watch,
            "mention": mention.id,
            "theme": theme,
            "cluster": cluster,
            "at": now,
            "published_at": mention.published_at,
            "author": mention.author.key if mention.author else None,
            "source": place(mention),
            "severity": mention.classification.severity,
            "snapshot": msgspec.json.encode(quote(mention)).decode(),
        }
        for mention, theme, cluster in new
    ]
    await insert_new(connection, voices, rows)


async def join_story(connection: AsyncConnection, incident: Incident) -> None:
    """The kept voices of the incident's story become its evidence."""
    await _become_evidence(connection, incident, voices.c.theme == incident.theme)


async def join(connection: AsyncConnection, incident: Incident, mentions: Collection[str]) -> None:
    """These kept voices become evidence of the incident."""
    await _become_evidence(connection, incident, voices.c.mention.in_(mentions))


async def join_cluster(connection: AsyncConnection, incident: Incident, cluster: str) -> None:
    """All kept copies of one text become evidence of the incident about them."""
    await _become_evidence(connection, incident, voices.c.cluster == cluster)


async def _become_evidence(
    connection: AsyncConnection, incident: Incident, of_it: ColumnElement[bool]
) -> None:
    found = select(
        literal(incident.id).label("incident"), *(voices.c[name] for name in COPIED)
    ).where(voices.c.watch == incident.watch, of_it)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    await connection.execute(
        dialect.insert(evidence).from_select(["incident", *COPIED], found).on_conflict_do_nothing()
    )


async def forget(connection: AsyncConnection, mentions: Collection[str]) -> None:
    """Blanks the texts of mentions that their sources no longer show."""
    rows = await connection.execute(
        select(voices.c.mention, voices.c.snapshot).where(voices.c.mention.in_(mentions))
    )
    for mention, snapshot in rows.all():
        blank = replace(_QUOTE.decode(snapshot), text=None, words=())
        await connection.execute(
            update(voices)
            .where(voices.c.mention == mention)
            .values(snapshot=msgspec.json.encode(blank).decode())
        )


async def outdated(
    connection: AsyncConnection, mentions: Mapping[str, ClassifiedMention]
) -> set[str]:
    """Those of these mentions, by id, of which another text is kept. What was deleted never is."""
    rows = await connection.execute(
        select(voices.c.mention, voices.c.snapshot).where(voices.c.mention.in_(list(mentions)))
    )
    return {
        mention
        for mention, snapshot in rows
        if _QUOTE.decode(snapshot).text not in (None, text_of(mentions[mention]))
    }


async def edit(connection: AsyncConnection, mention: ClassifiedMention) -> None:
    """Keeps what the mention says now, if it is kept and said something else."""
    if await outdated(connection, {mention.id: mention}):
        now = replace(quote(mention), edited_at=mention.edited_at or mention.collected_at)
        await connection.execute(
            update(voices)
            .where(voices.c.mention == mention.id)
            .values(snapshot=msgspec.json.encode(now).decode(), severity=now.severity)
        )


async def tidy(connection: AsyncConnection, now: datetime) -> None:
    """Lets go of old voices. What became evidence of an incident stays with it."""
    await connection.execute(delete(voices).where(voices.c.at < now - KEPT_FOR))


class Tidying:
    """Lets go of old voices every hour. Any number of copies may run."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """A service loop: what the store does not take now is let go of an hour later."""
        while not stop.is_set():
            try:
                async with writing(self._engine) as connection:
                    await tidy(connection, self._clock())
            except Retryable as error:
                log.warning("old voices stay for now", reason=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TIDIED_SECONDS)


_QUOTE: Final = msgspec.json.Decoder(Quote)
