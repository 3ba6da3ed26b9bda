"""What detectors remember, the critical voices of stories, and what they say."""

import sqlalchemy as sa
from alembic import op

revision = "alert_0002"
down_revision = "alert_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "watch_states",
        sa.Column("watch", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("form", sa.Integer, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "incident_voices",
        sa.Column("watch", sa.Text, primary_key=True),
        sa.Column("mention", sa.Text, primary_key=True),
        sa.Column("theme", sa.Text, nullable=False),
        sa.Column("cluster", sa.Text),
        sa.Column("at", moment, nullable=False),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("author", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("severity", sa.Float, nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
    )
    op.add_column("incidents", sa.Column("gist", sa.Text))
    op.create_index("incident_voices_story", "incident_voices", ["watch", "theme"])
    op.create_index("incident_voices_mention", "incident_voices", ["mention"])
    op.create_index("incident_voices_at", "incident_voices", ["at"])
    op.create_index("incident_voices_cluster", "incident_voices", ["watch", "cluster"])
