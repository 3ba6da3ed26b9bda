"""Which changes of a source's health the people on call for operations are told, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from libs.common.events import SourceHealthChanged
from services.ingest.collector import SourceConfig
from services.ingest.failure import Health
from services.ingest.health.silence import Silence
from services.ingest.schedule.decide import Pace, SourceState, is_well, present_health

AT_ONCE: Final[frozenset[Health]] = frozenset(("auth_failed", "over_budget", "gone"))
"""What does not go away by itself."""
_OFTEN: Final = 3
"""After so many failures in a row it is no matter whether they were all of one kind."""


class Presented(NamedTuple):
    """How a source is, silence considered. since: when it became so."""

    source: str
    kind: str
    health: Health
    reason: str | None
    since: datetime
    last_success: datetime | None
    failures: int


class Reported(NamedTuple):
    """What was told last of a source that is not well."""

    health: str
    since: datetime


def presented(
    source: SourceConfig, state: SourceState, silence: Silence | None, now: datetime
) -> Presented:
    """The stored health, unless the source is well to read and yet silent."""
    health, reason, since = present_health(state, Pace(source.every, source.quiet_after), now)
    if silence is not None and is_well(health):
        health, reason, since = "silent", silence.reason, silence.since
    return Presented(
        source.id, source.kind, health, reason, since, state.last_success, state.failures
    )


def due_reports(
    states: Sequence[Presented],
    reported: Mapping[str, Reported],
    now: datetime,
    grace: timedelta,
) -> list[SourceHealthChanged]:
    """What is to be told now: bad states that lasted, and recoveries that lasted.

    What cannot go away by itself is told at once. A source that comes and goes is told once: only
    when it was well for the grace period is its next bad state news. A source that was told bad
    and is not configured any more is told well.
    """
    events = [
        _event(state, now)
        for state in states
        if _is_due(state, reported.get(state.source), now, grace)
    ]
    configured = {state.source for state in states}
    return events + [
        SourceHealthChanged(
            source=source,
            at=now,
            health="ok",
            reason="it is not configured any more",
            well=True,
            since=now,
        )
        for source in sorted(reported.keys() - configured)
    ]


def _is_due(state: Presented, told: Reported | None, now: datetime, grace: timedelta) -> bool:
    lasts = now - state.since >= grace
    if is_well(state.health):
        return told is not None and lasts
    if told is not None:
        return told.health != state.health and lasts
    return lasts or state.health in AT_ONCE or _fails_one_way_or_another(state, now, grace)


def _fails_one_way_or_another(state: Presented, now: datetime, grace: timedelta) -> bool:
    well_at = state.last_success
    return state.failures >= _OFTEN and (well_at is None or now - well_at >= grace)


def _event(state: Presented, now: datetime) -> SourceHealthChanged:
    return SourceHealthChanged(
        source=state.source,
        kind=state.kind,
        at=now,
        health=state.health,
        reason=state.reason,
        well=is_well(state.health),
        since=state.since,
    )
