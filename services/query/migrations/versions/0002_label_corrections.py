"""What people say mentions are, apart from what the classifier says.

One row per corrected mention. A deletion blanks its text parts (`cues`, `note`,
`text_hash`); should a row of
`mentions` ever be removed for good, its correction goes with it.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE label_corrections (
    mention TEXT PRIMARY KEY REFERENCES mentions (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    severity {real},
    theme TEXT,
    cues TEXT NOT NULL,
    note TEXT,
    said_by TEXT NOT NULL,
    said_at BIGINT NOT NULL,
    text_hash TEXT NOT NULL
)
"""


def upgrade() -> None:
    postgresql = op.get_context().dialect.name == "postgresql"
    op.execute(_TABLE.format(real="DOUBLE PRECISION" if postgresql else "REAL"))
    op.execute("CREATE INDEX label_corrections_said ON label_corrections (said_at, mention)")
