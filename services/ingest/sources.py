"""How the sources are, for people and programs that look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.ingest.collector import Health, SourceConfig
from services.ingest.schedule import Pace, SourceState, present_health


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


def views(
    sources: Sequence[SourceConfig], states: Sequence[SourceState], now: datetime
) -> list[SourceView]:
    """Every configured source, in the order of the configuration."""
    known = {state.id: state for state in states}
    return [_view(source, known.get(source.id), now) for source in sources]


def _view(source: SourceConfig, state: SourceState | None, now: datetime) -> SourceView:
    if state is None:
        return SourceView(
            source.id, source.kind, source.address, "new", None, None, None, None, 0, now
        )
    pace = Pace(source.every, source.quiet_after)
    health, reason, since = present_health(state, pace, now)
    return SourceView(
        id=source.id,
        kind=source.kind,
        url=source.address,
        health=health,
        reason=reason,
        since=since,
        last_success=state.last_success,
        last_entry=state.last_entry if state.last_success else None,
        failures=state.failures,
        next_due=state.due_at,
    )
