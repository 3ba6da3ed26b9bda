"""Judging known mentions anew: the raw log from a time on, through the present classifier.

The verdicts go out marked as `reclassified`, so that they page nobody; the store puts each in place
of the former one of that very version of the mention. Left out are mentions that the store does not
have, that it knows to be deleted or edited since (their old text has no business on the log again),
and those with a second opinion, which a verdict of the classifier alone would replace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from msgspec.structs import replace

from libs.common.bus import (
    CLASSIFIED,
    RAW,
    Message,
    Offsets,
    Reader,
    Record,
    Start,
    TopicPartition,
)
from libs.common.errors import BusUnavailable, InvalidEvent
from libs.common.events import Classification, Label, Mention, from_record, to_message
from services.classify.classifier import Classifier
from services.classify.second_opinion.verdict import has_second_opinion
from services.classify.tagging import NAME, classified

BATCH: Final = 500
POLL_SECONDS: Final = 5.0
PATIENCE: Final = 6
"""So many polls in a row may bring nothing before the end, where a log is slow to answer."""


class Known(Protocol):
    """What the store has of a mention."""

    @property
    def collected_at(self) -> datetime: ...
    @property
    def label(self) -> Label | None:
        """What the classifier said before; None for a deleted mention."""
        ...

    @property
    def model(self) -> str | None:
        """Who said it; None for a deleted mention."""
        ...


class Store(Protocol):
    """Where to look up what became of mentions. May raise Retryable."""

    async def verdicts(self, ids: Collection[str]) -> Mapping[str, Known]: ...


class Log(Protocol):
    """Of the event log, what is needed here; a `Bus` is one."""

    def reader(
        self, topics: Sequence[str], start: Start = ...
    ) -> AbstractAsyncContextManager[Reader]: ...

    async def publish(self, messages: Sequence[Message]) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What was done, in mentions.

    judged: sent out with a new verdict; changed: of these, with another label than the store has.
    outdated: deleted or edited since. unknown: not in the store, or not yet. second_opinions: keep
    the one they have. unreadable: what stands parked elsewhere.
    reaches_back_to: from when on the log has everything, if it no longer has all of the time asked.
    complete: all of it was read, and nobody stopped it.
    """

    judged: int = 0
    changed: int = 0
    outdated: int = 0
    unknown: int = 0
    second_opinions: int = 0
    unreadable: int = 0
    reaches_back_to: datetime | None = None
    complete: bool = False


@dataclass(slots=True)
class Span:
    """What of the log to read: up to where it ended at the start, and records before `until`.

    begun: where reading began. there: before what nothing was left then.
    """

    ends: Offsets
    begun: Offsets
    there: Offsets
    until: datetime | None = None
    _position: Offsets = field(init=False)
    _left: set[TopicPartition] = field(init=False)
    _firsts: dict[TopicPartition, Record] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._left = set(self.ends)
        self._position = {}
        self.reaches(self.begun)

    @property
    def is_read(self) -> bool:
        return not self._left

    @property
    def left(self) -> str:
        """How far reading has come where it is not done, for people."""
        return ", ".join(
            f"partition {place.partition} stands at {self._position.get(place, 0)} of "
            f"{self.ends[place]}"
            for place in sorted(self._left)
        )

    @property
    def reaches_back_to(self) -> datetime | None:
        """From when on the log has everything, when reading began with the oldest records left and
        there were older ones; None when nothing is missing."""
        times = [
            first.published_at
            for place, first in self._firsts.items()
            if self.begun.get(place, 0) <= self.there.get(place, 0) != 0
        ]
        return max(times, default=None)

    def wanted(self, records: Sequence[Record]) -> list[Record]:
        """Those that belong to it; keeps account of where it ends early."""
        found: list[Record] = []
        for record in records:
            place = TopicPartition(record.topic, record.partition)
            self._firsts.setdefault(place, record)
            if self.until is not None and record.published_at >= self.until:
                self._left.discard(place)
            elif record.offset < self.ends.get(place, 0):
                found.append(record)
        return found

    def reaches(self, position: Offsets) -> bool:
        """Takes note of how far reading has come; whether that is farther than before."""
        before, self._position = self._position, position
        self._left -= {place for place, at in position.items() if at >= self.ends.get(place, 0)}
        return position != before


async def reclassify(
    bus: Log,
    store: Store,
    classifier: Classifier,
    since: datetime,
    until: datetime | None,
    stop: asyncio.Event,
) -> Outcome:
    """Judges anew what was collected from `since` on, up to now or `until`. The order of each
    mention's versions is kept; memory holds one batch. Setting `stop` ends it after the batch at
    hand; what is done stays done. Raises Retryable when log or store do not answer, or the log
    falls silent before its end."""
    outcome = Outcome()
    async with bus.reader([RAW], since) as reader:
        ends, begun = await reader.end(), await reader.position()
        span = Span(ends, begun, await reader.start(), until)
        async for records in _batches(reader, span, stop):
            if messages := await _judged(records, store, classifier, outcome):
                await bus.publish(messages)
    outcome.complete = not stop.is_set()
    outcome.reaches_back_to = span.reaches_back_to
    return outcome


async def _batches(
    reader: Reader, span: Span, stop: asyncio.Event
) -> AsyncIterator[Sequence[Record]]:
    silent = 0
    while not span.is_read and not stop.is_set():
        records = await reader.poll(BATCH, POLL_SECONDS)
        if wanted := span.wanted(records):
            yield wanted
        moved = span.reaches(await reader.position())
        silent = 0 if records or moved else silent + 1
        if silent >= PATIENCE and not span.is_read:
            raise BusUnavailable(
                f"{RAW} fell silent for {PATIENCE * POLL_SECONDS:g} s before its end: {span.left}; "
                "what is done stays done"
            )


async def _judged(
    records: Sequence[Record], store: Store, classifier: Classifier, outcome: Outcome
) -> list[Message]:
    mentions = _mentions(records, outcome)
    known = await store.verdicts({mention.id for mention in mentions})
    present = [each for each in mentions if _is_due(each, known.get(each.id), outcome)]
    verdicts = classifier.classify(present)
    for mention, verdict in zip(present, verdicts, strict=True):
        outcome.judged += 1
        outcome.changed += known[mention.id].label != verdict.label
    return [_message(*each) for each in zip(present, verdicts, strict=True)]


def _mentions(records: Sequence[Record], outcome: Outcome) -> list[Mention]:
    mentions: list[Mention] = []
    for record in records:
        try:
            event = from_record(record)
        except InvalidEvent:
            outcome.unreadable += 1
            continue
        if isinstance(event, Mention):
            mentions.append(event)
    return mentions


def _is_due(mention: Mention, known: Known | None, outcome: Outcome) -> bool:
    """Whether the store has this very version, with a verdict of a classifier alone; counts why
    not."""
    if known is None:
        outcome.unknown += 1
    elif known.model is None or known.collected_at != mention.collected_at:
        outcome.outdated += 1
    elif has_second_opinion(known.model):
        outcome.second_opinions += 1
    else:
        return True
    return False


def _message(mention: Mention, verdict: Classification) -> Message:
    judged = classified(mention, replace(verdict, reclassified=True))
    return to_message(CLASSIFIED, mention.watch, judged, service=NAME)
