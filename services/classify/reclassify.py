"""Judging known mentions anew: the raw log from a time on, through the present classifier.

The verdicts go out marked as `reclassified`, so that they page nobody; the store puts each in place
of the former one of that very version of the mention. A mention that the store knows to be deleted
or edited since is left out: its old text has no business on the log again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from msgspec.structs import replace

from libs.common.bus import (
    CLASSIFIED,
    RAW,
    Bus,
    Message,
    Offsets,
    Reader,
    Record,
    TopicPartition,
)
from libs.common.errors import BusUnavailable, InvalidEvent
from libs.common.events import Classification, Label, Mention, from_record, to_message
from services.classify.classifier import Classifier
from services.classify.tagging import NAME, classified

BATCH: Final = 500
QUIET_SECONDS: Final = 5.0
"""A partition that says nothing for so long has nothing to say of the time asked for."""


class Known(Protocol):
    """What the store has of a mention."""

    @property
    def collected_at(self) -> datetime: ...
    @property
    def label(self) -> Label | None:
        """What the classifier said before; None for a deleted mention."""
        ...


class Store(Protocol):
    """Where to look up what became of mentions. May raise Retryable."""

    async def verdicts(self, ids: Collection[str]) -> Mapping[str, Known]: ...


@dataclass(slots=True)
class Outcome:
    """What was done, in mentions.

    judged: sent out with a new verdict; changed: of these, with another label than the store has.
    outdated: deleted or edited since. unreadable: what stands parked elsewhere.
    reaches_back_to: from when on the log has everything, if it no longer has all of the time asked.
    complete: all of it was read, and nobody stopped it.
    """

    judged: int = 0
    changed: int = 0
    outdated: int = 0
    unreadable: int = 0
    reaches_back_to: datetime | None = None
    complete: bool = False


@dataclass(slots=True)
class Span:
    """What of the log to read: up to where it ended at the start, and records before `until`."""

    ends: Offsets
    until: datetime | None = None
    firsts: dict[TopicPartition, Record] = field(default_factory=dict)
    """The first record that each partition gave."""
    _left: set[TopicPartition] = field(init=False)

    def __post_init__(self) -> None:
        self._left = {place for place, end in self.ends.items() if end > 0}

    @property
    def is_read(self) -> bool:
        return not self._left

    @property
    def is_read_where_it_speaks(self) -> bool:
        """Partitions that gave nothing so far may have nothing of that time."""
        return not self._left & self.firsts.keys()

    def wanted(self, records: Sequence[Record]) -> list[Record]:
        """Those that belong to it; keeps account of what is read."""
        found: list[Record] = []
        for record in records:
            place = TopicPartition(record.topic, record.partition)
            self.firsts.setdefault(place, record)
            too_late = self.until is not None and record.published_at >= self.until
            if record.offset < self.ends.get(place, 0) and not too_late:
                found.append(record)
            if too_late or record.offset + 1 >= self.ends.get(place, 0):
                self._left.discard(place)
        return found


async def reclassify(
    bus: Bus,
    store: Store,
    classifier: Classifier,
    since: datetime,
    until: datetime | None,
    stop: asyncio.Event,
) -> Outcome:
    """Judges anew what was collected from `since` on, up to now or `until`. The order of each
    mention's versions is kept; memory holds one batch. Setting `stop` ends it after the batch at
    hand; what is done stays done. Raises Retryable when log or store do not answer."""
    outcome = Outcome()
    async with bus.reader([RAW], since) as reader:
        span = Span(await reader.end(), until)
        spoke = time.monotonic()
        while not span.is_read and not stop.is_set():
            records = await reader.poll(BATCH, QUIET_SECONDS)
            wanted = span.wanted(records)
            if wanted:
                await bus.publish(await _judged(wanted, store, classifier, outcome))
                spoke = time.monotonic()
            is_quiet = not records or time.monotonic() - spoke > QUIET_SECONDS
            if is_quiet and span.is_read_where_it_speaks:
                break
            if not records:
                raise BusUnavailable(f"{RAW} fell silent before its end")
    outcome.complete = not stop.is_set()
    outcome.reaches_back_to = await _reaches_back_to(bus, span)
    return outcome


async def _judged(
    records: Sequence[Record], store: Store, classifier: Classifier, outcome: Outcome
) -> list[Message]:
    mentions = _mentions(records, outcome)
    known = await store.verdicts({mention.id for mention in mentions})
    present = [each for each in mentions if _is_present(each, known.get(each.id))]
    outcome.outdated += len(mentions) - len(present)
    verdicts = classifier.classify(present)
    for mention, verdict in zip(present, verdicts, strict=True):
        before = known.get(mention.id)
        outcome.judged += 1
        outcome.changed += before is not None and before.label != verdict.label
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


def _is_present(mention: Mention, known: Known | None) -> bool:
    """The store has this very version, or has not come to it yet."""
    if known is None:
        return True
    return known.label is not None and known.collected_at == mention.collected_at


def _message(mention: Mention, verdict: Classification) -> Message:
    judged = classified(mention, replace(verdict, reclassified=True))
    return to_message(CLASSIFIED, mention.watch, judged, service=NAME)


async def _reaches_back_to(bus: Bus, span: Span) -> datetime | None:
    """From when on the log has everything, when the records before the first ones were dropped;
    None when they are still there, so that nothing is missing."""
    for first in sorted(span.firsts.values(), key=lambda record: -record.timestamp):
        place = TopicPartition(first.topic, first.partition)
        before = first.offset - 1
        if before < 0:
            continue
        async with bus.reader([RAW], {**span.ends, place: before}) as reader:
            found = await _first_of(reader, place)
        if found is None or found.offset > before:
            return first.published_at
    return None


async def _first_of(reader: Reader, place: TopicPartition) -> Record | None:
    while records := await reader.poll(BATCH, QUIET_SECONDS):
        for record in records:
            if TopicPartition(record.topic, record.partition) == place:
                return record
    return None
