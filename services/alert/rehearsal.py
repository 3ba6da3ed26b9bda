"""Would it have paged? The service's own decisions over mentions, without a store and a pager."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from libs.common.events import ClassifiedMention, IncidentEvent, PageCause, SourceHealthChanged
from services.alert.coverage import Ledger
from services.alert.detection import Detection
from services.alert.incident import Incident, on_signals
from services.alert.notify import Notice, judge
from services.alert.signal import Signal, SignalKey
from services.alert.watch import WatchState

FORGOTTEN_SECONDS: Final = 7 * 24 * 3600.0
"""An incident to which nothing has happened for so long is let go of."""


class Alarm(NamedTuple):
    """Somebody would have been paged: when, about what, at which level, and why."""

    at: datetime
    watch: str
    theme: str
    title: str
    level: int
    cause: PageCause
    why: str
    mention: str
    rule: str


class Rehearsal:
    """Folds mentions as the service does. Nobody answers: no incident is taken or resolved."""

    def __init__(self, detection: Detection) -> None:
        self._detection = detection
        self._states: dict[str, WatchState] = {}
        self._ledger = Ledger()
        self._incidents: dict[tuple[str, str], Incident] = {}
        self._looked_at: datetime | None = None

    def fold(self, event: ClassifiedMention | SourceHealthChanged) -> list[Alarm]:
        """The pages this event would have led to."""
        if isinstance(event, SourceHealthChanged):
            self._ledger.fold(event)
            return []
        heard = self._detection.hear(self.state(event.watch), event, self._ledger)
        if not heard.signals or heard.again:
            return []
        return self._alarms(heard.signals, event.collected_at)

    def state(self, watch: str) -> WatchState:
        """What the detectors know of a watch by now."""
        return self._states.setdefault(watch, WatchState())

    @property
    def incidents(self) -> Iterable[Incident]:
        return self._incidents.values()

    def _alarms(self, signals: Sequence[Signal], now: datetime) -> list[Alarm]:
        self._let_go(now)
        alarms: list[Alarm] = []
        for signal in signals:
            place = (signal.watch, signal.theme)
            before = self._incidents.get(place)
            reaction = on_signals(before, [signal], _UNKNOWN, now)
            after = reaction.incident
            if not reaction.events or after is None:
                continue
            self._incidents[place] = after
            alarms += _paged(before, reaction.events, after, signal)
        return alarms

    def _let_go(self, now: datetime) -> None:
        if self._looked_at is not None and (now - self._looked_at).total_seconds() < 3600:
            return
        self._looked_at = now
        self._incidents = {
            place: incident
            for place, incident in self._incidents.items()
            if (now - incident.updated_at).total_seconds() < FORGOTTEN_SECONDS
        }


def _paged(
    before: Incident | None, events: Sequence[IncidentEvent], after: Incident, signal: Signal
) -> list[Alarm]:
    hints = {signal.mention.id} if signal.mention.kind == "hint" else set()
    return [
        Alarm(
            at=events[-1].at,
            watch=after.watch,
            theme=after.theme,
            title=after.title,
            level=after.level,
            cause=verdict.cause,
            why=verdict.why,
            mention=signal.mention.id,
            rule=signal.rule,
        )
        for verdict in judge(before, events, hints)
        if isinstance(verdict, Notice)
    ]


_UNKNOWN: Final[frozenset[SignalKey]] = frozenset()
