"""What a mention is in the store, and what becomes of it when the next event arrives.

Decided here, on values only: a repeat changes nothing, an older version never undoes a newer one,
what was deleted stays forgotten however late a copy of it arrives, and what a person said a mention
is holds whatever a classifier says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

import msgspec

from libs.common.events import ClassifiedMention, Label, MentionDeleted, to_json
from libs.common.query import columns, index_text
from services.query.correction import Mark, severity_of

StoredEvent: TypeAlias = ClassifiedMention | MentionDeleted

_DECODER: Final = msgspec.json.Decoder(ClassifiedMention)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_UNMARKED: Final[Mapping[str, Mark]] = {}


class _Labelled(msgspec.Struct):
    label: Label
    model: str


class _Judged(msgspec.Struct):
    classification: _Labelled


_JUDGED: Final = msgspec.json.Decoder(_Judged)


class Row(NamedTuple):
    """A row of `tables.mentions`. `seq` is 0 until the store has given it a number."""

    id: str
    seq: int
    watch: str
    source: str
    platform: str
    kind: str | None
    label: str | None
    lang: str | None
    severity: float | None
    reach: float | None
    rating: float | None
    author_key: str | None
    published_at: int
    collected_at: int
    deleted_at: int | None
    body: bytes | None


class Known(NamedTuple):
    """What the store has of an id already."""

    id: str
    seq: int
    collected_at: int
    deleted_at: int | None
    body: bytes | None


class Draft(NamedTuple):
    """An event with what it makes of itself, whatever is stored: its row and the words of the
    full-text index; None for a deletion. Most of the work, and the store need not be held for it.
    That a verdict came later is no part of the row: the same verdict again changes nothing.
    """

    event: StoredEvent
    row: Row | None
    words: str | None


class Change(NamedTuple):
    """A row to write. `words` is what the full-text index shall hold of it, None for nothing."""

    row: Row
    words: str | None
    before: Known | None


def mention_of(body: bytes) -> ClassifiedMention:
    """The mention that a stored body is."""
    return _DECODER.decode(body)


def said(body: bytes) -> tuple[Label, str]:
    """The classifier's label of the mention and who gave it, without reading the rest of it."""
    verdict = _JUDGED.decode(body).classification
    return verdict.label, verdict.model


def draft(event: StoredEvent) -> Draft:
    if isinstance(event, MentionDeleted):
        return Draft(event, None, None)
    mention = event
    if event.classification.reclassified:
        verdict = msgspec.structs.replace(event.classification, reclassified=False)
        mention = msgspec.structs.replace(event, classification=verdict)
    return Draft(event, row_of(mention), index_text(event))


def changes(
    known: Mapping[str, Known], drafts: Sequence[Draft], marks: Mapping[str, Mark] = _UNMARKED
) -> list[Change]:
    """What to write for a batch of events in order: each id once, in its last state.

    marks: what people said of these mentions.
    """
    rows: dict[str, Row] = {}
    words: dict[str, str | None] = {}
    for each in drafts:
        key = each.event.id
        row = successor(rows.get(key) or known.get(key), each)
        if row is not None:
            rows[key] = as_said(row, marks.get(key))
            words[key] = each.words
    return [Change(row, words[key], known.get(key)) for key, row in rows.items()]


def as_said(row: Row, mark: Mark | None) -> Row:
    """The row with the label and severity that a person gave the mention."""
    if mark is None or row.body is None:
        return row
    return row._replace(
        label=mark.label, severity=severity_of(mark.label, mark.severity, row.severity or 0.0)
    )


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds_: int) -> datetime:
    """The time that `microseconds` made a number of."""
    return _EPOCH + microseconds_ * _MICROSECOND


def row_of(mention: ClassifiedMention) -> Row:
    """The mention as a row; the columns hold what the query language compares."""
    values = columns(mention)
    return Row(
        mention.id,
        0,
        mention.watch,
        _storable(values.source),
        _storable(values.platform),
        values.kind,
        values.label,
        _storable(values.lang) if values.lang is not None else None,
        values.severity,
        values.reach,
        values.rating,
        mention.author.key if mention.author is not None else None,
        microseconds(mention.published_at),
        microseconds(mention.collected_at),
        None,
        to_json(mention),
    )


def _storable(text: str) -> str:
    """Without NUL, which PostgreSQL takes in no text, whoever put it on the log."""
    return text.replace("\0", "\ufffd")


def tombstone(deletion: MentionDeleted, known: Known | Row | None) -> Row:
    """What is kept of a deleted mention: that there was one, and until when it is forgotten."""
    deleted_at = microseconds(deletion.deleted_at)
    return Row(
        id=deletion.id,
        seq=0,
        watch=deletion.watch,
        source=deletion.source,
        platform=deletion.platform,
        kind=None,
        label=None,
        lang=None,
        severity=None,
        reach=None,
        rating=None,
        author_key=None,
        published_at=deleted_at,
        collected_at=max(deleted_at, known.collected_at) if known else deleted_at,
        deleted_at=deleted_at,
        body=None,
    )


def _is_version(known: Known | Row | None, event: ClassifiedMention) -> bool:
    """What is stored is this very version of the mention, and not deleted."""
    return (
        known is not None
        and known.deleted_at is None
        and known.collected_at == microseconds(event.collected_at)
    )


def successor(known: Known | Row | None, draft: Draft) -> Row | None:
    """The row that an event makes of what is known; None when it changes nothing.

    A deletion always holds, since the log keeps the order of a mention's events. A deleted mention
    comes back only when the source was seen to show it again after that. A later verdict is about
    one version of a mention: it holds for that, and brings back nothing that is gone since.
    """
    event, made, _ = draft
    if isinstance(event, MentionDeleted):
        row = tombstone(event, known)
        repeated = (
            known is not None
            and known.deleted_at is not None
            and known.collected_at >= row.collected_at
        )
        return None if repeated else row
    if event.classification.reclassified and not _is_version(known, event):
        return None
    if known is None or made is None:
        return made
    if known.deleted_at is not None:
        return made if made.collected_at > known.collected_at else None
    if made.collected_at < known.collected_at or made.body == known.body:
        return None
    return made
