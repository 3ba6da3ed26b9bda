"""`brandmelder campaign`: the evidence for a suspected campaign, as the store has it today.

The incident says which text it is about, and since when; the posts are those of the mention store,
so what was deleted or erased since is not in the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine, reading
from libs.common.errors import BrandmelderError
from libs.common.events import ClassifiedMention, IncidentOpened
from libs.common.settings import Language
from services.alert import read, store
from services.alert.campaign_markdown import as_markdown
from services.alert.campaign_report import Report, campaign_report, members_of_cluster
from services.alert.settings import AlertSettings
from services.alert.tables import evidence
from services.query.past import published
from services.runtime import Place

Format: TypeAlias = Literal["markdown", "json"]
REMEMBERED: Final = timedelta(days=14)
"""So long after its last post a further copy still belongs to a campaign."""


class NoReport(BrandmelderError):
    """There is nothing to report on: says why."""


class Suspicion(NamedTuple):
    """What the incident knows. mentions: its posts in the order they were published, the one that
    tipped the detector before them; begin, end: between which its posts were published."""

    watch: str
    mentions: Sequence[str]
    begin: datetime
    end: datetime


async def report_on(
    incident: str,
    settings: AlertSettings,
    place: Place,
    language: Language | None,
    form: Format,
) -> str:
    """The report on that incident, in the configuration's language where none is asked for.

    Raises NoReport, and Retryable when the store does not answer.
    """
    engine = open_engine(place.database)
    try:
        for service in ("services.alert", "services.query"):
            await migrate(engine, service)
        suspicion = await _suspicion(engine, incident)
        posts = await _posts(engine, suspicion, incident)
    finally:
        await engine.dispose()
    names = {watch.id: watch.name for watch in settings.watches}
    name = names.get(suspicion.watch, suspicion.watch)
    report = campaign_report(posts, name, ZoneInfo(settings.timezone))
    return _written(report, language or settings.language, form)


async def _suspicion(engine: AsyncEngine, incident: str) -> Suspicion:
    async with reading(engine) as connection:
        found = await store.find(connection, incident)
        if found is None:
            raise NoReport(f"there is no incident {incident!r}")
        opening, *_ = await read.history(connection, incident)
        rows = await connection.execute(
            select(evidence.c.mention, evidence.c.published_at)
            .where(evidence.c.incident == incident)
            .order_by(evidence.c.published_at, evidence.c.mention)
        )
        posts = rows.all()
    if not isinstance(opening, IncidentOpened) or opening.rule != "campaign":
        raise NoReport(f"incident {incident!r} is no suspected campaign: {found.title}")
    last = max((at for _, at in posts), default=found.opened_at)
    return Suspicion(
        watch=found.watch,
        mentions=[opening.mention, *(mention for mention, _ in posts)],
        begin=datetime.fromtimestamp(opening.numbers["first"], UTC),
        end=last + REMEMBERED,
    )


async def _posts(
    engine: AsyncEngine, suspicion: Suspicion, incident: str
) -> list[ClassifiedMention]:
    """Those of the watch that are still there and say what the campaign says. The first of them
    was no copy when it came, so they are sought by their texts."""
    stored = published(engine, suspicion.begin, suspicion.end, watch=suspicion.watch)
    candidates = {mention.id: mention async for mention in stored}
    known = [candidates[each] for each in suspicion.mentions if each in candidates]
    if not known:
        raise NoReport(f"all posts of incident {incident!r} have been deleted or erased")
    return members_of_cluster(known[0], list(candidates.values()))


def _written(report: Report, language: Language, form: Format) -> str:
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
    return as_markdown(report, language)
