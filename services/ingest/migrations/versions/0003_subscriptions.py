"""What hubs were asked to deliver."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE ingest_subscriptions ("
        "key TEXT PRIMARY KEY, source TEXT NOT NULL, secret TEXT NOT NULL, hub TEXT NOT NULL,"
        " topic TEXT NOT NULL, wanted BIGINT NOT NULL, ask_at BIGINT NOT NULL,"
        " failures BIGINT NOT NULL, lease_until BIGINT)"
    )
    op.execute("CREATE INDEX ingest_subscriptions_source ON ingest_subscriptions (source)")
