"""The tables of the query service. `migrations/` makes them; a test holds the two together.

One row per mention id. Times are whole microseconds since 1970, UTC, so that both databases
store, compare and page by the same numbers. `body` is the event as JSON, as the API answers it.
A deleted mention stays as a tombstone: its id and `deleted_at`, and nothing of what was said.

The full-text index holds folded words only, since the query language does its own folding and
decides exactly on the body: on PostgreSQL the column `words` (tsvector), on SQLite the FTS5 table
`mention_words` (contentless, `detail=none`) whose rowid is `seq`.

What a person says a mention is stands in `label_corrections`, apart from `body`; `label` and
`severity` of the mention hold what it is found by, the person's where there is one.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, LargeBinary, MetaData, Table, Text

metadata: Final = MetaData()

mentions: Final = Table(
    "mentions",
    metadata,
    Column("id", Text, primary_key=True),
    # Order of arrival in this store. A new text gets a new number: the full-text index of SQLite
    # is keyed by it, and what is left there of an old text then leads nowhere.
    Column("seq", BigInteger, nullable=False),
    Column("watch", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("kind", Text),
    Column("label", Text),
    Column("lang", Text),
    Column("severity", Float),
    Column("reach", Float),
    # Stars on the scale to five, so that 4/5 and 8/10 compare.
    Column("rating", Float),
    Column("author_key", Text),
    Column("published_at", BigInteger, nullable=False),
    # Of a tombstone: what was collected up to this time stays forgotten.
    Column("collected_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Column("body", LargeBinary),
)

label_corrections: Final = Table(
    "label_corrections",
    metadata,
    Column("mention", Text, primary_key=True),
    Column("label", Text, nullable=False),
    # As said; null leaves it to the classifier.
    Column("severity", Float),
    Column("theme", Text),
    # A JSON list. Gone with the mention's text, as is the note.
    Column("cues", Text, nullable=False),
    Column("note", Text),
    Column("said_by", Text, nullable=False),
    Column("said_at", BigInteger, nullable=False),
    # Of the title and text that the person looked at; empty after a deletion.
    Column("text_hash", Text, nullable=False),
)

COLUMNS: Final = tuple(column.name for column in mentions.columns)
"""In the order of `rows.Row`."""
