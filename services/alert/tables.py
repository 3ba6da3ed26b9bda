"""The tables of the alert service. `incident_events` is the truth; `incidents` its sum.

Incidents of one watch and theme that are not resolved: at most one, by a partial unique index.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)


class Moment(TypeDecorator[datetime]):
    """An aware datetime; SQLite keeps it as UTC without saying so."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        at = value.astimezone(UTC)
        return at.replace(tzinfo=None) if dialect.name == "sqlite" else at

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


metadata = MetaData()

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("watch", Text, nullable=False),
    Column("theme", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("folded", Text, nullable=False),
    Column("gist", Text),
)
"""folded: the `Incident` as JSON, always what the events add up to. gist: what its mentions
say, a `Gist` as JSON, as of the last that joined."""

events = Table(
    "incident_events",
    metadata,
    Column("incident", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("published", Boolean, nullable=False),
)
"""body: the event as JSON; published: on the log already. Whoever loses the race for
(incident, seq) decides again."""

signals = Table(
    "incident_signals",
    metadata,
    Column("mention", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("incident", Text, nullable=False),
)
"""Every signal ever counted: a repeat changes nothing, also after the incident's end."""

evidence = Table(
    "incident_evidence",
    metadata,
    Column("incident", Text, primary_key=True),
    Column("mention", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("published_at", Moment, nullable=False),
    Column("author", Text),
    Column("source", Text, nullable=False),
    Column("severity", Float, nullable=False),
    Column("snapshot", Text, nullable=False),
)
"""snapshot: the mention as people see it, a `Quote` as JSON; its text goes when the post goes."""

voices = Table(
    "incident_voices",
    metadata,
    Column("watch", Text, primary_key=True),
    Column("mention", Text, primary_key=True),
    Column("theme", Text, nullable=False),
    Column("cluster", Text),
    Column("at", Moment, nullable=False),
    Column("published_at", Moment, nullable=False),
    Column("author", Text),
    Column("source", Text, nullable=False),
    Column("severity", Float, nullable=False),
    Column("snapshot", Text, nullable=False),
)
"""Critical voices of stories, whether or not an incident comes of them: when one opens, those of
its story become its evidence. cluster: of which text they are copies."""

watch_states = Table(
    "watch_states",
    metadata,
    Column("watch", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("form", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
"""What the detectors know of a watch, written in the transaction of the signals it led to. version:
how often it was written; whoever finds another one reads it anew. form: of the bytes."""

pages = Table(
    "incident_pages",
    metadata,
    Column("page", Text, primary_key=True),
    Column("incident", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("payload", Text),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease", Text),
    Column("ended_at", Moment),
    Column("reason", Text),
)
"""The outbox. payload: the `Page` as JSON, until it is delivered or has failed. A claimed page
has a lease (who) and a due_at in the future (until when)."""

commands = Table(
    "incident_commands",
    metadata,
    Column("incident", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("at", Moment, nullable=False),
)
"""Commands that came with an Idempotency-Key."""

leases = Table(
    "incident_leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Moment, nullable=False),
)
"""Who alone does something for a while."""
