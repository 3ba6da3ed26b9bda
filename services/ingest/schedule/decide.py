"""When a source is read next, and how it is: decided from values, time and chance included."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from libs.common.retry import full_jitter
from services.ingest.failure import CollectionFailed, Health
from services.ingest.post import Page

LONGEST_BACK_OFF: Final = timedelta(hours=1)
STREAM_APART: Final = timedelta(seconds=5)
"""So soon after it was begun a stream is begun again at the earliest: what breaks at its first
word each time is asked a few times a minute, not all the time."""
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
    """A source that nobody reads now, when it is due, and what is read of it: another copy may
    have another configuration."""

    id: str
    due_at: datetime
    place: str


def configured(source_id: str, place: str, now: datetime) -> SourceState:
    """A source that was never read: due at once."""
    return SourceState(id=source_id, place=place, due_at=now, since=now, last_entry=now)


def after_page(
    state: SourceState, page: Page, pace: Pace, now: datetime, random: Callable[[], float]
) -> SourceState:
    """The state after a good page; next due after the longer of both intervals, or, when there is
    more to read, as soon as the source allows. Only with its last page has it been read."""
    read = replace(state, cursor=page.cursor, failures=0, last_entry=_newest(state, page, now))
    if page.more:
        read = replace(read, due_at=now + (page.next_in or timedelta()))
    else:
        interval = max(pace.every, page.next_in or timedelta())
        due_at = now + interval * (1 + _SPREAD * random())
        read = replace(read, due_at=due_at, last_success=now)
    return _with_health(read, page.health, None, now)


def while_heard(state: SourceState, now: datetime) -> SourceState:
    """The state of a stream that is alive. It is due all the time: only its claim keeps other
    copies away, so that one of them hears it as soon as the claim has ended."""
    return replace(state, due_at=now)


def begun_apart(state: SourceState, begun: datetime, now: datetime) -> SourceState:
    """The state after a stream that was begun then: not due too soon after that."""
    if state.due_at is None:
        return state
    # A clock that was set back makes nothing wait for longer than that.
    rest = min(STREAM_APART, STREAM_APART - (now - begun))
    return replace(state, due_at=max(state.due_at, now + rest))


def after_failure(
    state: SourceState,
    failure: CollectionFailed,
    pace: Pace,
    now: datetime,
    random: Callable[[], float],
) -> SourceState:
    """The state after a failed reading: never sooner again than the server asked, and never when
    the source is gone.

    Else after the wait that the platform prescribes for this kind of failure, or ours: back-off
    with full jitter on top of the interval. Refused credentials are tried once an hour at most.
    """
    if failure.back_off is not None:
        alike = _kind(state.health, state.reason) == _kind(failure.health, _told(failure))
        least = failure.back_off.wait(state.failures if alike else 0)
        attempt, base = 0, least * _SPREAD
    else:
        least = LONGEST_BACK_OFF if failure.health == "auth_failed" else pace.every
        attempt, base = state.failures, pace.every
    asked = failure.not_before - now if failure.not_before is not None else timedelta()
    wait = full_jitter(
        attempt,
        base=base.total_seconds(),
        cap=LONGEST_BACK_OFF.total_seconds(),
        random=random,
        at_least=max(asked, least).total_seconds(),
    )
    failed = replace(
        state,
        due_at=None if failure.health == "gone" else now + timedelta(seconds=wait),
        failures=state.failures + 1,
    )
    return _with_health(failed, failure.health, _told(failure), now)


def _newest(state: SourceState, page: Page, now: datetime) -> datetime:
    """The newest post's time. A date in the future would hide that a source fell silent."""
    times = (min(post.published_at or now, now) for post in page.posts)
    return max([state.last_entry, *times])


def _told(failure: CollectionFailed) -> str:
    return f"{failure.reason}: {failure}"


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

    hosts: the host of each configured source. busy: hosts that are being read, or want to be left
    alone for now.
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
    if health in ("ok", "unchanged"):
        return "ok", ""
    return health, (reason or "").partition(":")[0]
