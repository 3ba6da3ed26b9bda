"""What people say mentions are, in the store: kept, taken back, looked up and read out in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime
from typing import Final, NamedTuple, cast

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.db import reading, writing
from libs.common.events import ClassifiedMention, Label
from libs.common.taxonomy import Theme
from services.query.correction import (
    Correction,
    Mark,
    missing_cues,
    shown_body,
    text_hash,
)
from services.query.rows import as_said, mention_of, microseconds, moment, row_of
from services.query.tables import label_corrections as said
from services.query.tables import mentions

MARK: Final = (said.c.label, said.c.severity, said.c.said_by, said.c.said_at)
"""The columns that `mark_of` takes."""
CORRECTION: Final = (*MARK, said.c.theme, said.c.cues, said.c.note)
"""The columns that `correction_of` takes."""
EVERY_FIELD: Final = frozenset(Correction._fields)
_CUES: Final = msgspec.json.Decoder(tuple[str, ...])


class Kept(NamedTuple):
    """A mention as it is shown now. changed: this call changed it."""

    body: bytes
    changed: bool

    @property
    def mention(self) -> ClassifiedMention:
        return mention_of(self.body)


class Gone(NamedTuple):
    """The source has deleted the mention."""


class NotInText(NamedTuple):
    """Cues that do not stand in the mention, by their positions."""

    cues: list[int]


class Corrected(NamedTuple):
    """A mention as the model judged it, and what a person said. edited: of another text."""

    mention: ClassifiedMention
    correction: Correction
    edited: bool = False


class Corrections:
    """What people say, in the store of this engine. Every method may raise Retryable.

    chunk: so many corrections are read out at once.
    """

    def __init__(self, engine: AsyncEngine, chunk: int = 500) -> None:
        self._engine = engine
        self._chunk = chunk

    async def put(
        self, mention: str, correction: Correction, sent: Collection[str] = EVERY_FIELD
    ) -> Kept | NotInText | Gone | None:
        """Keeps what a person says of this mention, in place of what was said before, as
        `Correction.keeping` has it; the same again of the same text changes nothing, its time
        included. None: there never was such a mention.

        sent: names of the fields that the person filled in.
        """
        async with writing(self._engine) as connection:
            body = await _held(connection, mention)
            if body is None or isinstance(body, Gone):
                return body
            found = mention_of(body)
            if missing := missing_cues(found, correction.cues):
                return NotInText(missing)
            before = await _said_before(connection, mention)
            if before is not None:
                earlier, of_text = before
                correction = correction.keeping(earlier, sent, found)
                is_same = earlier._replace(at=correction.at) == correction
                if is_same and of_text == text_hash(found):
                    return Kept(shown_body(body, earlier), changed=False)
            await connection.execute(delete(said).where(said.c.mention == mention))
            await connection.execute(insert(said).values(_row(found, correction)))
            await _find_by(connection, found, correction.mark)
        return Kept(shown_body(body, correction), changed=True)

    async def take_back(self, mention: str) -> Kept | Gone | None:
        """The classifier's word holds again. Nothing to take back changes nothing."""
        async with writing(self._engine) as connection:
            body = await _held(connection, mention)
            if body is None or isinstance(body, Gone):
                return body
            removed = await connection.execute(delete(said).where(said.c.mention == mention))
            if removed.rowcount:
                await _find_by(connection, mention_of(body), None)
        return Kept(body, changed=bool(removed.rowcount))

    async def since(
        self, start: datetime | None = None, watch: str | None = None
    ) -> AsyncIterator[Corrected]:
        """The corrections made from `start` on, in the order they were made, each with its
        mention. Holds a bounded part of them at a time; deleted mentions are left out."""
        after = (microseconds(start) if start is not None else 0, "")
        while True:
            async with reading(self._engine) as connection:
                chunk = await _made_after(connection, after, watch, self._chunk)
            for each in chunk:
                yield each
            if len(chunk) < self._chunk:
                return
            last = chunk[-1]
            after = (microseconds(last.correction.at), last.mention.id)


async def marks(connection: AsyncConnection, ids: Collection[str]) -> dict[str, Mark]:
    """What people said of these mentions, in the caller's transaction."""
    if not ids:
        return {}
    statement = select(said.c.mention, *MARK).where(said.c.mention.in_(ids))
    return {
        mention: mark
        for mention, *columns in await connection.execute(statement)
        if (mark := mark_of(*columns)) is not None
    }


async def shown_bodies(connection: AsyncConnection, ids: Collection[str]) -> Mapping[str, bytes]:
    """These mentions as they are shown, deleted ones left out, in the caller's transaction."""
    if not ids:
        return {}
    statement = (
        select(mentions.c.id, mentions.c.body, *MARK)
        .join_from(mentions, said, said.c.mention == mentions.c.id, isouter=True)
        .where(mentions.c.id.in_(ids), mentions.c.body.is_not(None))
    )
    return {
        mention: shown_body(body, mark_of(*marked))
        for mention, body, *marked in await connection.execute(statement)
    }


async def forget(connection: AsyncConnection, ids: Collection[str]) -> None:
    """Blanks what was quoted or written about mentions that are deleted. Should one be shown again,
    nobody knows whether its text is still the one that was meant."""
    await connection.execute(
        update(said).where(said.c.mention.in_(ids)).values(cues="[]", note=None, text_hash="")
    )


def mark_of(
    label: Label | None, severity: float | None, by: str | None, at: int | None
) -> Mark | None:
    """The mark in a row joined from the left; None where nobody said anything."""
    if label is None or by is None or at is None:
        return None
    return Mark(label, severity, by, moment(at))


def correction_of(
    label: Label | None,
    severity: float | None,
    by: str | None,
    at: int | None,
    theme: Theme | None,
    cues: str | None,
    note: str | None,
) -> Correction | None:
    """As `mark_of`, with all that was said."""
    if label is None or by is None or at is None:
        return None
    return Correction(label, severity, theme, _CUES.decode(cues or "[]"), note, by, moment(at))


async def _held(connection: AsyncConnection, mention: str) -> bytes | Gone | None:
    """The mention's body; until the transaction ends nobody else writes this mention."""
    found = await connection.execute(
        select(mentions.c.body).where(mentions.c.id == mention).with_for_update()
    )
    row = found.one_or_none()
    if row is None:
        return None
    return Gone() if row.body is None else cast(bytes, row.body)


async def _said_before(connection: AsyncConnection, mention: str) -> tuple[Correction, str] | None:
    """What was said before, and the hash of the text it was said of."""
    found = await connection.execute(
        select(said.c.text_hash, *CORRECTION).where(said.c.mention == mention)
    )
    row = found.one_or_none()
    if row is None:
        return None
    of_text, *columns = row
    correction = correction_of(*columns)
    return None if correction is None else (correction, of_text)


def _row(mention: ClassifiedMention, correction: Correction) -> dict[str, object]:
    return {
        "mention": mention.id,
        "label": correction.label,
        "severity": correction.severity,
        "theme": correction.theme,
        "cues": msgspec.json.encode(correction.cues).decode(),
        "note": correction.note,
        "said_by": correction.by,
        "said_at": microseconds(correction.at),
        "text_hash": text_hash(mention),
    }


async def _find_by(
    connection: AsyncConnection, mention: ClassifiedMention, mark: Mark | None
) -> None:
    """The mention is found by what the person says, or by the verdict."""
    row = as_said(row_of(mention), mark)
    await connection.execute(
        update(mentions)
        .where(mentions.c.id == mention.id)
        .values(label=row.label, severity=row.severity)
    )


async def _made_after(
    connection: AsyncConnection, after: tuple[int, str], watch: str | None, limit: int
) -> list[Corrected]:
    conditions: list[ColumnElement[bool]] = [
        tuple_(said.c.said_at, said.c.mention) > after,
        mentions.c.body.is_not(None),
    ]
    if watch is not None:
        conditions.append(mentions.c.watch == watch)
    found = await connection.execute(
        select(mentions.c.body, said.c.text_hash, *CORRECTION)
        .join_from(said, mentions, mentions.c.id == said.c.mention)
        .where(*conditions)
        .order_by(said.c.said_at, said.c.mention)
        .limit(limit)
    )
    made: list[Corrected] = []
    for body, of_text, *columns in found:
        mention, correction = mention_of(body), correction_of(*columns)
        if correction is not None:
            made.append(Corrected(mention, correction, of_text != text_hash(mention)))
    return made
