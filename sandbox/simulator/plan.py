"""What happens to a watch, and when: everything that is not everyday."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sandbox.simulator.channels import (
    APPS,
    CHANNELS,
    FORUM,
    MASTODON,
    REDDIT,
    REVIEWS,
    SOCIAL,
    X,
)
from sandbox.simulator.rhythm import Rhythm, rhythm
from sandbox.simulator.settings import Settings, per_hour, watch_id
from sandbox.simulator.storm import Script, script
from sandbox.simulator.texts import Phrases, phrases
from sandbox.simulator.truth import (
    CampaignTruth,
    Circumstance,
    OutageTruth,
    Shape,
    Spell,
    SpellKind,
    WatchTruth,
)

MINUTES: Final = 1440
QUIET_DAYS: Final = 14
"""So long nothing happens at first, or for a third of a shorter simulation."""
PEAKS: Final = (3, 4, 2, 5, 3, 6, 4, 1, 3, 5, 2, 4)
CIRCUMSTANCES: Final[tuple[Circumstance, ...]] = (
    *("none", "pair", "night", "none", "marketing", "outage"),
    *("none", "night"),
)
SLOW: Final = 0.3
"""The share of storms that smoulder for hours or days; the others rise within half an hour."""

PLAN, DAY, STORM, WORDS, CAMPAIGN = range(5)


@dataclass(frozen=True, slots=True)
class StormPlan:
    """A storm: its script, and the social channels in the order in which it reaches them."""

    script: Script
    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """moments: when each copy appears, in minutes since the simulation's begin."""

    truth: CampaignTruth
    channel: int
    moments: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OutagePlan:
    truth: OutageTruth
    channel: int


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """All of a watch that is decided before its first mention."""

    settings: Settings
    number: int
    truth: WatchTruth
    rhythm: Rhythm
    storms: tuple[StormPlan, ...]
    campaigns: tuple[CampaignPlan, ...]
    outages: tuple[OutagePlan, ...]

    def chance(self, purpose: int, *which: int) -> np.random.Generator:
        """Chance of its own for one purpose: what is drawn elsewhere does not change it."""
        return chance(self.settings.seed, self.number, purpose, *which)


def chance(seed: int, *which: int) -> np.random.Generator:
    """The same draws for the same numbers, in any process."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=which)))


def plan(settings: Settings, number: int, industries: tuple[str, ...]) -> WatchPlan:
    """Plans one watch, 0 for the quietest."""
    choice = chance(settings.seed, number, PLAN)
    pace = per_hour(settings, number)
    watch = watch_id(number)
    usual = rhythm(settings, pace, choice)
    planner = _Planner(settings, watch, usual, choice)
    storms = planner.storms()
    spells = [*planner.marketing, *planner.spells()]
    outages = [*planner.dark, *planner.outages()]
    campaigns = planner.campaigns()
    truth = WatchTruth(
        watch=watch,
        industry=industries[int(choice.integers(len(industries)))],
        per_hour=pace,
        begin=settings.begin,
        days=settings.days,
        storms=tuple(storm.script.truth for storm in storms),
        spells=tuple(sorted(spells, key=lambda spell: spell.begin)),
        campaigns=tuple(campaign.truth for campaign in campaigns),
        outages=tuple(outage.truth for outage in outages),
        level_shifts=tuple(day * MINUTES for day in usual.shifts),
    )
    return WatchPlan(
        settings, number, truth, usual, tuple(storms), tuple(campaigns), tuple(outages)
    )


class _Planner:
    """Draws what happens to one watch. marketing, dark: what belongs to its storms."""

    def __init__(
        self, settings: Settings, watch: str, usual: Rhythm, choice: np.random.Generator
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._usual = usual
        self._choice = choice
        self._first = int(min(QUIET_DAYS, settings.days / 3) * MINUTES)
        self._last = settings.days * MINUTES
        self._theme = int(choice.integers(100))
        self.marketing: list[Spell] = []
        self.dark: list[OutagePlan] = []

    def storms(self) -> list[StormPlan]:
        """One in each of equally long times; the second of a pair comes with the first."""
        choice, count = self._choice, self._settings.storms
        if not count:
            return []
        offset = int(choice.integers(1_000))
        kinds = choice.permutation([(offset + n) % len(CIRCUMSTANCES) for n in range(count)])
        peaks = choice.permutation([(offset + n) % len(PEAKS) for n in range(count)])
        room = (self._last - self._first) / count
        planned: list[StormPlan] = []
        while len(planned) < count:
            at = len(planned)
            kind = CIRCUMSTANCES[kinds[at]]
            rise = int(self._first + room * (at + choice.uniform(0.15, 0.6)))
            if kind == "night":
                rise += int(choice.uniform(23, 28) * 60) - rise % MINUTES
            elif kind == "pair" and at + 1 < count:
                later = rise + int(choice.uniform(10, 180))
                planned.append(self._storm(at, PEAKS[peaks[at]], "pair", rise))
                planned.append(self._storm(at + 1, PEAKS[peaks[at + 1]], "pair", later))
                continue
            elif kind == "pair":
                kind = "none"
            planned.append(self._storm(at, PEAKS[peaks[at]], kind, rise))
        return planned

    def _storm(self, at: int, peak: int, circumstance: Circumstance, rise: int) -> StormPlan:
        choice = self._choice
        themes = tuple(phrases().themes)
        theme = themes[(self._theme + 4 * at) % len(themes)]
        shape: Shape = "slow_burn" if choice.random() < SLOW else "sudden"
        written = script(
            choice,
            id=f"{self._watch}-storm-{at + 1}",
            watch=self._watch,
            theme=theme,
            name=_name(phrases(), choice),
            shape=shape,
            circumstance=circumstance,
            peak=peak,
            rise=min(rise, self._last - 1),
            per_hour=float(self._usual.usual[min(rise, self._last - 1) // MINUTES]),
        )
        channels = [int(place) for place in choice.permutation(SOCIAL)]
        first = (X, X, X, MASTODON, FORUM, REDDIT, REVIEWS)[int(choice.integers(7))]
        channels.remove(first)
        if circumstance == "outage":
            begin = rise + int(choice.uniform(-60, 30))
            self.dark.append(self._outage(len(self.dark), first, begin, (60, 720)))
        if circumstance == "marketing":
            self.marketing.append(self._spell(f"peak-{at + 1}", "giveaway", rise - 240))
        return StormPlan(written, (first, *channels))

    def spells(self) -> list[Spell]:
        often = self._settings.per_year
        kinds: tuple[tuple[SpellKind, float], ...] = (
            ("good_news", often.good_news),
            ("match_day", often.match_days),
            ("giveaway", often.giveaways),
            ("press_day", often.press_days),
        )
        return [
            self._spell(f"{kind.replace('_', '-')}-{at + 1}", kind, begin)
            for kind, expected in kinds
            for at, begin in enumerate(self._begins(expected))
        ]

    def _spell(self, name: str, kind: SpellKind, begin: int) -> Spell:
        choice = self._choice
        low, high, lasting = _SPELLS[kind]
        factor = float(np.exp(choice.uniform(np.log(low), np.log(high))))
        minutes = lasting * float(choice.uniform(0.6, 1.8))
        whole = minutes if kind == "match_day" else 4 * minutes
        return Spell(
            id=f"{self._watch}-{name}",
            kind=kind,
            begin=begin,
            end=begin + int(whole),
            factor=factor,
            lasting=minutes,
        )

    def outages(self) -> list[OutagePlan]:
        begins = self._begins(self._settings.per_year.outages)
        first = len(self.dark)
        places = self._choice.integers(len(CHANNELS), size=len(begins))
        return [
            self._outage(first + at, int(place), begin, (30, 1800))
            for at, (begin, place) in enumerate(zip(begins, places, strict=True))
        ]

    def _outage(
        self, at: int, channel: int, begin: int, minutes: tuple[float, float]
    ) -> OutagePlan:
        lasting = np.exp(self._choice.uniform(np.log(minutes[0]), np.log(minutes[1])))
        truth = OutageTruth(
            id=f"{self._watch}-outage-{at + 1}",
            source=source_id(self._watch, channel),
            begin=max(0, begin),
            end=max(0, begin) + int(lasting),
        )
        return OutagePlan(truth, channel)

    def campaigns(self) -> list[CampaignPlan]:
        often = self._settings.per_year
        reviews = self._begins(often.fake_reviews)
        bots = self._begins(often.bots)
        return [self._reviews(at, begin) for at, begin in enumerate(reviews)] + [
            self._bots(at, begin) for at, begin in enumerate(bots)
        ]

    def _reviews(self, at: int, begin: int) -> CampaignPlan:
        """Bad reviews shortly after one another, at odd hours."""
        begin += int(self._choice.uniform(0, 5) * 60) - begin % MINUTES
        copies = int(self._choice.integers(12, 60))
        moments = begin + self._choice.gamma(1.5, 60, size=copies).cumsum() * 0.2
        channel = REVIEWS if self._choice.random() < 0.6 else APPS
        return self._campaign(f"reviews-{at + 1}", "reviews", channel, moments)

    def _bots(self, at: int, begin: int) -> CampaignPlan:
        """The same advertisement by many accounts."""
        copies = int(self._choice.integers(8, 80))
        lasting = float(self._choice.uniform(10, 360))
        moments = begin + np.sort(self._choice.random(copies)) * lasting
        channel = X if self._choice.random() < 0.7 else MASTODON
        return self._campaign(f"bots-{at + 1}", "bots", channel, moments)

    def _campaign(
        self, name: str, kind: str, channel: int, moments: NDArray[np.float64]
    ) -> CampaignPlan:
        truth = CampaignTruth(
            id=f"{self._watch}-{name}",
            kind="reviews" if kind == "reviews" else "bots",
            platform=CHANNELS[channel].platform,
            begin=int(moments[0]),
            end=int(moments[-1]) + 1,
            copies=len(moments),
        )
        return CampaignPlan(truth, channel, moments)

    def _begins(self, per_year: float) -> list[int]:
        count = int(self._choice.poisson(per_year * self._settings.years))
        return sorted(int(at) for at in self._choice.uniform(self._first, self._last, count))


_SPELLS: Final[dict[SpellKind, tuple[float, float, float]]] = {
    "good_news": (5.0, 20.0, 240.0),
    "match_day": (5.0, 15.0, 150.0),
    "giveaway": (3.0, 10.0, 600.0),
    "press_day": (1.0, 4.0, 360.0),
}
"""Lowest and highest factor, and the minutes that it lasts."""


def source_id(watch: str, channel: int) -> str:
    """The id of a watch's source in the configuration."""
    return f"{watch}-{CHANNELS[channel].name}"


def _name(words: Phrases, choice: np.random.Generator) -> str:
    parts = words.names.first, words.names.second, words.names.third
    first, second, third = (part[int(choice.integers(len(part)))] for part in parts)
    return f"{first}{second} {third}"
