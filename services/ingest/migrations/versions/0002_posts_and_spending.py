"""What was published of each source, and what was spent on it."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE ingest_posts ("
        "source TEXT NOT NULL, native_id TEXT NOT NULL, platform TEXT NOT NULL,"
        " watches TEXT NOT NULL, collected_at BIGINT NOT NULL, checked_at BIGINT NOT NULL,"
        " PRIMARY KEY (source, native_id))"
    )
    op.execute("CREATE INDEX ingest_posts_checked ON ingest_posts (source, checked_at)")
    op.execute(
        "CREATE TABLE ingest_spending ("
        "source TEXT NOT NULL, month TEXT NOT NULL, reads BIGINT NOT NULL,"
        " money DOUBLE PRECISION NOT NULL, PRIMARY KEY (source, month))"
    )
