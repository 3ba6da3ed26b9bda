"""What the service does with classified mentions and reports about sources: the worker's step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import structlog
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common import metrics
from libs.common.bus import Message
from libs.common.clock import Clock
from libs.common.db import reading
from libs.common.events import ClassifiedMention, Event, MentionDeleted, SourceHealthChanged
from libs.common.settings import Language
from services.alert import kept, outbox, store
from services.alert.bell import Bell
from services.alert.coverage import Ledger
from services.alert.detection import Detection, Heard
from services.alert.incident import Incident, on_signals
from services.alert.kept import Kept
from services.alert.pager import Pager
from services.alert.signal import MEASURING, OPERATIONS, Signal
from services.alert.source import recovery, signal_of, theme_of
from services.alert.states import States
from services.alert.store import Standing
from services.alert.watch import WatchState

log = structlog.get_logger(__name__)

FAR_AHEAD: Final = timedelta(days=1)
"""Of our clock: no time zone and no slow clock explains more."""
QUOTES_READ: Final = 60
"""So many of the newest mentions a headline is made of."""


class Found(NamedTuple):
    """What of a batch has to be written down, each kind in its order.

    folded: the watches of which the detectors know more now.
    """

    signals: Sequence[Signal]
    kept: Sequence[Kept]
    deleted: Sequence[str]
    edited: Sequence[ClassifiedMention]
    changes: Sequence[SourceHealthChanged]
    folded: Sequence[str]


class Responder:
    """Opens and feeds incidents. A batch is one transaction, so a repeat finds all or nothing.

    language, zone: of what is written into incidents about our own sources.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        detection: Detection,
        pager: Pager,
        bell: Bell,
        clock: Clock,
        language: Language,
        zone: ZoneInfo,
    ) -> None:
        self._engine = engine
        self._detection = detection
        self._pager = pager
        self._bell = bell
        self._clock = clock
        self._language = language
        self._zone = zone
        self._watches = States(WatchState)
        self._ledgers = States(Ledger)

    async def step(self, batch: Sequence[Event]) -> Sequence[Message]:
        """Durable on return; publishes nothing itself: the relay does, from the store."""
        changes = [event for event in batch if isinstance(event, SourceHealthChanged)]
        # A later verdict tells nothing that happened, and may be about an older text.
        mentions = [
            self._not_ahead(event)
            for event in batch
            if isinstance(event, ClassifiedMention) and not event.classification.reclassified
        ]
        watches = sorted({mention.watch for mention in mentions})
        ours = [OPERATIONS] if changes else []
        try:
            found = await self._found(batch, mentions, changes, watches)
            if any(found):
                await store.transact(self._engine, lambda c: self._record(c, found))
                self._bell.ring()
        except BaseException:
            self._watches.forget(watches)
            self._ledgers.forget(ours)
            raise
        self._watches.saved(watches)
        self._ledgers.saved(ours)
        return ()

    async def _found(
        self,
        batch: Sequence[Event],
        mentions: Sequence[ClassifiedMention],
        changes: Sequence[SourceHealthChanged],
        watches: Sequence[str],
    ) -> Found:
        newest = {mention.id: mention for mention in mentions}
        async with reading(self._engine) as connection:
            known = await self._standing(connection, newest)
            reworded = await kept.outdated(connection, newest)
            states = await self._watches.hold(connection, watches)
            ledger = (await self._ledgers.hold(connection, [OPERATIONS]))[OPERATIONS]
        for change in changes:
            ledger.fold(change)
        heard, signals = self._heard(mentions, states, ledger, known)
        # What came twice may have become evidence in between.
        again = {mention.id for mention in mentions if mention is not newest[mention.id]}
        return Found(
            signals=signals,
            kept=[each.kept for each in heard if each.kept is not None],
            deleted=[event.id for event in batch if isinstance(event, MentionDeleted)],
            edited=[newest[key] for key in sorted(known.outdated | reworded | again)],
            changes=changes,
            folded=watches,
        )

    def _not_ahead(self, mention: ClassifiedMention) -> ClassifiedMention:
        """A mention from a collector whose clock is far ahead would put its watch to sleep: all
        that follows would be late."""
        now = self._clock()
        if mention.collected_at <= now + FAR_AHEAD:
            return mention
        log.warning("a mention from the future", mention=mention.id, source=mention.source)
        published = min(mention.published_at, now)
        return replace(mention, collected_at=now, published_at=published)

    def _heard(
        self,
        mentions: Sequence[ClassifiedMention],
        states: Mapping[str, WatchState],
        ledger: Ledger,
        known: Standing,
    ) -> tuple[list[Heard], list[Signal]]:
        """What the detectors made of each, and the signals that tell something new: an edit is no
        new post, and speaks up only when it is worse than the incident it is evidence of. What was
        raised earlier in the batch counts as if it stood in the store."""
        heard: list[Heard] = []
        signals: list[Signal] = []
        themes, raised = dict(known.themes), dict[tuple[str, str], int]()
        # One watch after the other, each in its own order: a state that is at hand folds faster.
        for mention in sorted(mentions, key=attrgetter("watch")):
            each = self._detection.hear(states[mention.watch], mention, ledger, themes)
            heard.append(each)
            theme = themes.get(mention.id)
            level = max(
                known.levels.get(mention.id, -1), raised.get((mention.watch, theme or ""), -1)
            )
            for signal in each.signals:
                if not each.again or signal.level > level:
                    signals.append(signal)
                place = (signal.watch, signal.theme)
                raised[place] = max(signal.level, raised.get(place, 0))
                themes.setdefault(mention.id, signal.theme)
        return heard, signals

    async def _standing(
        self, connection: AsyncConnection, mentions: Mapping[str, ClassifiedMention]
    ) -> Standing:
        if not mentions:
            return Standing({}, {}, frozenset())
        return await store.standing(connection, mentions)

    async def _record(self, connection: AsyncConnection, found: Found) -> None:
        await self._watches.save(connection, found.folded)
        if found.kept:
            await kept.keep(connection, found.kept, self._clock())
        if found.signals:
            await self._raise(connection, found.signals)
        if found.kept:
            await self._follow(connection, found.kept)
        for mention in found.edited:
            await store.edit(connection, mention)
            await kept.edit(connection, mention)
        if found.deleted:
            await kept.forget(connection, found.deleted)
            touched = await store.forget(connection, found.deleted)
            await outbox.forget(connection, touched, found.deleted)
        if found.changes:
            await self._ledgers.save(connection, [OPERATIONS])
        for change in found.changes:
            await self._report(connection, change)

    async def _raise(self, connection: AsyncConnection, signals: Sequence[Signal]) -> None:
        current = await store.unresolved(connection, {signal.watch for signal in signals})
        known = await store.known_signals(connection, [signal.key for signal in signals])
        new = [signal for signal in signals if signal.key not in known]
        for place, group in _by_place(new).items():
            await self._react(connection, current.get(place), group)

    async def _follow(self, connection: AsyncConnection, voices: Sequence[Kept]) -> None:
        """What is said of a story, and every further copy of a text, becomes evidence at once while
        the incident about it goes on."""
        current = await store.unresolved(connection, {each.mention.watch for each in voices})
        told: dict[Incident, list[str]] = {}
        for each in voices:
            for theme in each.themes:
                incident = current.get((each.mention.watch, theme))
                if incident is not None:
                    told.setdefault(incident, []).append(each.mention.id)
        for incident, mentions in told.items():
            await kept.join(connection, incident, mentions)
            await self._describe(connection, incident)

    async def _describe(self, connection: AsyncConnection, incident: Incident) -> None:
        """Writes down what its mentions say by now."""
        if incident.watch == OPERATIONS:
            return
        quotes = await store.newest_evidence(connection, incident.id, QUOTES_READ)
        # Not `hold`: it would compare with what this transaction has just written.
        vocabulary = self._watches.folded(incident.watch).stories.vocabulary
        await store.set_gist(
            connection, incident.id, self._pager.gist(incident, quotes, vocabulary)
        )

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
        if not reaction.events:
            return
        after = await store.append(connection, before, reaction.events)
        await store.keep_evidence(connection, after.id, reaction.counted, now)
        await self._gather(connection, before, after, reaction.counted)
        await self._describe(connection, after)
        hints = {s.mention.id for s in reaction.counted if s.mention.kind == "hint"}
        await self._pager.page(connection, before, reaction.events, after, hints, now)
        for signal in reaction.counted:
            metrics.SIGNALS.labels(_seen_by(signal)).inc()
        if before is None:
            metrics.INCIDENTS_OPENED.inc()

    async def _gather(
        self,
        connection: AsyncConnection,
        before: Incident | None,
        after: Incident,
        counted: Sequence[Signal],
    ) -> None:
        """What was said before somebody noticed belongs to it."""
        if before is None:
            await kept.join_story(connection, after)
        for cluster in {signal.cluster for signal in counted if signal.cluster is not None}:
            await kept.join_cluster(connection, after, cluster)


def _by_place(signals: Sequence[Signal]) -> dict[tuple[str, str], list[Signal]]:
    """Signals that belong to one incident, in order, by watch and theme."""
    places: dict[tuple[str, str], list[Signal]] = {}
    for signal in signals:
        places.setdefault((signal.watch, signal.theme), []).append(signal)
    return places


def _seen_by(signal: Signal) -> str:
    if signal.rule == OPERATIONS:
        return "source"
    if signal.mention.kind == "hint":
        return "hint"
    return signal.rule if signal.rule in MEASURING else "rule"
