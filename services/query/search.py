"""Finding mentions by a query, page by page.

The database narrows, and each candidate is decided exactly on its body. One call does a bounded
amount of work: it walks over so many mentions, and decides on so many. When that is not enough to
fill the page, the page comes short, with the position to go on from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, NamedTuple, TypeVar, cast

import msgspec
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    func,
    literal_column,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.query import Query, matches, narrow
from libs.common.query.ast import Everything
from services.query.conditions import Dialect, has_words, narrowed
from services.query.correction import shown_body, shown_of
from services.query.corrections import MARK, mark_of
from services.query.tables import label_corrections, mentions

S = TypeVar("S", bound=Select[Any])
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much work one page may cost.

    candidates: mentions decided on by their bodies.
    chunk: of these read at once.
    walked: mentions passed on the way along the time while the database compares their columns.
    rare: on SQLite, words in at most so many mentions are looked up first and sorted; more frequent
    ones are met soon enough on the way along the time, and to list all would cost more.
    """

    candidates: int = 20_000
    chunk: int = 500
    walked: int = 100_000
    rare: int = 2_000


USUAL: Final = Bounds()
SLICE_SECONDS: Final = 0.005
"""So long candidates are decided on before others get their turn."""


class Position(NamedTuple):
    """A place in the order by time: after the mention with this time and id."""

    published_at: int
    id: str


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; newest first unless told otherwise."""

    query: Query
    watch: str | None = None
    limit: int = 50
    after: Position | None = None
    newest_first: bool = True


class Page(NamedTuple):
    """Bodies in order, and where the next page begins; None when there is nothing more."""

    bodies: list[bytes]
    after: Position | None


async def fairly(rows: Iterable[T]) -> AsyncIterator[T]:
    """The rows; between them others get their turn every few milliseconds."""
    begun = monotonic()
    for row in rows:
        yield row
        if monotonic() - begun > SLICE_SECONDS:
            await asyncio.sleep(0)
            begun = monotonic()


async def find_page(connection: AsyncConnection, search: Search, bounds: Bounds) -> Page:
    """One page of what matches."""
    candidates = await _candidates(connection, search, bounds)
    everything = isinstance(search.query, Everything)
    size = search.limit + 1 if everything else bounds.chunk
    bodies: list[bytes] = []
    after, looked_at = search.after, 0
    while looked_at < bounds.candidates:
        chunk = await _read(connection, candidates, search, after, size)
        async for published_at, mention_id, body in fairly(chunk):
            if len(bodies) == search.limit:
                return Page(bodies, after)
            after = Position(published_at, mention_id)
            if everything or matches(search.query, shown_of(body)):
                bodies.append(body)
        if len(chunk) < size:
            return Page(bodies, candidates.until)
        looked_at += len(chunk)
    return Page(bodies, after)


class _Candidates(NamedTuple):
    """Which mentions to look at.

    sorts: they are few, so they are sorted instead of met along the time.
    until: the last place to walk to; None for the end.
    """

    condition: ColumnElement[bool]
    sorts: bool = False
    until: Position | None = None


async def _candidates(connection: AsyncConnection, search: Search, bounds: Bounds) -> _Candidates:
    dialect = cast(Dialect, connection.dialect.name)
    words, rest = narrowed(narrow(search.query), dialect)
    among: ColumnElement[bool] = mentions.c.deleted_at.is_(None)
    if search.watch is not None:
        among = and_(among, mentions.c.watch == search.watch)
    if words is not None and dialect == "postgresql":
        # Its planner knows how frequent the words are, and goes by them or along the time.
        return _Candidates(and_(among, rest, has_words(words, dialect)))
    if words is not None:
        rare = await _rare(connection, words, bounds.rare)
        if rare is not None:
            return _Candidates(and_(among, rest, _numbered(rare)), sorts=True)
    if rest.compare(true()):
        return _Candidates(among)
    until = await _boundary(connection, search, among, bounds.walked)
    return _Candidates(and_(among, rest), until=until)


async def _rare(connection: AsyncConnection, words: str, most: int) -> list[int] | None:
    """The numbers of all mentions with these words; None when they are more than `most`."""
    found = await connection.execute(
        text("SELECT rowid FROM mention_words WHERE mention_words MATCH :words LIMIT :most"),
        {"words": words, "most": most + 1},
    )
    numbers = list(found.scalars())
    return numbers if len(numbers) <= most else None


def _numbered(numbers: list[int]) -> ColumnElement[bool]:
    listed = func.json_each(msgspec.json.encode(numbers).decode())
    return mentions.c.seq.in_(select(literal_column("value", Integer)).select_from(listed))


async def _boundary(
    connection: AsyncConnection, search: Search, condition: ColumnElement[bool], walked: int
) -> Position | None:
    """The place that so many mentions lie before; None when there are fewer. Reads an index."""
    statement = select(mentions.c.published_at, mentions.c.id).where(condition)
    ordered = _ordered(statement, search.newest_first, search.after, mentions.c.published_at)
    row = (await connection.execute(ordered.offset(walked).limit(1))).one_or_none()
    return None if row is None else Position(row.published_at, row.id)


async def _read(
    connection: AsyncConnection,
    candidates: _Candidates,
    search: Search,
    after: Position | None,
    size: int,
) -> Sequence[tuple[int, str, bytes]]:
    statement = (
        select(mentions.c.published_at, mentions.c.id, mentions.c.body, *MARK)
        .join_from(
            mentions, label_corrections, label_corrections.c.mention == mentions.c.id, isouter=True
        )
        .where(candidates.condition)
    )
    time: ColumnElement[int] = mentions.c.published_at
    if candidates.sorts:
        # In SQLite a plus keeps the planner from walking the index of that column.
        time = literal_column("+mentions.published_at", mentions.c.published_at.type)
    if candidates.until is not None:
        place, until = tuple_(time, mentions.c.id), tuple(candidates.until)
        statement = statement.where(place >= until if search.newest_first else place <= until)
    statement = _ordered(statement, search.newest_first, after, time)
    found = await connection.execute(statement.limit(size))
    return [
        (published_at, mention_id, shown_body(body, mark_of(*marked)))
        for published_at, mention_id, body, *marked in found
    ]


def _ordered(
    statement: S,
    newest_first: bool,
    after: Position | None,
    time: ColumnElement[int],
) -> S:
    """The statement's rows after a place, in order."""
    place = tuple_(time, mentions.c.id)
    if newest_first:
        statement = statement.order_by(time.desc(), mentions.c.id.desc())
        return statement if after is None else statement.where(place < tuple(after))
    statement = statement.order_by(time, mentions.c.id)
    return statement if after is None else statement.where(place > tuple(after))
