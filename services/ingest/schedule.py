"""When a source is read next, and how it is: decided from values, time and chance included."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from libs.common.retry import full_jitter
from services.ingest.collector import CollectionFailed, Health, Page

LONGEST_BACK_OFF: Final = timedelta(hours=1)
_SPREAD: Final = 0.05
"""Share of the interval that is added at random, so that sources do not fall into step."""
_WELL: Final[frozenset[Health]] = frozenset(("new", "ok", "unchanged", "empty"))


@dataclass(frozen=True, slots=True)
class Pace:
    """What the configuration says about a source's times."""

    every: timedelta
    quiet_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the store knows of a source; all times in UTC.

    due_at: None when it is never read again. since: when health and reason became what they are.
    last_entry: time of its newest post, at first the time it was configured.
    """

    id: str
    place: str
    due_at: datetime | None
    since: datetime
    last_entry: datetime
    cursor: str | None = None
    failures: int = 0
    health: Health = "new"
    reason: str | None = None
    last_success: datetime | None = None


class Waiting(NamedTuple):
    """A source that nobody reads now, and when it is due."""

    id: str
    due_at: datetime


def configured(source_id: str, place: str, now: datetime) -> SourceState:
    """A source that was never read: due at once."""
    return SourceState(id=source_id, place=place, due_at=now, since=now, last_entry=now)


def after_page(
    state: SourceState, page: Page, pace: Pace, now: datetime, random: Callable[[], float]
) -> SourceState:
    """The state after a good reading; next due after the longer of both intervals."""
    interval = max(pace.every, page.next_in or timedelta())
    newest = max((post.published_at or now for post in page.posts), default=state.last_entry)
    read = replace(
        state,
        cursor=page.cursor,
        due_at=now + interval * (1 + _SPREAD * random()),
        failures=0,
        last_success=now,
        last_entry=max(state.last_entry, newest),
    )
    return _with_health(read, page.health, None, now)


def after_failure(
    state: SourceState,
    failure: CollectionFailed,
    pace: Pace,
    now: datetime,
    random: Callable[[], float],
) -> SourceState:
    """The state after a failed reading: back-off with full jitter on top of the interval, never
    sooner than the server asked, and never again when the source is gone."""
    asked = failure.not_before - now if failure.not_before is not None else timedelta()
    wait = full_jitter(
        state.failures,
        base=pace.every.total_seconds(),
        cap=LONGEST_BACK_OFF.total_seconds(),
        random=random,
        at_least=max(asked, pace.every).total_seconds(),
    )
    failed = replace(
        state,
        due_at=None if failure.health == "gone" else now + timedelta(seconds=wait),
        failures=state.failures + 1,
    )
    return _with_health(failed, failure.health, f"{failure.reason}: {failure}", now)


def present_health(
    state: SourceState, pace: Pace, now: datetime
) -> tuple[Health, str | None, datetime]:
    """Health, reason and since when: as stored, unless the source has been silent for too long."""
    if pace.quiet_after is not None and state.health in _WELL:
        silent_since = state.last_entry + pace.quiet_after
        if now > silent_since:
            return "silent", f"nothing new since {state.last_entry.isoformat()}", silent_since
    return state.health, state.reason, state.since


def is_well(health: Health) -> bool:
    return health in _WELL


def due(
    sources: Sequence[Waiting],
    hosts: Mapping[str, str],
    busy: Collection[str],
    free: int,
    now: datetime,
) -> list[str]:
    """The ids to read now: the most overdue first, at most `free`, never two of one host.

    hosts: the host of each configured source. busy: hosts that are being read.
    """
    taken = set(busy)
    chosen: list[str] = []
    overdue = [source for source in sources if source.due_at <= now]
    for source in sorted(overdue, key=lambda source: (source.due_at, source.id)):
        host = hosts.get(source.id)
        if len(chosen) >= free:
            break
        if host is None or host in taken:
            continue
        taken.add(host)
        chosen.append(source.id)
    return chosen


def _with_health(
    state: SourceState, health: Health, reason: str | None, now: datetime
) -> SourceState:
    """Posts come and do not come: `ok` and `unchanged` are one state as to since when. So are two
    failures of one kind, whatever else their reasons say."""
    goes_on = _kind(state.health, state.reason) == _kind(health, reason)
    return replace(state, health=health, reason=reason, since=state.since if goes_on else now)


def _kind(health: Health, reason: str | None) -> tuple[str, str]:
    return "ok" if health == "unchanged" else health, (reason or "").partition(":")[0]
