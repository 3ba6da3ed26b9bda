"""The state of the sources."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE ingest_sources ("
        "id TEXT PRIMARY KEY, place TEXT NOT NULL, cursor TEXT, due_at BIGINT,"
        " failures INTEGER NOT NULL, health TEXT NOT NULL, reason TEXT, since BIGINT NOT NULL,"
        " last_success BIGINT, last_entry BIGINT NOT NULL, claimed_until BIGINT, claimed_by TEXT)"
    )
    op.execute("CREATE INDEX ingest_sources_due ON ingest_sources (due_at)")
