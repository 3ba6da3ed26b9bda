"""How the sources are, for people and programs that look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.ingest.collector import SourceConfig
from services.ingest.failure import Health
from services.ingest.health.coverage import Interval, gaps, judged, share
from services.ingest.health.report import presented
from services.ingest.health.silence import Silence
from services.ingest.schedule.decide import SourceState

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
_MOST_GAPS: Final = 20
_SLACK: Final = timedelta(minutes=1)


class Span(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """From one time until before another."""

    start: datetime
    end: datetime


class Coverage(msgspec.Struct, frozen=True):
    """How much of the last day and week was really observed, 0 to 1; null where nothing can be
    said, as before the first reading. gaps: the newest of the week, the oldest first."""

    day: float | None
    week: float | None
    gaps: tuple[Span, ...]


class SourceView(msgspec.Struct, frozen=True):
    """A source and its health. `next_due` is null when it is never read again."""

    id: str
    kind: str
    url: str
    """Where it is read, without credentials and query."""
    health: Health
    reason: str | None
    since: datetime | None
    last_success: datetime | None
    last_entry: datetime | None
    failures: int
    next_due: datetime | None
    coverage: Coverage
    usual_a_day: float | None
    """Posts that are usual in the last 24 hours, whether a watch wants them or not; null while
    too little is known of the source."""
    seen_a_day: int | None
    """Posts that came in the last 24 hours; null when nothing was observed: that is not zero."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was observed, by source: intervals of the last week, posts of the last 24 hours and
    how many are usual in them."""

    intervals: Mapping[str, Sequence[Interval]] = field(default_factory=dict)
    posts: Mapping[str, int] = field(default_factory=dict)
    usual: Mapping[str, float] = field(default_factory=dict)


def views(
    sources: Sequence[SourceConfig],
    states: Sequence[SourceState],
    now: datetime,
    silences: Mapping[str, Silence] | None = None,
    seen: Seen | None = None,
) -> list[SourceView]:
    """Every configured source, in the order of the configuration."""
    known = {state.id: state for state in states}
    silent, observed = silences or {}, seen or Seen()
    return [
        _view(source, known.get(source.id), silent.get(source.id), observed, now)
        for source in sources
    ]


def coverage(
    intervals: Sequence[Interval], every: timedelta, now: datetime
) -> tuple[float | None, float | None, list[Interval]]:
    """The shares of the last day and week, and the gaps of the week. What is not due yet is no
    gap, nor is the time before the source was first read."""
    patience = 2 * every + _SLACK
    day = judged(intervals, Interval(now - DAY, now), patience)
    week = judged(intervals, Interval(now - WEEK, now), patience)
    return share(intervals, day), share(intervals, week), gaps(intervals, week)


def _view(
    source: SourceConfig,
    state: SourceState | None,
    silence: Silence | None,
    seen: Seen,
    now: datetime,
) -> SourceView:
    day, week, missed = coverage(seen.intervals.get(source.id, ()), source.every, now)
    observed = Coverage(
        _rounded(day, 4), _rounded(week, 4), tuple(Span(*gap) for gap in missed[-_MOST_GAPS:])
    )
    how = presented(source, state, silence, now) if state else None
    return SourceView(
        id=source.id,
        kind=source.kind,
        url=source.address,
        health=how.health if how else "new",
        reason=how.reason if how else None,
        since=how.since if how else None,
        last_success=state.last_success if state else None,
        last_entry=state.last_entry if state and state.last_success else None,
        failures=state.failures if state else 0,
        next_due=state.due_at if state else now,
        coverage=observed,
        usual_a_day=_rounded(seen.usual.get(source.id), 1),
        seen_a_day=seen.posts.get(source.id, 0) if day else None,
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
