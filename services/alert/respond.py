"""What the service does with classified mentions and reports about sources: the worker's step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common import metrics
from libs.common.bus import Message
from libs.common.clock import Clock
from libs.common.db import reading
from libs.common.events import ClassifiedMention, Event, MentionDeleted, SourceHealthChanged
from libs.common.settings import Language
from services.alert import outbox, store
from services.alert.bell import Bell
from services.alert.incident import Incident, on_signals
from services.alert.pager import Pager
from services.alert.rules import Rules
from services.alert.signal import OPERATIONS, Signal
from services.alert.source import recovery, signal_of, theme_of
from services.alert.store import Standing


class Found(NamedTuple):
    """What of a batch has to be written down, each kind in its order."""

    signals: Sequence[Signal]
    deleted: Sequence[str]
    edited: Sequence[ClassifiedMention]
    changes: Sequence[SourceHealthChanged]


class Responder:
    """Opens and feeds incidents. A batch is one transaction, so a repeat finds all or nothing.

    language, zone: of what is written into incidents about our own sources.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        rules: Rules,
        pager: Pager,
        bell: Bell,
        clock: Clock,
        language: Language,
        zone: ZoneInfo,
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._pager = pager
        self._bell = bell
        self._clock = clock
        self._language = language
        self._zone = zone

    async def step(self, batch: Sequence[Event]) -> Sequence[Message]:
        """Durable on return; publishes nothing itself: the relay does, from the store."""
        found = await self._found(batch)
        if any(found):
            await store.transact(self._engine, lambda c: self._record(c, found))
            self._bell.ring()
        return ()

    async def _found(self, batch: Sequence[Event]) -> Found:
        # A later verdict tells nothing that happened, and may be about an older text.
        mentions = [
            event
            for event in batch
            if isinstance(event, ClassifiedMention) and not event.classification.reclassified
        ]
        newest = {mention.id: mention for mention in mentions}
        known = await self._standing(newest)
        signals = [signal for each in mentions if (signal := self._rules.signal(each)) is not None]
        # What came twice may have become evidence in between.
        again = {mention.id for mention in mentions if mention is not newest[mention.id]}
        return Found(
            # An edit is no new post: of what is known it speaks up only when it is worse.
            signals=[s for s in signals if s.level > known.levels.get(s.mention.id, -1)],
            deleted=[event.id for event in batch if isinstance(event, MentionDeleted)],
            edited=[newest[key] for key in sorted(known.outdated | again)],
            changes=[event for event in batch if isinstance(event, SourceHealthChanged)],
        )

    async def _standing(self, mentions: Mapping[str, ClassifiedMention]) -> Standing:
        if not mentions:
            return Standing({}, frozenset())
        async with reading(self._engine) as connection:
            return await store.standing(connection, mentions)

    async def _record(self, connection: AsyncConnection, found: Found) -> None:
        if found.signals:
            await self._raise(connection, found.signals)
        for mention in found.edited:
            await store.edit(connection, mention)
        if found.deleted:
            touched = await store.forget(connection, found.deleted)
            await outbox.forget(connection, touched, found.deleted)
        for change in found.changes:
            await self._report(connection, change)

    async def _raise(self, connection: AsyncConnection, signals: Sequence[Signal]) -> None:
        current = await store.unresolved(connection, {signal.watch for signal in signals})
        known = await store.known_signals(connection, [signal.key for signal in signals])
        new = [signal for signal in signals if signal.key not in known]
        for place, group in _by_place(new).items():
            await self._react(connection, current.get(place), group)

    async def _report(self, connection: AsyncConnection, change: SourceHealthChanged) -> None:
        """A source that is ill raises a signal like any other; its recovery ends the incident."""
        if not change.well:
            await self._raise(connection, [signal_of(change, self._language)])
            return
        current = await store.unresolved(connection, {OPERATIONS})
        before = current.get((OPERATIONS, theme_of(change.source)))
        if before is None:
            return
        told = await store.last_told(connection, before.id)
        now = self._clock()
        events = recovery(before, change, told, self._language, self._zone, now)
        if events:
            after = await store.append(connection, before, events)
            await self._pager.page(connection, before, events, after, (), now)

    async def _react(
        self, connection: AsyncConnection, before: Incident | None, signals: Sequence[Signal]
    ) -> None:
        now = self._clock()
        reaction = on_signals(before, signals, (), now)
        after = await store.append(connection, before, reaction.events)
        await store.keep_evidence(connection, after.id, reaction.counted, now)
        hints = {s.mention.id for s in reaction.counted if s.mention.kind == "hint"}
        await self._pager.page(connection, before, reaction.events, after, hints, now)
        for signal in reaction.counted:
            metrics.SIGNALS.labels(_seen_by(signal)).inc()
        if before is None:
            metrics.INCIDENTS_OPENED.inc()


def _by_place(signals: Sequence[Signal]) -> dict[tuple[str, str], list[Signal]]:
    """Signals that belong to one incident, in order, by watch and theme."""
    places: dict[tuple[str, str], list[Signal]] = {}
    for signal in signals:
        places.setdefault((signal.watch, signal.theme), []).append(signal)
    return places


def _seen_by(signal: Signal) -> str:
    if signal.rule == OPERATIONS:
        return "source"
    return "hint" if signal.mention.kind == "hint" else "rule"
