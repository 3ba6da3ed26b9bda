"""Reading and writing incidents. Every function works inside its caller's transaction.

The events are the truth; the projection row is written with them. Two writers never both win:
the number of the next event is part of the key, and whoever loses decides again (`transact`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace
from sqlalchemy import Table, distinct, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common import metrics
from libs.common.db import writing
from libs.common.errors import BrandmelderError, Retryable
from libs.common.events import ClassifiedMention, IncidentEvent, to_json
from libs.common.retry import full_jitter
from services.alert.incident import Incident, apply
from services.alert.page import Gist, Quote
from services.alert.signal import LEVEL, Report, Signal, SignalKey
from services.alert.tables import events, evidence, incidents, signals

T = TypeVar("T")
TRIES: Final = 10
DECISIVE_WORDS: Final = 5


class Conflict(BrandmelderError):
    """Somebody else changed the incident in the meantime."""


async def transact(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Does the work in one writing transaction, again from the start after a lost race.

    Raises Retryable when the race is lost over and over.
    """
    for attempt in range(TRIES):
        try:
            async with writing(engine) as connection:
                return await work(connection)
        except (Conflict, IntegrityError):
            metrics.INCIDENT_CONFLICTS.inc()
        await asyncio.sleep(full_jitter(attempt, base=0.01, cap=0.5, random=random.random))
    raise Retryable("the incidents kept changing meanwhile")


async def find(connection: AsyncConnection, incident: str) -> Incident | None:
    """The incident of that id."""
    row = await connection.scalar(select(incidents.c.folded).where(incidents.c.id == incident))
    return None if row is None else _INCIDENT.decode(row)


async def hold(connection: AsyncConnection, incident: str) -> Incident | None:
    """As `find`; other writers wait until this transaction ends."""
    row = await connection.scalar(
        select(incidents.c.folded).where(incidents.c.id == incident).with_for_update()
    )
    return None if row is None else _INCIDENT.decode(row)


async def unresolved(
    connection: AsyncConnection, watches: Collection[str]
) -> dict[tuple[str, str], Incident]:
    """What is going on in these watches, by watch and theme; other writers wait."""
    rows = await connection.scalars(
        select(incidents.c.folded)
        .where(incidents.c.watch.in_(watches), incidents.c.state != "resolved")
        .order_by(incidents.c.id)
        .with_for_update()
    )
    found = map(_INCIDENT.decode, rows)
    return {(incident.watch, incident.theme): incident for incident in found}


async def known_signals(connection: AsyncConnection, wanted: Iterable[SignalKey]) -> set[SignalKey]:
    """All signals counted before about the mentions of these."""
    mentions = {key.mention for key in wanted}
    rows = await connection.execute(
        select(signals.c.rule, signals.c.mention).where(signals.c.mention.in_(mentions))
    )
    return {SignalKey(rule, mention) for rule, mention in rows}


async def append(
    connection: AsyncConnection, before: Incident | None, new: Sequence[IncidentEvent]
) -> Incident:
    """Writes the events and what the incident is after them. Raises Conflict."""
    incident = before
    rows: list[dict[str, object]] = []
    for event in new:
        incident = apply(incident, event)
        rows.append(
            {
                "incident": incident.id,
                "seq": incident.seq,
                "at": event.at,
                "type": type(event).__name__,
                "body": to_json(event).decode(),
                "published": False,
            }
        )
    if incident is None:
        raise ValueError("no incident and no events")
    if rows:
        await connection.execute(insert(events), rows)
        await _project(connection, before, incident)
    return incident


async def _project(
    connection: AsyncConnection, before: Incident | None, incident: Incident
) -> None:
    row = {
        "seq": incident.seq,
        "state": incident.state,
        "folded": msgspec.json.encode(incident).decode(),
    }
    if before is None:
        await connection.execute(
            insert(incidents).values(
                id=incident.id,
                watch=incident.watch,
                theme=incident.theme,
                opened_at=incident.opened_at,
                **row,
            )
        )
        return
    written = await connection.execute(
        update(incidents)
        .where(incidents.c.id == incident.id, incidents.c.seq == before.seq)
        .values(**row)
    )
    if written.rowcount != 1:
        raise Conflict(incident.id)


async def keep_evidence(
    connection: AsyncConnection, incident: str, counted: Sequence[Signal], now: datetime
) -> None:
    """Remembers the signals, and the mentions as they were; not those at which only time passed and
    a level changed.

    A signal that another writer counted meanwhile breaks the transaction: it is decided again.
    """
    await connection.execute(
        insert(signals),
        [{**signal.key._asdict(), "incident": incident} for signal in counted],
    )
    await insert_new(
        connection,
        evidence,
        [
            {
                "incident": incident,
                "mention": mention.id,
                "at": now,
                "published_at": mention.published_at,
                "author": mention.author.key if mention.author else None,
                "source": place(mention),
                "severity": mention.classification.severity,
                "snapshot": msgspec.json.encode(quote(mention, report)).decode(),
            }
            for mention, report in {
                s.mention.id: (s.mention, s.report) for s in counted if s.rule != LEVEL
            }.values()
        ],
    )


def quote(mention: ClassifiedMention, report: Report | None = None) -> Quote:
    """The mention as people see it: without its author."""
    classification = mention.classification
    return Quote(
        mention=mention.id,
        text=text_of(mention),
        url=mention.url,
        source=place(mention),
        platform=mention.platform,
        published_at=mention.published_at,
        label=classification.label,
        severity=classification.severity,
        words=_decisive_words(mention),
        followers=mention.author.followers if mention.author else None,
        report=report,
    )


def text_of(mention: ClassifiedMention) -> str:
    """Title and text as they are shown."""
    return "\n".join(filter(None, (mention.title, mention.text)))


def place(mention: ClassifiedMention) -> str:
    """Where it was said: the source; for what other tools handed in, the platform they named."""
    return mention.platform if mention.source == "api" else mention.source


def _decisive_words(mention: ClassifiedMention) -> tuple[str, ...]:
    """What speaks for the label, as written, the heaviest first, each once."""
    words: dict[str, str] = {}
    classification = mention.classification
    for reason in sorted(classification.reasons, key=lambda reason: -reason.weight):
        if reason.label != classification.label or reason.field not in ("title", "text"):
            continue
        field = mention.title if reason.field == "title" else mention.text
        word = (field or "")[reason.start : reason.end].strip()
        if word:
            words.setdefault(word.casefold(), word)
    return tuple(words.values())[:DECISIVE_WORDS]


async def forget(connection: AsyncConnection, mentions: Collection[str]) -> set[str]:
    """Blanks the texts of mentions that their sources no longer show.

    Returns the incidents they were evidence of.
    """
    rows = await connection.execute(
        select(evidence.c.incident, evidence.c.mention, evidence.c.snapshot).where(
            evidence.c.mention.in_(mentions)
        )
    )
    touched = set()
    for incident, mention, snapshot in rows.all():
        touched.add(incident)
        blank = replace(_QUOTE.decode(snapshot), text=None, words=())
        await connection.execute(
            update(evidence)
            .where(evidence.c.incident == incident, evidence.c.mention == mention)
            .values(snapshot=msgspec.json.encode(blank).decode())
        )
    return touched


class Standing(NamedTuple):
    """What mentions are evidence of something that goes on: the level and the theme of that, by
    mention, and those of which another text is shown."""

    levels: Mapping[str, int]
    themes: Mapping[str, str]
    outdated: frozenset[str]


async def standing(
    connection: AsyncConnection, mentions: Mapping[str, ClassifiedMention]
) -> Standing:
    """Which of these mentions are evidence already. What was deleted is never outdated."""
    rows = await connection.execute(
        select(evidence.c.mention, evidence.c.snapshot, incidents.c.folded)
        .join(incidents, incidents.c.id == evidence.c.incident)
        .where(evidence.c.mention.in_(list(mentions)), incidents.c.state != "resolved")
    )
    levels: dict[str, int] = {}
    themes: dict[str, str] = {}
    outdated: set[str] = set()
    for mention, snapshot, folded in rows:
        incident = _INCIDENT.decode(folded)
        levels[mention] = max(incident.level, levels.get(mention, 0))
        themes[mention] = incident.theme
        shown = _QUOTE.decode(snapshot).text
        if shown is not None and shown != text_of(mentions[mention]):
            outdated.add(mention)
    return Standing(levels, themes, frozenset(outdated))


async def edit(connection: AsyncConnection, mention: ClassifiedMention) -> None:
    """Shows what the mention says now where it is evidence of something that goes on and said
    something else."""
    rows = await connection.execute(
        select(evidence.c.incident, evidence.c.snapshot)
        .join(incidents, incidents.c.id == evidence.c.incident)
        .where(evidence.c.mention == mention.id, incidents.c.state != "resolved")
    )
    now = replace(quote(mention), edited_at=mention.edited_at or mention.collected_at)
    for incident, snapshot in rows.all():
        if _QUOTE.decode(snapshot).text in (None, now.text):
            continue
        await connection.execute(
            update(evidence)
            .where(evidence.c.incident == incident, evidence.c.mention == mention.id)
            .values(snapshot=msgspec.json.encode(now).decode(), severity=now.severity)
        )


async def last_told(connection: AsyncConnection, incident: str) -> datetime | None:
    """When the newest report among the incident's evidence was told; None without any."""
    snapshots = await connection.scalars(
        select(evidence.c.snapshot).where(evidence.c.incident == incident)
    )
    reports = [_QUOTE.decode(snapshot).report for snapshot in snapshots]
    return max((report.told_at for report in reports if report), default=None)


class Extent(NamedTuple):
    """How far it reaches: how many posts, by how many authors, where, and since when."""

    mentions: int
    voices: int
    sources: tuple[str, ...]
    since: datetime | None


async def extent(connection: AsyncConnection, incident: str) -> Extent:
    """Counted over the incident's evidence. A post without a known author is a voice of its own."""
    of_it = evidence.c.incident == incident
    voice = func.coalesce(evidence.c.author, evidence.c.mention)
    counts = await connection.execute(
        select(func.count(), func.count(distinct(voice)), func.min(evidence.c.published_at)).where(
            of_it
        )
    )
    mentions, voices, since = counts.one()
    sources = await connection.scalars(
        select(evidence.c.source).where(of_it).distinct().order_by(evidence.c.source)
    )
    return Extent(mentions, voices, tuple(sources), since)


async def quoted(connection: AsyncConnection, incident: str, mention: str) -> Quote | None:
    """A mention of the incident's evidence as it was kept."""
    snapshot = await connection.scalar(
        select(evidence.c.snapshot).where(
            evidence.c.incident == incident, evidence.c.mention == mention
        )
    )
    return None if snapshot is None else _QUOTE.decode(snapshot)


async def newest_evidence(connection: AsyncConnection, incident: str, limit: int) -> list[Quote]:
    """The mentions that joined last, the newest first."""
    snapshots = await connection.scalars(
        select(evidence.c.snapshot)
        .where(evidence.c.incident == incident)
        .order_by(evidence.c.at.desc(), evidence.c.published_at.desc(), evidence.c.mention)
        .limit(limit)
    )
    return [_QUOTE.decode(snapshot) for snapshot in snapshots]


async def gist(connection: AsyncConnection, incident: str) -> Gist | None:
    """What its mentions say; None for what has none."""
    written = await connection.scalar(select(incidents.c.gist).where(incidents.c.id == incident))
    return None if written is None else _GIST.decode(written)


async def set_gist(connection: AsyncConnection, incident: str, said: Gist) -> None:
    await connection.execute(
        update(incidents)
        .where(incidents.c.id == incident)
        .values(gist=msgspec.json.encode(said).decode())
    )


async def insert_new(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Inserts the rows whose keys are not there yet."""
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        await connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


_INCIDENT: Final = msgspec.json.Decoder(Incident)
_QUOTE: Final = msgspec.json.Decoder(Quote)
_GIST: Final = msgspec.json.Decoder(Gist)
