"""Incidents, their events and evidence, and the outbox of pages."""

import sqlalchemy as sa
from alembic import op

revision = "alert_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("watch", sa.Text, nullable=False),
        sa.Column("theme", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
    )
    unresolved = sa.text("state <> 'resolved'")
    op.create_index(
        "incidents_one_unresolved",
        "incidents",
        ["watch", "theme"],
        unique=True,
        sqlite_where=unresolved,
        postgresql_where=unresolved,
    )
    op.create_index("incidents_newest", "incidents", ["opened_at", "id"])
    op.create_table(
        "incident_events",
        sa.Column("incident", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
    )
    unpublished = sa.text("NOT published")
    op.create_index(
        "incident_events_unpublished",
        "incident_events",
        ["incident", "seq"],
        sqlite_where=unpublished,
        postgresql_where=unpublished,
    )
    op.create_table(
        "incident_signals",
        sa.Column("mention", sa.Text, primary_key=True),
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("incident", sa.Text, nullable=False),
    )
    op.create_table(
        "incident_evidence",
        sa.Column("incident", sa.Text, primary_key=True),
        sa.Column("mention", sa.Text, primary_key=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("author", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("severity", sa.Float, nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
    )
    op.create_index("incident_evidence_mention", "incident_evidence", ["mention"])
    op.create_table(
        "incident_pages",
        sa.Column("page", sa.Text, primary_key=True),
        sa.Column("incident", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("payload", sa.Text),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease", sa.Text),
        sa.Column("ended_at", moment),
        sa.Column("reason", sa.Text),
    )
    pending = sa.text("state = 'pending'")
    op.create_index(
        "incident_pages_due",
        "incident_pages",
        ["channel", "due_at"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_index("incident_pages_incident", "incident_pages", ["incident"])
    op.create_table(
        "incident_commands",
        sa.Column("incident", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
    )
    op.create_table(
        "incident_leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", moment, nullable=False),
    )
