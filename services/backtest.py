"""`brandmelder backtest`: when stored mentions would have paged, at which level, and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from libs.common.db import migrate, open_engine
from libs.common.events import ClassifiedMention
from services.alert.rehearsal import Alarm, Rehearsal
from services.alert.service import detection_of
from services.alert.settings import AlertSettings
from services.query.past import published
from services.runtime import Place

WARM_UP: Final = timedelta(days=28)
"""So much before the time asked for is folded first, for the detectors to know what is usual."""

Say = Callable[[str], None]


async def backtest_since(
    settings: AlertSettings,
    place: Place,
    since: datetime,
    until: datetime | None,
    say: Say,
) -> None:
    """Says a line per page, and the sum of them at the end. Raises Retryable."""
    zone = ZoneInfo(settings.timezone)
    rehearsal = Rehearsal(detection_of(settings))
    engine = open_engine(place.database)
    mentions, alarms = 0, 0
    try:
        await migrate(engine, "services.query")
        async for mention in published(engine, since - WARM_UP, until):
            found = rehearsal.fold(_as_it_happened(mention))
            if mention.published_at < since:
                continue
            mentions += 1
            alarms += len(found)
            for alarm in found:
                say(_line(alarm, zone))
    finally:
        await engine.dispose()
    say(f"{mentions} mentions, {alarms} pages.")


def _as_it_happened(mention: ClassifiedMention) -> ClassifiedMention:
    """As if it had been read the moment it was published, also what was read from the past."""
    return replace(mention, collected_at=mention.published_at, backfill=False)


def _line(alarm: Alarm, zone: ZoneInfo) -> str:
    at = alarm.at.astimezone(zone).isoformat(timespec="minutes")
    return f"{at}  level {alarm.level}  {alarm.cause:8}  {alarm.title}  [{alarm.why}]"
