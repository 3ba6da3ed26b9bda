"""What was observed of each source, and which bad states were told."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE ingest_hours ("
        "source TEXT NOT NULL, hour BIGINT NOT NULL, posts INTEGER NOT NULL,"
        " control_seen INTEGER NOT NULL, observed_seconds INTEGER NOT NULL,"
        " PRIMARY KEY (source, hour))"
    )
    op.execute(
        "CREATE TABLE ingest_coverage ("
        "source TEXT NOT NULL, from_at BIGINT NOT NULL, to_at BIGINT NOT NULL,"
        " PRIMARY KEY (source, from_at))"
    )
    op.execute(
        "CREATE TABLE ingest_reported ("
        "source TEXT PRIMARY KEY, health TEXT NOT NULL, since BIGINT NOT NULL)"
    )
