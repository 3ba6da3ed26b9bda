"""From records of the log to what is told to those who listen: mentions as they are shown.

The log knows what the classifier says. What people say is looked up in the store, once per batch;
while the store does not answer, the classifier's word goes out alone, for the stream must not wait,
and listeners are told of a gap.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

import structlog

from libs.common.bus import Record
from libs.common.errors import InvalidEvent, Retryable
from libs.common.events import ClassifiedMention, LabelCorrected, MentionDeleted, from_record
from services.query.correction import Mark, shown, shown_of
from services.query.listener import corrected_bytes, event_bytes

log = structlog.get_logger(__name__)

PATIENCE_SECONDS: Final = 2.0
SLICE_SECONDS: Final = 0.005
"""So long a batch is worked on before others get their turn."""

_Event: TypeAlias = ClassifiedMention | MentionDeleted | LabelCorrected


class Said(Protocol):
    """Where to look up what people say of mentions. Both may raise Retryable."""

    async def marks(self, ids: Collection[str]) -> Mapping[str, Mark]: ...
    async def shown(self, ids: Collection[str]) -> Mapping[str, bytes]:
        """Mentions as they are shown, without those that are deleted."""
        ...


class News(NamedTuple):
    """What a record tells. corrected: no new mention, but a person's word on a known one."""

    event: ClassifiedMention | MentionDeleted
    corrected: bool = False

    def chunk(self, matches: bool) -> bytes:
        """As Server-Sent Event, without its id. matches: the listener's query finds it; a
        correction is told in either case, since it may just have come to fit, or ceased to."""
        if self.corrected and isinstance(self.event, ClassifiedMention):
            return corrected_bytes(self.event, matches)
        return event_bytes(self.event)


class Told(NamedTuple):
    """What each record of a batch tells, None for nothing. unsure: so many of them were told
    without what people say, or not at all, since the store did not answer."""

    news: list[News | None]
    unsure: int = 0


async def news(records: Sequence[Record], said: Said) -> Told:
    """What each record tells; a later verdict on a known mention, and what the projection parks or
    passes over, tells nothing new."""
    events: list[_Event | None] = []
    begun = time.monotonic()
    for record in records:
        events.append(_event(record))
        if time.monotonic() - begun > SLICE_SECONDS:
            await asyncio.sleep(0)
            begun = time.monotonic()
    new = {event.id for event in events if isinstance(event, ClassifiedMention)}
    known = {event.id for event in events if isinstance(event, LabelCorrected)}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            marks = await said.marks(new) if new else {}
            bodies = await said.shown(known) if known else {}
    except (Retryable, TimeoutError) as error:
        log.warning("live stream without what people say", reason=str(error) or "no answer")
        unsure = sum(isinstance(event, ClassifiedMention | LabelCorrected) for event in events)
        return Told([_told(event, {}, {}) for event in events], unsure)
    return Told([_told(event, marks, bodies) for event in events])


def _told(
    event: _Event | None, marks: Mapping[str, Mark], bodies: Mapping[str, bytes]
) -> News | None:
    if isinstance(event, ClassifiedMention):
        return News(shown(event, marks.get(event.id)))
    if isinstance(event, LabelCorrected):
        body = bodies.get(event.id)
        return None if body is None else News(shown_of(body), corrected=True)
    return None if event is None else News(event)


def _event(record: Record) -> _Event | None:
    try:
        event = from_record(record)
    except InvalidEvent:
        return None
    if isinstance(event, ClassifiedMention) and event.classification.reclassified:
        return None
    return event if isinstance(event, _Event) else None
