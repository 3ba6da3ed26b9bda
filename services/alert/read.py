"""Reading incidents for the API: pages of a list, and all that belongs to one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple

import msgspec
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.events import IncidentEvent
from services.alert.budget import Alarm, alarms_of
from services.alert.incident import Incident, State
from services.alert.page import Gist, Quote
from services.alert.tables import events, evidence, incidents

EVIDENCE_LIMIT: Final = 50


class Counted(NamedTuple):
    """An incident, how many mentions are its evidence, and what they say."""

    incident: Incident
    mentions: int
    gist: Gist | None


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last incident of a page; the next page begins after it."""

    opened_at: Annotated[datetime, msgspec.Meta(tz=True)]
    id: Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def cursor(text: str) -> Cursor:
    """Raises ValueError for text that is no cursor."""
    try:
        padded = text + "=" * (-len(text) % 4)
        found = _CURSOR.decode(base64.urlsafe_b64decode(padded.encode("ascii")))
        return Cursor(found.opened_at.astimezone(UTC), found.id)
    except (binascii.Error, UnicodeError, OverflowError, msgspec.MsgspecError) as error:
        raise ValueError("not a cursor of ours") from error


async def newest(
    connection: AsyncConnection,
    *,
    states: Collection[State],
    watch: str | None,
    after: Cursor | None,
    limit: int,
) -> list[Counted]:
    """Up to `limit` incidents, the newest first."""
    mentions = select(func.count()).where(evidence.c.incident == incidents.c.id).scalar_subquery()
    query = (
        select(incidents.c.folded, mentions, incidents.c.gist)
        .order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
        .limit(limit)
    )
    if states:
        query = query.where(incidents.c.state.in_(states))
    if watch is not None:
        query = query.where(incidents.c.watch == watch)
    if after is not None:
        place = tuple_(incidents.c.opened_at, incidents.c.id)
        query = query.where(place < tuple_(after.opened_at, after.id))
    rows = await connection.execute(query)
    return [
        Counted(_INCIDENT.decode(folded), count, None if said is None else _GIST.decode(said))
        for folded, count, said in rows
    ]


async def count_mentions(connection: AsyncConnection, incident: str) -> int:
    """How many mentions are the incident's evidence."""
    count = await connection.scalar(select(func.count()).where(evidence.c.incident == incident))
    return count or 0


async def history(connection: AsyncConnection, incident: str) -> list[IncidentEvent]:
    """All events of the incident, in order."""
    bodies = await connection.scalars(
        select(events.c.body).where(events.c.incident == incident).order_by(events.c.seq)
    )
    return [_EVENT.decode(body) for body in bodies]


async def quotes(
    connection: AsyncConnection, incident: str, mentions: Sequence[str]
) -> list[Quote]:
    """These mentions of the incident's evidence, in this order; without those that are none."""
    rows = await connection.execute(
        select(evidence.c.mention, evidence.c.snapshot).where(
            evidence.c.incident == incident, evidence.c.mention.in_(mentions)
        )
    )
    found = {mention: _QUOTE.decode(snapshot) for mention, snapshot in rows}
    return [found[mention] for mention in mentions if mention in found]


async def alarms_since(connection: AsyncConnection, since: datetime) -> list[Alarm]:
    """Every alarm after `since`, with what people said of it and what had been measured."""
    paged = select(events.c.incident).where(events.c.type == "Paged", events.c.at > since)
    rows = await connection.scalars(
        select(incidents.c.folded)
        .where(incidents.c.id.in_(paged.distinct()))
        .order_by(incidents.c.opened_at, incidents.c.id)
    )
    found = {incident.id: incident for incident in map(_INCIDENT.decode, rows)}
    told = await _told(connection, found)
    openings = await _openings(connection, found.values())
    return [
        alarm
        for incident in found.values()
        for alarm in alarms_of(told[incident.id], incident.noise, openings.get(incident.id, {}))
    ]


async def _told(
    connection: AsyncConnection, wanted: Collection[str]
) -> dict[str, list[IncidentEvent]]:
    """Of these incidents the events that make and explain an alarm, in order."""
    rows = await connection.execute(
        select(events.c.incident, events.c.body)
        .where(
            events.c.incident.in_(wanted),
            events.c.type.in_(("IncidentOpened", "LevelChanged", "Paged")),
        )
        .order_by(events.c.incident, events.c.seq)
    )
    told: dict[str, list[IncidentEvent]] = {incident: [] for incident in wanted}
    for incident, body in rows:
        told[incident].append(_EVENT.decode(body))
    return told


async def _openings(
    connection: AsyncConnection, wanted: Iterable[Incident]
) -> dict[str, dict[str, float]]:
    """What was known of the mentions that opened these incidents."""
    places = [(incident.id, incident.mention) for incident in wanted]
    rows = await connection.execute(
        select(evidence.c.incident, evidence.c.snapshot).where(
            tuple_(evidence.c.incident, evidence.c.mention).in_(places)
        )
    )
    return {incident: _measures(_QUOTE.decode(snapshot)) for incident, snapshot in rows}


def _measures(quote: Quote) -> dict[str, float]:
    reach = {} if quote.followers is None else {"reach": float(quote.followers)}
    return {"severity": quote.severity, **reach}


async def best_evidence(connection: AsyncConnection, incident: Incident) -> Sequence[Quote]:
    """The mention that opened it, then the gravest, newest first among equals."""
    snapshots = await connection.scalars(
        select(evidence.c.snapshot)
        .where(evidence.c.incident == incident.id)
        .order_by(
            (evidence.c.mention == incident.mention).desc(),
            evidence.c.severity.desc(),
            evidence.c.at.desc(),
            evidence.c.mention,
        )
        .limit(EVIDENCE_LIMIT)
    )
    return [_QUOTE.decode(snapshot) for snapshot in snapshots]


_CURSOR: Final = msgspec.json.Decoder(Cursor)
_INCIDENT: Final = msgspec.json.Decoder(Incident)
_EVENT: Final[msgspec.json.Decoder[IncidentEvent]] = msgspec.json.Decoder(IncidentEvent)
_QUOTE: Final = msgspec.json.Decoder(Quote)
_GIST: Final = msgspec.json.Decoder(Gist)
