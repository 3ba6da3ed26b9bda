"""People who complain about the same thing, each in words of their own, and what became of it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import select

from libs.common.db import reading
from libs.common.events import ClassifiedMention, IncidentEvent, MentionDeleted, Paged
from services.alert.incident import Incident
from services.alert.tables import evidence, voices, watch_states
from tests.integration.alert.house import House
from tests.unit.alert.builders import NIGHT, a_mention

WORDS = """
    Rückruf Kupplung Händler Rechnung Garantie Auskunft Ersatzteil Hotline Ärger Kosten Wartung
    Getriebe Motor Lieferung Vertrag Antwort Fehler Kunde Service Brief Probefahrt Filiale Öl
    Kette Reifen Lack Sattel Tacho Licht Schlüssel Kulanz Wochen warten
"""


def complaint(number: int) -> str:
    """Another choice of words for every number: one matter, and no two are copies."""
    return "Werkstatt Termin geplatzt: " + " ".join(random.Random(number).sample(WORDS.split(), 7))


def a_voice(number: int, at: datetime = NIGHT, **rest: Any) -> ClassifiedMention:
    """A complaint by somebody of their own, read when it was published."""
    given = {
        "text": complaint(number),
        "author": f"a{number}",
        "label": "complaint",
        "severity": 0.4,
        "reasons": (),
        **rest,
    }
    return replace(a_mention(str(number), published_at=at, **given), collected_at=at)


def a_crowd(people: int, *, first: int = 0, start: datetime = NIGHT) -> list[ClassifiedMention]:
    """One of them every 20 seconds: from 12 on it is a storm."""
    return [
        a_voice(first + number, start + timedelta(seconds=20 * number)) for number in range(people)
    ]


def deletion(mention: ClassifiedMention) -> MentionDeleted:
    return MentionDeleted(
        id=mention.id,
        watch=mention.watch,
        source=mention.source,
        platform=mention.platform,
        native_id=mention.native_id,
        deleted_at=mention.collected_at,
    )


class Outcome(NamedTuple):
    """All that does not depend on how the mentions were batched: pages do, as what happens within
    a batch is told at once.

    events: of each incident, in order. evidence: as it is shown, by incident and mention.
    """

    incidents: list[Incident]
    events: dict[str, list[IncidentEvent]]
    evidence: dict[tuple[str, str], str]
    voices: set[str]
    states: dict[str, bytes]


async def outcome(house: House) -> Outcome:
    """What the house has made of it all."""
    found = await house.all()
    async with reading(house.engine) as connection:
        quotes = await connection.execute(
            select(evidence.c.incident, evidence.c.mention, evidence.c.snapshot)
        )
        kept = await connection.scalars(select(voices.c.mention))
        states = await connection.execute(select(watch_states.c.watch, watch_states.c.state))
        return Outcome(
            [replace(incident, seq=0) for incident in found],
            {
                incident.id: [
                    event
                    for event in await house.events(incident.id)
                    if not isinstance(event, Paged)
                ]
                for incident in found
            },
            {(incident, mention): snapshot for incident, mention, snapshot in quotes},
            set(kept),
            {row.watch: row.state for row in states},
        )


async def kept_voices(house: House) -> set[str]:
    """The mentions that are kept as voices."""
    async with reading(house.engine) as connection:
        return set(await connection.scalars(select(voices.c.mention)))
