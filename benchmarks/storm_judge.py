"""Holds pages against what really happened in a simulated stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from libs.common.events import ClassifiedMention, Mention, SourceHealthChanged
from sandbox.simulator.truth import StormTruth, WatchTruth
from sandbox.simulator.writing import Simulated

EARLY: Final = 5.0
"""Minutes before its onset at which a storm counts as found already."""
ECHO: Final = 60.0
"""So many minutes after a storm or a campaign, a page about it is no false one."""
SERIOUS: Final = 3
MONTH_DAYS: Final = 30.44


class Page(Protocol):
    """Somebody is paged. rule: what had them paged; level: that they are told."""

    @property
    def at(self) -> datetime: ...
    @property
    def level(self) -> int: ...
    @property
    def rule(self) -> str: ...


class Detects(Protocol):
    """Whatever is judged: gets the events of one or more watches in the order of collection."""

    def fold(self, event: ClassifiedMention | SourceHealthChanged) -> Sequence[Page]:
        """The pages this event leads to."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """A page: its minute since the simulation's begin, and the level it told."""

    minute: float
    level: int
    rule: str


@dataclass(slots=True)
class StormResult:
    """A storm and the pages about it."""

    truth: StormTruth
    per_hour: float
    pages: list[Seen] = field(default_factory=list)

    @property
    def found(self) -> Seen | None:
        """The first page in time: from EARLY before the onset to the storm's end."""
        onset, end = self.truth.onset, self.truth.end
        if onset is None:
            return None
        return next((page for page in self.pages if onset - EARLY <= page.minute <= end), None)

    @property
    def delay(self) -> float | None:
        """Minutes from the onset to that page; 0 when it came before. None if it never came."""
        page = self.found
        if page is None or self.truth.onset is None:
            return None
        return max(0.0, page.minute - self.truth.onset)

    @property
    def unaware(self) -> float | None:
        """As `delay`, and 0 for who was paged about it when it still smouldered."""
        return 0.0 if self.warned else self.delay

    @property
    def warned(self) -> bool:
        """Somebody was paged about it when it still smouldered."""
        onset = self.truth.onset
        return onset is not None and any(page.minute < onset - EARLY for page in self.pages)

    @property
    def measured(self) -> int:
        """The highest level that was told; 0 for none."""
        return max((page.level for page in self.pages), default=0)


@dataclass(frozen=True, slots=True)
class FalsePage:
    """A page about nothing. mistaken: the classifier took a harmless text for a crisis candidate;
    nothing else speaks for it."""

    watch: str
    page: Seen
    origin: str | None
    mistaken: bool


@dataclass(slots=True)
class Burst:
    """The highest level told during a good-news burst, 0 for none; and without texts that were
    wrongly taken for a danger."""

    told: int = 0
    measured: int = 0


@dataclass(slots=True)
class WatchResult:
    """How one watch was guarded."""

    watch: str
    days: int
    mentions: int
    storms: list[StormResult]
    good_news: list[Burst]
    false: list[FalsePage]
    excused: Counter[str]
    """Pages about true dangers and about campaigns."""


class WatchJudge:
    """Notes the pages of one watch, one after the other. Its stream may still be running."""

    def __init__(self, truth: WatchTruth) -> None:
        self._truth = truth
        self._storms = {storm.id: StormResult(storm, truth.per_hour) for storm in truth.storms}
        self._bursts = {spell.id: Burst() for spell in truth.spells if spell.kind == "good_news"}
        self._dangers: set[str] = set()
        self._false: list[FalsePage] = []
        self._excused: Counter[str] = Counter()

    def note(self, simulated: Simulated, pages: Iterable[Page]) -> None:
        """What the detection made of an event."""
        for page in pages:
            self._note(simulated, Seen(self._truth.minute(page.at), page.level, page.rule))

    def _note(self, simulated: Simulated, page: Seen) -> None:
        if (storm := self._storm_of(simulated, page.minute)) is not None:
            storm.pages.append(page)
            return
        if self._is_danger(simulated):
            self._excused["danger"] += 1
            return
        mistaken = _mistaken(simulated, page)
        for spell in self._truth.spells:
            if spell.id in self._bursts and spell.begin <= page.minute <= spell.end:
                burst = self._bursts[spell.id]
                burst.told = max(burst.told, page.level)
                burst.measured = max(burst.measured, 0 if mistaken else page.level)
        if self._is_campaign(simulated, page.minute):
            self._excused["campaign"] += 1
            return
        false = FalsePage(self._truth.watch, page, simulated.origin, mistaken)
        self._false.append(false)

    def _storm_of(self, simulated: Simulated, minute: float) -> StormResult | None:
        """The storm the mention belongs to, else the worst one that rages at that minute."""
        own = self._storms.get(simulated.origin or "")
        if own is not None:
            return own
        raging = [
            (level, storm)
            for storm in self._storms.values()
            if (level := _level_about(storm.truth, minute)) >= 2
        ]
        return max(raging, key=lambda pair: pair[0])[1] if raging else None

    def _is_danger(self, simulated: Simulated) -> bool:
        """The truth grows with the stream, so that it is asked as late as possible."""
        if len(self._dangers) < len(self._truth.dangers):
            self._dangers = {danger.mention for danger in self._truth.dangers}
        event = simulated.event
        return isinstance(event, Mention) and event.id in self._dangers

    def _is_campaign(self, simulated: Simulated, minute: float) -> bool:
        return any(
            campaign.id == simulated.origin or campaign.begin <= minute <= campaign.end + ECHO
            for campaign in self._truth.campaigns
        )

    def result(self) -> WatchResult:
        """How the watch was guarded; whole once its stream has been read to the end."""
        truth = self._truth
        return WatchResult(
            watch=truth.watch,
            days=truth.days,
            mentions=truth.mentions,
            storms=list(self._storms.values()),
            good_news=list(self._bursts.values()),
            false=self._false,
            excused=self._excused,
        )


def _level_about(storm: StormTruth, minute: float) -> int:
    """The highest true level within the ECHO before this minute."""
    if not storm.begin <= minute <= storm.end + ECHO:
        return 0
    steps = [step.level for step in storm.levels if minute - ECHO <= step.minute <= minute]
    return max([storm.level_at(minute), storm.level_at(minute - ECHO), *steps])


def _mistaken(simulated: Simulated, page: Seen) -> bool:
    event = simulated.event
    if page.rule != "danger" or not isinstance(event, ClassifiedMention):
        return False
    return event.classification.label == "crisis_candidate"
