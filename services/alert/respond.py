"""What the service does with classified mentions: the worker's step."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common import metrics
from libs.common.bus import Message
from libs.common.clock import Clock
from libs.common.events import ClassifiedMention, Event, MentionDeleted
from services.alert import outbox, store
from services.alert.bell import Bell
from services.alert.incident import Incident, on_signals
from services.alert.pager import Pager
from services.alert.rules import Rules
from services.alert.signal import Signal


class Responder:
    """Opens and feeds incidents. A batch is one transaction, so a repeat finds all or nothing."""

    def __init__(
        self, engine: AsyncEngine, rules: Rules, pager: Pager, bell: Bell, clock: Clock
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._pager = pager
        self._bell = bell
        self._clock = clock

    async def step(self, batch: Sequence[Event]) -> Sequence[Message]:
        """Durable on return; publishes nothing itself: the relay does, from the store."""
        signals: list[Signal] = []
        deleted: list[str] = []
        for event in batch:
            if isinstance(event, ClassifiedMention):
                signal = self._rules.signal(event)
                if signal is not None:
                    signals.append(signal)
            elif isinstance(event, MentionDeleted):
                deleted.append(event.id)
        if signals or deleted:
            await store.transact(self._engine, lambda c: self._record(c, signals, deleted))
            self._bell.ring()
        return ()

    async def _record(
        self, connection: AsyncConnection, signals: Sequence[Signal], deleted: Sequence[str]
    ) -> None:
        if signals:
            current = await store.unresolved(connection, {signal.watch for signal in signals})
            known = await store.known_signals(connection, [signal.key for signal in signals])
            new = [signal for signal in signals if signal.key not in known]
            for place, group in _by_place(new).items():
                await self._react(connection, current.get(place), group)
        if deleted:
            touched = await store.forget(connection, deleted)
            await outbox.forget(connection, touched, deleted)

    async def _react(
        self, connection: AsyncConnection, before: Incident | None, signals: Sequence[Signal]
    ) -> None:
        now = self._clock()
        reaction = on_signals(before, signals, (), now)
        after = await store.append(connection, before, reaction.events)
        await store.keep_evidence(connection, after.id, reaction.counted, now)
        hints = {s.mention.id for s in reaction.counted if s.mention.kind == "hint"}
        await self._pager.page(connection, before, reaction.events, after, hints, now)
        metrics.SIGNALS.labels("hint").inc(len(hints))
        metrics.SIGNALS.labels("rule").inc(len(reaction.counted) - len(hints))
        if before is None:
            metrics.INCIDENTS_OPENED.inc()


def _by_place(signals: Sequence[Signal]) -> dict[tuple[str, str], list[Signal]]:
    """Signals that belong to one incident, in order, by watch and theme."""
    places: dict[tuple[str, str], list[Signal]] = {}
    for signal in signals:
        places.setdefault((signal.watch, signal.theme), []).append(signal)
    return places
