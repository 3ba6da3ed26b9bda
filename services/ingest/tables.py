"""The tables of the ingest service. `migrations/` makes them; a test holds the two together.

Times are whole microseconds since 1970, UTC.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, Table, Text

metadata: Final = MetaData()

# One row per configured source.
sources: Final = Table(
    "ingest_sources",
    metadata,
    Column("id", Text, primary_key=True),
    # What is read: when this changes, everything else starts anew.
    Column("place", Text, nullable=False),
    Column("cursor", Text),
    # When it is read next; null when never again.
    Column("due_at", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("health", Text, nullable=False),
    Column("reason", Text),
    # Since when health and reason are what they are.
    Column("since", BigInteger, nullable=False),
    Column("last_success", BigInteger),
    # The newest post's time; at first the time the source was configured.
    Column("last_entry", BigInteger, nullable=False),
    # One copy reads it until then; after that, any copy may.
    Column("claimed_until", BigInteger),
    Column("claimed_by", Text),
)

# One row per post of a source that was published, for as long as a deletion may come.
posts: Final = Table(
    "ingest_posts",
    metadata,
    Column("source", Text, primary_key=True),
    Column("native_id", Text, primary_key=True),
    Column("platform", Text, nullable=False),
    # The ids of its watches, as a JSON array.
    Column("watches", Text, nullable=False),
    Column("collected_at", BigInteger, nullable=False),
    # When the platform was last asked whether it still shows it.
    Column("checked_at", BigInteger, nullable=False),
    Index("ingest_posts_checked", "source", "checked_at"),
)

# What a platform counted against the budget of a source, per calendar month in UTC.
spending: Final = Table(
    "ingest_spending",
    metadata,
    Column("source", Text, primary_key=True),
    # As 2026-11.
    Column("month", Text, primary_key=True),
    Column("reads", BigInteger, nullable=False),
    Column("money", Double, nullable=False),
)

# What was read of a source in an hour, whether a watch wants it or not. Only observed time counts.
hours: Final = Table(
    "ingest_hours",
    metadata,
    Column("source", Text, primary_key=True),
    # The hour's beginning.
    Column("hour", BigInteger, primary_key=True),
    Column("posts", Integer, nullable=False),
    # Pages of that hour with the source's control term.
    Column("control_seen", Integer, nullable=False),
    Column("observed_seconds", Integer, nullable=False),
)

# The times in which each source was really observed; what follows at once is one row. A row of
# length zero is where observing began anew.
coverage: Final = Table(
    "ingest_coverage",
    metadata,
    Column("source", Text, primary_key=True),
    Column("from_at", BigInteger, primary_key=True),
    Column("to_at", BigInteger, nullable=False),
)

# The sources that people on call for operations were told of, until their recovery was told too.
reported: Final = Table(
    "ingest_reported",
    metadata,
    Column("source", Text, primary_key=True),
    Column("health", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
)

# One row per subscription at a hub.
subscriptions: Final = Table(
    "ingest_subscriptions",
    metadata,
    # Stands in the address that the hub delivers to; nobody else knows it.
    Column("key", Text, primary_key=True),
    Column("source", Text, nullable=False),
    # Deliveries are signed with it.
    Column("secret", Text, nullable=False),
    # Empty when the feed names no hub.
    Column("hub", Text, nullable=False),
    Column("topic", Text, nullable=False),
    # 0: it is to end, or has ended.
    Column("wanted", BigInteger, nullable=False),
    # When the hub is asked again.
    Column("ask_at", BigInteger, nullable=False),
    # How often it was asked without being confirmed since.
    Column("failures", BigInteger, nullable=False),
    # Until when the hub delivers; null while it has not confirmed.
    Column("lease_until", BigInteger),
    Index("ingest_subscriptions_source", "source"),
)
