"""The mentions of one watch: what is said, where, by whom, and when it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeAlias

from libs.common.events import (
    Author,
    ClassifiedMention,
    Kind,
    Mention,
    SourceHealthChanged,
    mention_id,
)
from sandbox.simulator.channels import CHANNELS, CHOICES, channels_of
from sandbox.simulator.drawing import ORDINARY, Draw, within
from sandbox.simulator.people import Crowd
from sandbox.simulator.plan import WORDS, OutagePlan, WatchPlan, source_id
from sandbox.simulator.texts import CRISIS, OTHER, Language, Library, Line, Walk, phrases
from sandbox.simulator.truth import DangerTruth, OutageTruth, SpellKind

Event: TypeAlias = Mention | SourceHealthChanged
"""A mention with or without a classification, or how a source fares."""
LOST: Final = 0.3
"""The share of the mentions of an outage that are never read."""
STRAGGLERS: Final = 0.01
"""The share of polled mentions that come up to an hour late."""
_THREADS: Final = 16
_ANSWERS: Final[frozenset[Kind]] = frozenset({"reply", "comment", "answer"})


class Simulated(NamedTuple):
    """An event, and the second, since 1970, at which it becomes known.

    origin: what it belongs to: a storm, spell or campaign by its id, or None for what is ordinary.
    Judges may look at it; detectors get the event.
    """

    at: float
    serial: int
    event: Event
    origin: str | None


class Saying(NamedTuple):
    """Who says what where. root: the mention it answers; None begins a thread of its own."""

    line: Line
    text: str
    kind: Kind
    channel: int
    author: Author
    root: str | None = None


class Scribe:
    """Makes events of one watch out of what was decided. Serial numbers run on from day to day."""

    def __init__(self, plan: WatchPlan) -> None:
        self._plan = plan
        self._watch = plan.truth.watch
        self._raw = plan.settings.raw
        self._sources = [source_id(self._watch, at) for at in range(len(CHANNELS))]
        self._serial = plan.number * 10**9
        self._dark: dict[int, list[OutagePlan]] = {}
        self._late: dict[str, list[int]] = {}
        self._epoch = plan.settings.begin.timestamp()

    def begin(self, day: int) -> float:
        """Begins a day; gives the second it begins at, since 1970."""
        self._dark = {}
        for outage in self._plan.outages:
            if within(day, outage.truth.begin, outage.truth.end):
                self._dark.setdefault(outage.channel, []).append(outage)
        return self._epoch + day * 86_400.0

    def write(
        self, at: float, found: int, bucket: int, late: float, saying: Saying, origin: str | None
    ) -> Simulated | None:
        """The mention as it is read; None when it never is. at: seconds since 1970."""
        self._serial = serial = self._serial + 1
        line, text, kind, channel, author, root = saying
        read_at = self._read_at(channel, at, late)
        if read_at is None:
            return None
        platform, _, _, host, _ = CHANNELS[channel]
        native = str(serial)
        if kind == "article":
            host = f"{author.handle}-{host}"
        event = ClassifiedMention(
            id=mention_id(platform, native, self._watch),
            watch=self._watch,
            source=self._sources[channel],
            platform=platform,
            native_id=native,
            kind=kind,
            url=f"https://{host}/{native}",
            title=line.text if kind == "article" else None,
            text=text,
            lang=line.lang,
            author=author,
            published_at=datetime.fromtimestamp(int(at), UTC),
            collected_at=datetime.fromtimestamp(read_at, UTC),
            thread=root or native,
            in_reply_to=root,
            rating=line.rating if kind == "review" else None,
            classification=line.verdict(found, bucket),
        )
        return Simulated(read_at, serial, _raw(event) if self._raw else event, origin)

    def told(self, at: float, event: SourceHealthChanged) -> Simulated:
        self._serial += 1
        return Simulated(at, self._serial, event, None)

    def outage(self, truth: OutageTruth) -> OutageTruth:
        """The outage with what it has cost so far."""
        late, lost = self._late.get(truth.id, (0, 0))
        return OutageTruth(
            id=truth.id, source=truth.source, begin=truth.begin, end=truth.end, late=late, lost=lost
        )

    def _read_at(self, channel: int, at: float, late: float) -> float | None:
        every = CHANNELS[channel].every
        if every:
            phase = 37.0 * channel
            read_at = ((at - phase) // every + 1.0) * every + phase + 2.5
            if late < STRAGGLERS:
                read_at += every * int(3600.0 / every * late / STRAGGLERS)
        else:
            read_at = at + 1.0 + 9.0 * late**4
        if channel in self._dark:
            return self._after_outage(channel, at, read_at, late)
        return read_at

    def _after_outage(self, channel: int, at: float, read_at: float, late: float) -> float | None:
        for outage in self._dark[channel]:
            begin = self._epoch + outage.truth.begin * 60.0
            end = self._epoch + outage.truth.end * 60.0
            if begin <= read_at and at < end:
                counted = self._late.setdefault(outage.truth.id, [0, 0])
                if late * 97.0 % 1.0 < LOST:
                    counted[1] += 1
                    return None
                counted[0] += 1
                return end + 5.0 + 60.0 * (late * 31.0 % 1.0) + 0.5 * CHANNELS[channel].every
        return read_at


class Everyday:
    """What is said on ordinary days, and at times when more is said than usual."""

    def __init__(self, plan: WatchPlan, library: Library, scribe: Scribe) -> None:
        self._scribe = scribe
        self._truth = plan.truth
        self._german = plan.settings.german
        choice = plan.chance(WORDS)
        week = plan.truth.per_hour * 24 * 7
        self._walks = {
            (lang, label): Walk(
                library.about(lang, label, plan.truth.industry, int(week * share) + 50), choice
            )
            for lang in _LANGUAGES
            for label, share in enumerate(ORDINARY)
        }
        self.crowds = crowds(plan)
        self._threads: list[list[str]] = [[] for _ in CHANNELS]

    def say(
        self, begin: float, draws: Iterator[Draw], origin: str | None, spell: SpellKind | None
    ) -> Iterator[Simulated]:
        """The mentions drawn for a day that begins at this second."""
        walks, crowds_, threads = self._walks, self.crowds, self._threads
        german, write = self._german, self._scribe.write
        suffixes = phrases().giveaway if spell == "giveaway" else None
        for at, true, found, bucket, is_german, who, where, late in draws:
            lang: Language = "de" if is_german < german else "en"
            line, text = walks[lang, true].next()
            kind: Kind = "article" if spell == "press_day" and true == OTHER else line.kind
            if suffixes and true == OTHER:
                text, kind = f"{text} {_pick(suffixes[lang], where * 7.7 % 1.0)}", "comment"
            channel = channels_of(kind)[int(where * CHOICES)]
            recent = threads[channel]
            root = None
            if kind in _ANSWERS and recent:
                root = recent[int(where * 997.0) % len(recent)]
            saying = Saying(line, text, kind, channel, crowds_[channel].at(who), root)
            simulated = write(begin + at, found, bucket, late, saying, origin)
            if simulated is None:
                continue
            if root is None:
                _remember(recent, str(simulated.serial))
            if true == CRISIS:
                self._danger(simulated, line)
            yield simulated

    def _danger(self, simulated: Simulated, line: Line) -> None:
        event = simulated.event
        assert isinstance(event, Mention)
        self._truth.dangers.append(
            DangerTruth(
                mention=event.id,
                at=event.published_at,
                theme=line.cue or "",
                severity=line.severity,
            )
        )


_LANGUAGES: Final[tuple[Language, ...]] = ("de", "en")


def crowds(plan: WatchPlan) -> list[Crowd]:
    """The ordinary accounts of each channel: the more is said, the more there are."""
    size = min(60_000.0, plan.truth.per_hour * 24 * 365 * 0.4)
    return [
        Crowd(
            f"{plan.truth.watch}/{channel.name}",
            int(size * channel.crowd),
            plan.settings.seed,
            (9.5, 1.5) if channel.platform == "news" else (5.0, 1.7),
        )
        for channel in CHANNELS
    ]


def _raw(mention: ClassifiedMention) -> Mention:
    """The mention before anybody has classified it."""
    values = {name: getattr(mention, name) for name in Mention.__struct_fields__}
    return Mention(**values)


def _pick(of: Sequence[str], share: float) -> str:
    return of[int(share * len(of))]


def _remember(recent: list[str], native: str) -> None:
    recent.append(native)
    if len(recent) > _THREADS:
        del recent[0]
