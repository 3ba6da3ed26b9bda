"""Which sources are silent now: learns what is usual for each, and looks at them in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.ingest.collector import SourceConfig
from services.ingest.health.control import missing
from services.ingest.health.holidays import is_holiday
from services.ingest.health.observations import Observations
from services.ingest.health.silence import (
    HISTORY,
    HOUR,
    WINDOWS,
    Band,
    Holidays,
    Hour,
    Silence,
    hour_of,
    learn,
    silence,
    since_the_last_post,
)

LEARNED_AGAIN: Final = timedelta(days=1)
AT_A_LOOK: Final = 200
"""Sources judged in one look: of more, those that were not looked at for longest."""
LEARNED_AT_A_LOOK: Final = 20
"""Learning takes some ten milliseconds a source."""
_LONGEST: Final = WINDOWS[-1] * HOUR
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Silences:
    """Judges the sources. What is usual is kept in memory and learned again once a day.

    zone: where the people live whose days and weeks are the rhythm of the sources.
    """

    def __init__(
        self,
        sources: Sequence[SourceConfig],
        observations: Observations,
        zone: ZoneInfo,
        holidays: Holidays = is_holiday,
    ) -> None:
        self._sources = {source.id: source for source in sources}
        self._observations = observations
        self._zone = zone
        self._holidays = holidays
        self._bands: dict[str, Band | None] = {}
        self._learned_at: dict[str, datetime] = {}
        self._looked_at: dict[str, datetime] = {}
        self.found: dict[str, Silence] = {}
        """The silent sources, by id, as of the last look at each."""

    async def look(self, now: datetime) -> Mapping[str, Silence]:
        """Judges those sources whose turn it is; returns all that are silent. Meant to be called
        once a minute. Raises Retryable."""
        for source in _longest_ago(self._learned_at, self._sources)[:LEARNED_AT_A_LOOK]:
            if self._is_to_learn(source, now):
                await self._learn(source, now)
        known = _longest_ago(self._looked_at, self._bands)[:AT_A_LOOK]
        recent = await self._observations.hours(known, now - _LONGEST)
        for source in known:
            self._keep(source, await self._judge(source, recent[source], now))
            self._looked_at[source] = now
            await asyncio.sleep(0)
        return self.found

    def usual(self, source: str, start: datetime, end: datetime) -> float | None:
        """How many posts are usual from the hour of `start` to that of `end`; None when too
        little of the source is known to say."""
        band = self._bands.get(source)
        if band is None:
            return None
        count = (hour_of(end) - hour_of(start)) // HOUR
        return band.expected(Hour(hour_of(start) + n * HOUR, 0, 1.0) for n in range(count))

    def _is_to_learn(self, source: str, now: datetime) -> bool:
        learned_at = self._learned_at.get(source)
        return learned_at is None or now - learned_at >= LEARNED_AGAIN

    async def _learn(self, source: str, now: datetime) -> None:
        # As far back as rows are kept: of a silent source, from before it fell silent.
        history = await self._observations.hours([source], now - 4 * HISTORY)
        self._bands[source] = learn(history[source], self._zone, self._holidays)
        self._learned_at[source] = now
        await asyncio.sleep(0)

    async def _judge(self, source: str, recent: Sequence[Hour], now: datetime) -> Silence | None:
        config, band = self._sources[source], self._bands[source]
        if band is not None and (found := silence(band, recent, now)) is not None:
            return found._replace(since=since_the_last_post(recent, now))
        if config.control is None:
            return None
        sightings = await self._observations.sightings(source)
        return missing(config.control, sightings, config.quiet_after, now)

    def _keep(self, source: str, found: Silence | None) -> None:
        before = self.found.get(source)
        if found is None:
            self.found.pop(source, None)
        elif before is None:
            self.found[source] = found
        else:
            self.found[source] = found._replace(since=min(before.since, found.since))


def _longest_ago(done_at: Mapping[str, datetime], sources: Iterable[str]) -> list[str]:
    """The sources, first those for which it was never done."""
    return sorted(sources, key=lambda each: done_at.get(each, _NEVER))
