"""The stream of a watch, in the order in which its events become known."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final

import numpy as np
from msgspec.structs import replace

from libs.common.events import SourceHealthChanged
from sandbox.simulator.campaigning import CampaignVoices
from sandbox.simulator.channels import CHANNELS
from sandbox.simulator.drawing import MIXES, ORDINARY, Confusion, draws, labels, spell_times, within
from sandbox.simulator.plan import DAY, OutagePlan, plan
from sandbox.simulator.rhythm import DAY_SECONDS, times
from sandbox.simulator.settings import Settings
from sandbox.simulator.storming import StormVoices
from sandbox.simulator.texts import CRISIS, Library
from sandbox.simulator.truth import WatchTruth
from sandbox.simulator.writing import Everyday, Scribe, Simulated

NOTICED: Final = 600.0
"""Seconds until a source that cannot be read is told of."""


class WatchStream:
    """All that happens to one watch; iterate over it once, and `truth` is whole then."""

    def __init__(self, settings: Settings, number: int, library: Library) -> None:
        self.plan = plan(settings, number, library.industries)
        self._scribe = Scribe(self.plan)
        self._everyday = Everyday(self.plan, library, self._scribe)
        self._confusion = Confusion(settings)
        self._storms = [
            StormVoices(self.plan, storm, at, library, self._scribe, self._everyday.crowds)
            for at, storm in enumerate(self.plan.storms)
        ]
        self._campaigns = [
            CampaignVoices(self.plan, campaign, at, library, self._scribe)
            for at, campaign in enumerate(self.plan.campaigns)
        ]
        mix = (*ORDINARY[:CRISIS], settings.dangers, *ORDINARY[CRISIS + 1 :])
        self._mix = mix
        self.truth: WatchTruth = self.plan.truth

    def __iter__(self) -> Iterator[Simulated]:
        for day in self.by_day():
            yield from day

    def by_day(self) -> Iterator[list[Simulated]]:
        """The events that become known on each day, in order; what comes after the last day, such
        as the late mentions of an outage, stands in a list of its own."""
        waiting: list[Simulated] = []
        for day in range(self.plan.settings.days):
            begin = self._scribe.begin(day)
            waiting += self._day(day, begin)
            waiting.sort(key=_ORDER)
            known = [one for one in waiting if one.at < begin + DAY_SECONDS]
            del waiting[: len(known)]
            self.truth.mentions += len(known)
            yield known
        self._count()
        self.truth.mentions += len(waiting)
        yield waiting

    def _day(self, day: int, begin: float) -> Iterator[Simulated]:
        choice = self.plan.chance(DAY, day)
        at = times(self.plan.rhythm.scattered(day, choice), choice)
        yield from self._said(at, self._mix, choice, begin, None)
        expected = self.plan.rhythm.expected(day)
        for spell in self.plan.truth.spells:
            if within(day, spell.begin, spell.end):
                at = spell_times(spell, day, expected, choice)
                drawn = draws(
                    at, labels(len(at), MIXES[spell.kind], choice), self._confusion, choice
                )
                yield from self._everyday.say(begin, drawn, spell.id, spell.kind)
        for storm in self._storms:
            yield from storm.say(day, begin)
        for campaign in self._campaigns:
            yield from campaign.say(day, begin)
        for outage in self.plan.outages:
            yield from self._health(outage, day, begin)

    def _said(
        self,
        at: np.ndarray[tuple[int], np.dtype[np.float64]],
        mix: tuple[float, ...],
        choice: np.random.Generator,
        begin: float,
        origin: str | None,
    ) -> Iterator[Simulated]:
        drawn = draws(at, labels(len(at), mix, choice), self._confusion, choice)
        yield from self._everyday.say(begin, drawn, origin, None)

    def _health(self, outage: OutagePlan, day: int, begin: float) -> Iterator[Simulated]:
        """That a source is ill, when that is noticed, and that it is well again."""
        truth = outage.truth
        since = self.plan.settings.begin.timestamp()
        dark, light = since + truth.begin * 60.0, since + truth.end * 60.0
        for moment, well in ((dark + min(NOTICED, (light - dark) / 2), False), (light + 5.0, True)):
            if begin <= moment < begin + DAY_SECONDS:
                event = SourceHealthChanged(
                    source=truth.source,
                    kind=CHANNELS[outage.channel].platform,
                    at=datetime.fromtimestamp(moment, UTC),
                    health="ok" if well else "failing",
                    reason=None if well else "the source does not answer",
                    well=well,
                    since=datetime.fromtimestamp(light if well else dark, UTC),
                )
                yield self._scribe.told(moment, event)

    def _count(self) -> None:
        """Writes into the truth what only the finished stream knows."""
        truth = self.truth
        truth.storms = tuple(
            replace(storm, members=voices.members)
            for storm, voices in zip(truth.storms, self._storms, strict=True)
        )
        truth.campaigns = tuple(
            replace(campaign, members=tuple(voices.members))
            for campaign, voices in zip(truth.campaigns, self._campaigns, strict=True)
        )
        truth.outages = tuple(self._scribe.outage(outage) for outage in truth.outages)


_ORDER: Final = attrgetter("at", "serial")


def streams(settings: Settings, library: Library) -> list[WatchStream]:
    """The stream of every watch, the quietest first."""
    return [WatchStream(settings, number, library) for number in range(settings.watches)]


def merged(watches: Iterable[WatchStream]) -> Iterator[Simulated]:
    """The events of several watches in the order in which they become known."""
    yield from heapq.merge(*watches, key=_ORDER)
