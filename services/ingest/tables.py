"""The table of the ingest service. `migrations/` makes it; a test holds the two together.

One row per configured source. Times are whole microseconds since 1970, UTC.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

metadata: Final = MetaData()

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
