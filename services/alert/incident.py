"""The incident: a pure state machine, open → acknowledged → resolved.

An `Incident` is what its events add up to; nothing else changes it. The functions that decide
(`on_signal`, `acknowledge`, …) take the incident, the time and what is wanted, and return the new
events, none when everything is said already, or a `Refusal` with a name. They do no I/O.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from datetime import datetime, timedelta
from math import exp
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from libs.common.events import (
    Acknowledged,
    Assigned,
    IncidentEvent,
    IncidentOpened,
    LevelChanged,
    Measured,
    Noted,
    Paged,
    PageDelivered,
    PageFailed,
    Rated,
    Resolved,
    SignalJoined,
    StepDone,
)
from services.alert.signal import BEFORE, LEVEL, Signal, SignalKey

State: TypeAlias = Literal["open", "acknowledged", "resolved"]
Events: TypeAlias = tuple[IncidentEvent, ...]
MAX_LEVEL: Final = 6
FORGOTTEN: Final = timedelta(days=1)
"""Where nothing happened for so long, a rise is news, however high the incident once was."""
OPENS_FROM: Final = 2
"""A measured level opens an incident from repeated criticism on, not for that of one person."""


class Done(msgspec.Struct, frozen=True):
    """A step of the checklist that was done, by whom and when."""

    step: str
    by: str
    at: datetime


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What its events add up to.

    seq: number of events so far; the next event gets `seq + 1`.
    signals: how many signals it consists of, the opening one included.
    raised_by: the rules that opened it or raised its level, in that order.
    level_by: the rule or person whose word the present level is; `level` where it was measured.
    floor: the highest that a rule or a person said; what is measured does not fall below it, until
    it has once been above.
    told: whom pages were made for, as the configuration names them.
    noise: what people said of it: whether it was not worth the page.
    measures: the evidence for the level, where it was measured.
    surprise, harm: the greatest that detectors measured: -log10 of the probability under what is
    usual, and the severity from 0 to 1.
    """

    id: str
    seq: int
    watch: str
    theme: str
    title: str
    level: int
    playbook: str
    mention: str
    state: State
    opened_at: datetime
    updated_at: datetime
    signals: int = 1
    raised_by: tuple[str, ...] = ()
    level_by: str | None = None
    floor: int = 0
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    assigned_to: str | None = None
    steps: tuple[Done, ...] = ()
    told: tuple[str, ...] = ()
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    resolution: str | None = None
    noise: bool | None = None
    surprise: float = 0.0
    harm: float = 0.0
    measures: tuple[Measured, ...] = ()

    @property
    def rank(self) -> float:
        """What to look at first: the level, and among equals what surprises more and would harm
        more. From the level to below the next."""
        return self.level + 0.999 * (1.0 - exp(-(self.surprise / 6.0 + self.harm)))

    def done(self, step: str) -> Done | None:
        return next((done for done in self.steps if done.step == step), None)


RefusalName: TypeAlias = Literal[
    "already_acknowledged", "already_resolved", "unknown_step", "level_out_of_range"
]


class Refusal(NamedTuple):
    """A command that cannot be carried out, by name, with a sentence for the person."""

    name: RefusalName
    detail: str


Decision: TypeAlias = Events | Refusal


class InvalidSequence(ValueError):
    """These events cannot follow one another: they were not decided here."""


def fold(events: Iterable[IncidentEvent]) -> Incident:
    """The incident these events add up to. Raises InvalidSequence."""
    incident: Incident | None = None
    for event in events:
        incident = apply(incident, event)
    if incident is None:
        raise InvalidSequence("an incident without events")
    return incident


def apply(incident: Incident | None, event: IncidentEvent) -> Incident:
    """The incident after one more event. Raises InvalidSequence."""
    if isinstance(event, IncidentOpened):
        if incident is not None:
            raise InvalidSequence(f"incident {incident.id} was opened twice")
        return _opened(event)
    if incident is None or event.incident != incident.id:
        raise InvalidSequence(f"{type(event).__name__} of another incident: {event.incident}")
    if isinstance(event, Paged | PageDelivered | PageFailed):
        return _paged(replace(incident, seq=incident.seq + 1), event)
    if isinstance(event, Noted):
        return replace(incident, seq=incident.seq + 1, updated_at=event.at)
    if isinstance(event, Rated):
        return replace(incident, seq=incident.seq + 1, updated_at=event.at, noise=event.noise)
    if incident.state == "resolved":
        raise InvalidSequence(f"{type(event).__name__} after incident {incident.id} was resolved")
    return _lived(replace(incident, seq=incident.seq + 1, updated_at=event.at), event)


def _opened(event: IncidentOpened) -> Incident:
    surprise, harm = _measured(event.numbers, None)
    return Incident(
        id=event.incident,
        seq=1,
        watch=event.watch,
        theme=event.theme,
        title=event.title,
        level=event.level,
        playbook=event.playbook,
        mention=event.mention,
        state="open",
        opened_at=event.at,
        updated_at=event.at,
        raised_by=(event.rule,),
        level_by=event.rule,
        floor=0 if event.rule == LEVEL else event.level,
        surprise=surprise,
        harm=harm,
        measures=event.measures,
    )


def _measured(numbers: Mapping[str, float], before: Incident | None) -> tuple[float, float]:
    surprise, harm = (before.surprise, before.harm) if before else (0.0, 0.0)
    return max(surprise, numbers.get("surprise", 0.0)), max(harm, numbers.get("severity", 0.0))


def _paged(incident: Incident, event: Paged | PageDelivered | PageFailed) -> Incident:
    if isinstance(event, Paged) and event.to not in incident.told:
        return replace(incident, told=(*incident.told, event.to))
    return incident


def _lived(
    incident: Incident,
    event: SignalJoined | LevelChanged | Acknowledged | Assigned | StepDone | Resolved,
) -> Incident:
    match event:
        case SignalJoined():
            surprise, harm = _measured(event.numbers, incident)
            return replace(incident, signals=incident.signals + 1, surprise=surprise, harm=harm)
        case LevelChanged():
            return replace(
                incident,
                level=event.level,
                raised_by=_raised_by(incident, event),
                level_by=event.rule or event.by,
                floor=_floor(incident, event),
                measures=event.measures,
            )
        case Acknowledged():
            return replace(
                incident, state="acknowledged", acknowledged_by=event.by, acknowledged_at=event.at
            )
        case Assigned():
            return replace(incident, assigned_to=event.to)
        case StepDone():
            if incident.done(event.step):
                raise InvalidSequence(f"step {event.step} was done twice")
            done = Done(event.step, event.by, event.at)
            return replace(incident, steps=(*incident.steps, done))
        case Resolved():
            if incident.state != "acknowledged":
                raise InvalidSequence(f"incident {incident.id} was resolved by nobody")
            return replace(
                incident,
                state="resolved",
                resolved_by=event.by,
                resolved_at=event.at,
                resolution=event.why,
            )


def _floor(incident: Incident, event: LevelChanged) -> int:
    if event.rule == LEVEL:
        return 0 if event.level > incident.floor else incident.floor
    return event.level if event.rule is None else max(incident.floor, event.level)


def _raised_by(incident: Incident, event: LevelChanged) -> tuple[str, ...]:
    rule = event.rule
    if rule is None or event.level <= incident.level or rule in incident.raised_by:
        return incident.raised_by
    return (*incident.raised_by, rule)


def on_signal(
    incident: Incident | None, signal: Signal, known: Container[SignalKey], now: datetime
) -> Events:
    """What a signal does: opens an incident, joins the one given, or nothing if it is known.

    incident: the unresolved incident of the signal's watch and theme, if there is one.
    known: signals that were counted before, in this incident or an earlier one.
    A joining signal raises the level where its own is higher. Only a measured level falls, and
    only when measured anew.
    """
    if signal.key in known:
        return ()
    if incident is None or incident.state == "resolved":
        return () if _calms(signal) else (_opening(signal, now),)
    if signal.rule == LEVEL:
        return _measured_anew(incident, signal, now)
    joined = SignalJoined(
        incident=incident.id,
        at=now,
        rule=signal.rule,
        mention=signal.mention.id,
        why=signal.why,
        numbers=dict(signal.numbers),
    )
    if signal.level <= incident.level:
        return (joined,)
    return (joined, _level_changed(incident, signal, signal.level, now))


def _calms(signal: Signal) -> bool:
    """A measured level that opens nothing: it is low, or on its way down after somebody ended the
    incident."""
    if signal.rule != LEVEL:
        return False
    return signal.level < max(OPENS_FROM, signal.numbers.get(BEFORE, 0.0))


def _measured_anew(incident: Incident, signal: Signal, now: datetime) -> Events:
    level = max(signal.level, incident.floor)
    rises = signal.level > signal.numbers.get(BEFORE, -1.0)
    falls = not rises and level < incident.level and incident.level_by == LEVEL
    again = rises and signal.level >= OPENS_FROM and now - incident.updated_at >= FORGOTTEN
    if falls or again or (rises and level > incident.level):
        return (_level_changed(incident, signal, level, now, again=again),)
    return ()


def _level_changed(
    incident: Incident, signal: Signal, level: int, now: datetime, *, again: bool = False
) -> LevelChanged:
    return LevelChanged(
        incident=incident.id,
        at=now,
        level=level,
        why=signal.why,
        rule=signal.rule,
        again=again,
        measures=signal.measures,
    )


class Reaction(NamedTuple):
    """What a row of signals does to one incident, which of them were new, and what it is then;
    None when none of them opens one."""

    events: Events
    counted: tuple[Signal, ...]
    incident: Incident | None


def on_signals(
    incident: Incident | None,
    signals: Iterable[Signal],
    known: Collection[SignalKey],
    now: datetime,
) -> Reaction:
    """As `on_signal`, for signals of one watch and theme, one after the other."""
    events: list[IncidentEvent] = []
    counted: list[Signal] = []
    seen = set(known)
    for signal in signals:
        new = on_signal(incident, signal, seen, now)
        if new:
            for event in new:
                incident = apply(incident if _is_live(incident) else None, event)
            events += new
            counted.append(signal)
            seen.add(signal.key)
    return Reaction(tuple(events), tuple(counted), incident)


def _is_live(incident: Incident | None) -> bool:
    return incident is not None and incident.state != "resolved"


def _opening(signal: Signal, now: datetime) -> IncidentOpened:
    return IncidentOpened(
        incident=signal.incident,
        at=now,
        watch=signal.watch,
        theme=signal.theme,
        title=signal.title,
        level=signal.level,
        playbook=signal.playbook,
        rule=signal.rule,
        mention=signal.mention.id,
        why=signal.why,
        numbers=dict(signal.numbers),
        measures=signal.measures,
    )


def acknowledge(incident: Incident, by: str, now: datetime) -> Decision:
    """A person takes it. To say it again is harmless; whom it was assigned to may take it over."""
    if incident.state == "resolved":
        return _already_resolved(incident)
    if incident.state == "acknowledged":
        if incident.acknowledged_by == by:
            return ()
        if incident.assigned_to != by:
            return Refusal(
                "already_acknowledged",
                f"{incident.acknowledged_by} has taken it; assign it to hand it over.",
            )
    return (Acknowledged(incident=incident.id, at=now, by=by),)


def assign(incident: Incident, to: str, by: str, now: datetime) -> Decision:
    """Hands it to a person. They still have to acknowledge."""
    if incident.state == "resolved":
        return _already_resolved(incident)
    if incident.assigned_to == to:
        return ()
    return (Assigned(incident=incident.id, at=now, to=to, by=by),)


def note(incident: Incident, text: str, by: str, now: datetime) -> Decision:
    """Writes something down; also after the end, since that is when reviews are written."""
    return (Noted(incident=incident.id, at=now, by=by, text=text),)


def rate(incident: Incident, noise: bool, why: str, by: str, now: datetime) -> Decision:
    """Says whether it was worth the page, also after the end; the last word counts."""
    return (Rated(incident=incident.id, at=now, by=by, noise=noise, why=why),)


def do_step(
    incident: Incident, step: str, checklist: Collection[str], by: str, now: datetime
) -> Decision:
    """Ticks a step of the playbook's checklist; a ticked step stays the first person's."""
    if step not in checklist:
        return Refusal("unknown_step", f"The steps are: {', '.join(checklist)}.")
    if incident.done(step):
        return ()
    if incident.state == "resolved":
        return _already_resolved(incident)
    return (StepDone(incident=incident.id, at=now, by=by, step=step),)


def set_level(incident: Incident, level: int, why: str, by: str, now: datetime) -> Decision:
    """A person's judgement of the level, up or down."""
    if not 0 <= level <= MAX_LEVEL:
        return Refusal("level_out_of_range", f"The level goes from 0 to {MAX_LEVEL}.")
    if incident.state == "resolved":
        return _already_resolved(incident)
    if incident.level == level:
        return ()
    return (LevelChanged(incident=incident.id, at=now, level=level, why=why, by=by),)


def resolve(incident: Incident, why: str, by: str, now: datetime) -> Decision:
    """Ends it. Who resolves what nobody has taken has taken it."""
    if incident.state == "resolved":
        return () if incident.resolved_by == by else _already_resolved(incident)
    resolved = Resolved(incident=incident.id, at=now, by=by, why=why)
    if incident.state == "open":
        return (Acknowledged(incident=incident.id, at=now, by=by), resolved)
    return (resolved,)


def _already_resolved(incident: Incident) -> Refusal:
    return Refusal("already_resolved", f"{incident.resolved_by} has resolved it.")
