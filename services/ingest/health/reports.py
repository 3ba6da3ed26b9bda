"""Tells changes of the sources' health on the log: at least once, and by one copy only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.bus import SOURCES
from libs.common.db import reading, writing
from libs.common.errors import BusUnavailable
from libs.common.events import SourceHealthChanged, to_message
from services.ingest.health.report import Reported
from services.ingest.publish import Publisher
from services.ingest.stamps import stamp, time_of
from services.ingest.tables import reported

_PATIENCE: Final = 10.0
"""Seconds the log may take for one event; the row is held so long."""


class Reports:
    """What was told, kept in the store."""

    def __init__(self, engine: AsyncEngine, log: Publisher) -> None:
        self._engine = engine
        self._log = log

    async def told(self) -> dict[str, Reported]:
        """The sources that were told bad, and not yet well again. Raises Retryable."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(
                select(reported.c.source, reported.c.health, reported.c.since)
            )
            return {source: Reported(health, time_of(since)) for source, health, since in rows}

    async def tell(self, events: Sequence[SourceHealthChanged]) -> list[SourceHealthChanged]:
        """Those of the events that nobody else has told. Raises Retryable.

        The row is written first and held until the event is on the log: a second copy waits for
        it and then finds nothing to tell, and when the log does not answer, nothing was written.
        """
        ours: list[SourceHealthChanged] = []
        for event in events:
            async with writing(self._engine) as connection:
                if await _changes(connection, event):
                    await self._publish(event)
                    ours.append(event)
        return ours

    async def _publish(self, event: SourceHealthChanged) -> None:
        message = to_message(SOURCES, event.source, event, service="ingest")
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._log.publish([message])
        except TimeoutError:
            raise BusUnavailable(f"the log took longer than {_PATIENCE:g} s") from None


async def _changes(connection: AsyncConnection, event: SourceHealthChanged) -> bool:
    if event.well:
        gone = await connection.execute(delete(reported).where(reported.c.source == event.source))
        return gone.rowcount == 1
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(reported).values(
        source=event.source, health=event.health, since=stamp(event.since)
    )
    written = await connection.execute(
        new.on_conflict_do_update(
            index_elements=[reported.c.source],
            set_={"health": new.excluded.health, "since": new.excluded.since},
            where=reported.c.health != new.excluded.health,
        ).returning(reported.c.source)
    )
    return written.first() is not None
