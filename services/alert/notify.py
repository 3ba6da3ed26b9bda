"""Whether anybody is told about what happened to an incident, who, and why: pure decisions.

Told are: the beginning and every rise of the level (also to those who have it in hand already),
unless a detector measured it and it stays below `PAGES_FROM`; every hint from a person; and to
those who were told before, that somebody has taken or ended it.
On-call rotations and escalation will choose the recipients here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from libs.common.events import (
    Acknowledged,
    IncidentEvent,
    IncidentOpened,
    LevelChanged,
    PageCause,
    Resolved,
    SignalJoined,
)
from libs.common.settings import Language
from services.alert.detectors.danger import SEVERE
from services.alert.incident import Incident
from services.alert.settings import CHANNEL, LOG_CHANNEL, MAILTO, PERSON, AlertSettings
from services.alert.signal import DANGER, MEASURING, OPERATIONS

SilenceName: TypeAlias = Literal[
    "joined_at_the_same_level",
    "level_not_raised",
    "below_what_pages",
    "concerns_no_one_else",
    "said_by_another_page",
]
PAGES_FROM: Final = 2
"""What detectors have measured wakes people from this level on; below, it stands in the list.
Rules, hints and people's own words always do."""


def _is_severe_danger(event: SignalJoined) -> bool:
    """The detector's word, which does not repeat itself: somebody speaks of something graver than
    the level of an incident says."""
    told = event.numbers
    return event.rule == DANGER and "needed" in told and told.get("severity", 0.0) >= SEVERE


def is_quiet(rule: str | None, level: int) -> bool:
    """Whether this level, on the word of this rule, wakes nobody."""
    return rule in MEASURING and level < PAGES_FROM


class Notice(NamedTuple):
    """Somebody is told. seq: the event that is the cause; mention: the one to quote."""

    cause: PageCause
    seq: int
    why: str
    mention: str | None = None
    by: str | None = None


class Silence(NamedTuple):
    """Nobody is told about event `seq`, by name of the reason."""

    seq: int
    name: SilenceName


def judge(
    before: Incident | None, events: Sequence[IncidentEvent], hints: Collection[str]
) -> list[Notice | Silence]:
    """One verdict per event, in order. What happened together is told once.

    before: the incident without these events; hints: ids of mentions that are people's hints.
    """
    verdicts = list(_each(before, events, hints))
    loudest = _loudest(verdicts)
    ended = any(isinstance(v, Notice) and v.cause == "resolved" for v in verdicts)
    return [
        Silence(verdict.seq, "said_by_another_page")
        if isinstance(verdict, Notice) and _said_already(verdict, loudest, ended)
        else verdict
        for verdict in verdicts
    ]


def _each(
    before: Incident | None, events: Sequence[IncidentEvent], hints: Collection[str]
) -> Iterator[Notice | Silence]:
    level = before.level if before else 0
    mention = before.mention if before else None
    for seq, event in enumerate(events, (before.seq if before else 0) + 1):
        if isinstance(event, IncidentOpened | SignalJoined):
            mention = event.mention
        yield _verdict(event, seq, level, mention, hints)
        if isinstance(event, IncidentOpened | LevelChanged):
            level = event.level


def _verdict(
    event: IncidentEvent, seq: int, level: int, mention: str | None, hints: Collection[str]
) -> Notice | Silence:
    match event:
        case IncidentOpened() | LevelChanged() if is_quiet(event.rule, event.level):
            return Silence(seq, "below_what_pages")
        case IncidentOpened():
            return Notice("opened", seq, event.why, mention)
        case SignalJoined() if event.mention in hints:
            return Notice("hint", seq, event.why, mention)
        case SignalJoined() if _is_severe_danger(event):
            return Notice("worsened", seq, event.why, mention)
        case SignalJoined():
            return Silence(seq, "joined_at_the_same_level")
        case LevelChanged() if event.level > level or event.again:
            return Notice("worsened", seq, event.why, mention, event.by)
        case LevelChanged():
            return Silence(seq, "level_not_raised")
        case Acknowledged():
            return Notice("acknowledged", seq, f"{event.by} has taken it", by=event.by)
        case Resolved():
            return Notice("resolved", seq, f"{event.by} has resolved it", by=event.by)
        case _:
            return Silence(seq, "concerns_no_one_else")


def _loudest(verdicts: Iterable[Notice | Silence]) -> Notice | None:
    """The one page about the level: the beginning, else the last rise."""
    loud = [v for v in verdicts if isinstance(v, Notice) and v.cause in ("opened", "worsened")]
    return next((v for v in loud if v.cause == "opened"), loud[-1] if loud else None)


def _said_already(notice: Notice, loudest: Notice | None, ended: bool) -> bool:
    if notice.cause == "acknowledged":
        return ended
    if notice.cause == "hint":
        return loudest is not None and notice.mention == loudest.mention
    return notice.cause == "worsened" and notice is not loudest


class Recipient(NamedTuple):
    """Where a page can go.

    to: as the configuration names them; channel: id of what carries it; address: where to, empty
    for channels that serve one place only.
    """

    to: str
    channel: str
    address: str
    language: Language


class Directory:
    """Who can be told, from the configuration."""

    def __init__(self, settings: AlertSettings) -> None:
        self._by_target: dict[str, list[Recipient]] = {}
        self._names = {person.id: person.name for person in settings.people}
        self._notify = {rule.id: rule.notify for rule in settings.rules}
        self._notify[OPERATIONS] = settings.operations.notify
        for recipient in _recipients(settings):
            self._by_target.setdefault(recipient.to, []).append(recipient)

    def name(self, by: str) -> str:
        """A person's name for their id; what was given for everybody else."""
        return self._names.get(by, by)

    def recipients(self, incident: Incident, notice: Notice) -> list[Recipient]:
        """Whom this notice goes to, each address once, never to the person who caused it."""
        told = incident.told if notice.cause in ("acknowledged", "resolved") else ()
        targets = told or self._targets(incident.raised_by)
        chosen: dict[tuple[str, str], Recipient] = {}
        for target in (*targets, CHANNEL + LOG_CHANNEL.id):
            if notice.by is not None and target == PERSON + notice.by:
                continue
            for recipient in self._by_target.get(target, ()):
                chosen.setdefault((recipient.channel, recipient.address), recipient)
        return list(chosen.values())

    def _targets(self, rules: Iterable[str]) -> list[str]:
        """Those the rules name; everybody where a rule names nobody, hints included."""
        targets: list[str] = []
        for rule in rules:
            targets += self._notify.get(rule) or self._by_target
        return targets


def _recipients(settings: AlertSettings) -> Iterator[Recipient]:
    mail = settings.mail_channel()
    for person in settings.people:
        for contact in person.contacts if mail else ():
            yield Recipient(
                to=PERSON + person.id,
                channel=mail.id if mail else "",
                address=contact.removeprefix(MAILTO),
                language=person.language or settings.language,
            )
    for channel in settings.all_channels():
        for address in channel.addresses:
            yield Recipient(CHANNEL + channel.id, channel.id, address, settings.language)
