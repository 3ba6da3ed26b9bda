"""Keeps an eye on the sources: writes what was observed, finds the silent, tells operations."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from libs.common import metrics
from libs.common.clock import Clock
from libs.common.errors import Retryable
from services.ingest.api.sources import DAY, WEEK, Seen, SourceView, coverage, views
from services.ingest.collector import SourceConfig
from services.ingest.health.coverage import Interval
from services.ingest.health.observations import Observations
from services.ingest.health.report import Presented, due_reports, presented
from services.ingest.health.reports import Reports
from services.ingest.health.silence import Silence
from services.ingest.health.silences import Silences
from services.ingest.post import Page
from services.ingest.schedule.decide import SourceState, is_well

logger = structlog.get_logger(__name__)

WRITTEN: Final = timedelta(seconds=5)
TOLD: Final = timedelta(seconds=5)
LOOKED: Final = timedelta(minutes=1)
TIDIED: Final = timedelta(hours=6)
_TURN: Final = 1.0
"""Seconds between two looks at what is due."""


@dataclass(slots=True)
class HealthWatch:
    """The health of the configured sources. `run` is a service loop.

    states: reads the state of every source. grace: how long a source may be ill before anybody is
    told, unless it is ill in a way that does not go away by itself. delivered: those sources that
    are never read, as they deliver to us: they are observed as long as this process lives.
    tidiers: what else forgets what is too old, every few hours; given the time.
    """

    sources: Sequence[SourceConfig]
    states: Callable[[], Awaitable[Sequence[SourceState]]]
    observations: Observations
    silences: Silences
    reports: Reports
    grace: timedelta
    clock: Clock
    delivered: Collection[str] = ()
    tidiers: Sequence[Callable[[datetime], Awaitable[None]]] = ()
    _heard: set[str] = field(default_factory=set)
    _done_at: dict[str, datetime] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then writes what was noted last."""
        duties: Mapping[str, tuple[timedelta, Callable[[], Awaitable[None]]]] = {
            "write": (WRITTEN, self.observations.flush),
            "look": (LOOKED, self.look),
            "tell": (TOLD, self.tell),
            "tidy": (TIDIED, self._tidy),
        }
        while not stop.is_set():
            for name, (every, duty) in duties.items():
                await self._do(name, every, duty)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _TURN)
        try:
            await self.observations.flush()
        except Retryable as error:
            logger.warning("the last observations were not kept", reason=str(error))

    async def look(self) -> None:
        """Finds the silent sources, and shows all in the metrics. Raises Retryable."""
        now = self.clock()
        await self._listen(now)
        await self.silences.look(now)
        await self._measure(now)

    async def tell(self) -> None:
        """Tells what is due to be told. Raises Retryable."""
        now = self.clock()
        told = await self.reports.told()
        due = due_reports(await self.presented(now), told, now, self.grace)
        for event in await self.reports.tell(due):
            logger.info(
                "operations were told", source=event.source, health=event.health, well=event.well
            )

    async def presented(self, now: datetime) -> list[Presented]:
        """Every configured source as it is shown and told. Raises Retryable."""
        known = {state.id: state for state in await self.states()}
        silent = self.silences.found
        return [
            presented(source, known[source.id], silent.get(source.id), now)
            for source in self.sources
            if source.id in known
        ]

    async def views(self) -> list[SourceView]:
        """Every configured source with all that is known of it. Raises Retryable."""
        now = self.clock()
        return views(self.sources, await self.states(), now, self.found, await self._seen(now))

    async def intervals(self, source: str, whole: Interval) -> list[Interval]:
        """What was observed of the source in that time. Raises Retryable."""
        return await self.observations.intervals_of(source, whole)

    async def check(self) -> str:
        """A service check: how many sources are well. Sick sources do not make us unready."""
        healths = [each.health for each in await self.presented(self.clock())]
        ill = sum(not is_well(health) for health in healths)
        return f"{len(healths)} sources, {ill} unhealthy"

    @property
    def found(self) -> Mapping[str, Silence]:
        """The silent sources."""
        return self.silences.found

    async def _listen(self, now: datetime) -> None:
        """What delivers to us was observed since the last look, unless something is wrong with it;
        nobody knows what it tried to deliver while we were away."""
        if not self.delivered:
            return
        for how in await self.presented(now):
            if how.source in self.delivered and (is_well(how.health) or how.health == "silent"):
                page = Page((), None, complete=how.source in self._heard)
                self.observations.note(how.source, page, now)
                self._heard.add(how.source)
            else:
                self._heard.discard(how.source)
        await self.observations.flush()

    async def _seen(self, now: datetime) -> Seen:
        usual = {each.id: self.silences.usual(each.id, now - DAY, now) for each in self.sources}
        return Seen(
            await self.observations.intervals(now - WEEK),
            await self.observations.posts(now - DAY),
            {source: posts for source, posts in usual.items() if posts is not None},
        )

    async def _measure(self, now: datetime) -> None:
        seen = await self.observations.intervals(now - WEEK)
        every = {source.id: source.every for source in self.sources}
        presented = await self.presented(now)
        metrics.SOURCES.clear()
        for health, count in Counter(each.health for each in presented).items():
            metrics.SOURCES.labels(health).set(count)
        metrics.SOURCE_HEALTH.clear()
        for each in presented:
            metrics.SOURCE_HEALTH.labels(each.source, each.health).set(1)
            if each.last_success is not None:
                stamp = each.last_success.timestamp()
                metrics.SOURCE_LAST_SUCCESS.labels(each.source).set(stamp)
            day, _, _ = coverage(seen.get(each.source, ()), every[each.source], now)
            if day is not None:
                metrics.SOURCE_COVERAGE.labels(each.source).set(day)

    async def _tidy(self) -> None:
        now = self.clock()
        for tidy in (self.observations.prune, *self.tidiers):
            await tidy(now)

    async def _do(self, name: str, every: timedelta, duty: Callable[[], Awaitable[None]]) -> None:
        now = self.clock()
        last = self._done_at.get(name)
        # A clock that was set back must not keep a duty waiting.
        if last is not None and timedelta() <= now - last < every:
            return
        self._done_at[name] = now
        try:
            await duty()
        except Retryable as error:
            logger.warning("the health of the sources waits", duty=name, reason=str(error))
