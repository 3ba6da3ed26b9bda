"""Recent search: the posts of the last seven days, the newest first, a page a request.

https://docs.x.com/x-api/posts/search/introduction
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec

from services.ingest.budget import Spent
from services.ingest.collectors.x.access import Access
from services.ingest.collectors.x.ids import LARGEST, IdNumber, id_at, is_moment, time_of
from services.ingest.collectors.x.posts import PLATFORM, Found
from services.ingest.collectors.x.query import Wanted
from services.ingest.collectors.x.refusals import NOT_SHOWN, problems_in
from services.ingest.failure import Rejected
from services.ingest.post import Deletion, Page
from services.ingest.reading.memory import cursor_of, remembered

REACH: Final = timedelta(days=7)
"""How far back recent search sees."""
_WITHIN_REACH: Final = REACH - timedelta(hours=1)
"""Where to begin when the last reading is longer ago, so that a long sweep can end in time."""
_INDEX_LAG: Final = timedelta(minutes=10)
"""A search that found nothing need not look again further back than this."""
_SHORTEST: Final = timedelta(seconds=1)
"""X refuses to search within less: its times are whole seconds."""
_LOOKED_UP: Final = 100
"""Posts in one lookup."""


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far it was read.

    A sweep asks query by query. progress: for each query the id up to which everything was read;
    the id of a moment where nothing was found yet. asked: digest of the queries, since progress is
    worth nothing for others. query, token: where in the sweep the next page lies. newest: what the
    progress of this query will be at its end, from its first page.
    """

    progress: Annotated[list[IdNumber], msgspec.Meta(min_length=1)]
    asked: str = ""
    query: Annotated[int, msgspec.Meta(ge=0)] = 0
    token: str = ""
    newest: IdNumber = 0


class _Meta(msgspec.Struct, frozen=True):
    newest_id: str | None = None
    next_token: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw] | None = None
    includes: msgspec.Raw = msgspec.Raw(b"null")
    meta: _Meta | None = None


class Search:
    """Reads all posts that one of the queries finds. first_look: how far back a first reading
    goes."""

    def __init__(self, access: Access, wanted: Wanted, first_look: timedelta) -> None:
        self._access = access
        self._wanted = wanted
        self._first_look = first_look

    async def collect(self, cursor: str | None) -> Page:
        return await self.collect_before(cursor, None)

    async def collect_before(self, cursor: str | None, until: datetime | None) -> Page:
        """As `collect`, of what was written before `until`."""
        queries = self._wanted.queries()
        begun, complete = self._within_reach(self._continued(cursor, queries))
        if until is not None and until - time_of(begun.progress[begun.query]) < _SHORTEST:
            answer = _Answer()
        else:
            answer, begun, complete = await self._ask(queries, begun, until, complete=complete)
        found = self._access.found(answer.data or (), answer.includes)
        after = self._next(begun, found, answer.meta or _Meta(), until or self._access.clock())
        return Page(
            posts=found.posts,
            cursor=cursor_of(after),
            health="ok" if found.posts else "unchanged",
            more=_is_under_way(after),
            complete=complete,
            reads=found.cost.reads,
            money=found.cost.money,
        )

    def since(self, start: datetime) -> str:
        return cursor_of(Cursor([id_at(start)]))

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        gone: list[Deletion] = []
        for start in range(0, len(native_ids), _LOOKED_UP):
            asked = native_ids[start : start + _LOOKED_UP]
            reply = await self._access.api.get(self._access.url(""), {"ids": ",".join(asked)})
            reply.decode(_Answer)  # anything but an answer must not count as "all are shown"
            named = {
                problem.resource_id or problem.value
                for problem in problems_in(reply.body)
                if problem.name in NOT_SHOWN
            }
            gone += [Deletion(PLATFORM, each, reply.at) for each in asked if each in named]
        return gone

    def dearest_page(self) -> Spent:
        return self._access.asked.dearest_page()

    def looking_again(self, posts: int) -> Spent:
        return Spent(posts, posts * self._access.asked.prices.post)

    def _continued(self, cursor: str | None, queries: Sequence[str]) -> Cursor:
        """Where to go on, if these are the queries that it was about."""
        known, many = remembered(cursor, Cursor), len(queries)
        asked = hashlib.blake2b("\n".join(queries).encode(), digest_size=8).hexdigest()
        if known and known.asked == asked and len(known.progress) == many > known.query:
            return known
        start = id_at(self._access.clock() - self._first_look)
        return Cursor([min(known.progress) if known else start] * many, asked)

    def _within_reach(self, at: Cursor) -> tuple[Cursor, bool]:
        """Where search can begin; and whether that is where the last reading ended."""
        now = self._access.clock()
        if at.token or time_of(at.progress[at.query]) > now - REACH + timedelta(minutes=1):
            return at, True
        return _progressed(at, id_at(now - _WITHIN_REACH)), False

    async def _ask(
        self, queries: Sequence[str], at: Cursor, until: datetime | None, *, complete: bool
    ) -> tuple[_Answer, Cursor, bool]:
        """The answer; from where it was asked, and whether something may lie before that."""
        url = self._access.url("/search/recent")
        try:
            reply = await self._access.api.get(url, self._question(queries[at.query], at, until))
        except Rejected as refused:
            if "since_id" in str(refused):
                start = id_at(self._access.clock() - _WITHIN_REACH)
                at, complete = _progressed(at, start), False
            elif at.token and "token" in str(refused):
                at = msgspec.structs.replace(at, token="", newest=0)
            else:
                raise
            reply = await self._access.api.get(url, self._question(queries[at.query], at, until))
        return reply.decode(_Answer), at, complete

    def _question(self, query: str, at: Cursor, until: datetime | None) -> dict[str, str | int]:
        """X takes ids or times as the bounds of a search, not both."""
        begin = at.progress[at.query]
        asked: dict[str, str | int] = {
            "query": query,
            "max_results": self._access.asked.per_page,
            **self._access.asked.fields(),
        }
        if is_moment(begin):
            asked["start_time"] = _as_time(time_of(begin))
            if until is not None:
                asked["end_time"] = _as_time(until)
        else:
            asked["since_id"] = str(begin)
            if until is not None:
                asked["until_id"] = str(id_at(until))
        if at.token:
            asked["next_token"] = at.token
        return asked

    def _next(self, at: Cursor, found: Found, meta: _Meta, until: datetime) -> Cursor:
        """The next page of this query, the next query, or the next sweep."""
        newest = at.newest
        if not at.token:
            newest = min(max(found.newest, _number(meta.newest_id)), LARGEST)
        if meta.next_token and meta.next_token != at.token:
            return msgspec.structs.replace(at, token=meta.next_token, newest=newest)
        reached = newest or id_at(until - _INDEX_LAG)
        done = _progressed(at, max(at.progress[at.query], reached))
        return msgspec.structs.replace(
            done, query=(at.query + 1) % len(at.progress), token="", newest=0
        )


def is_under_way(cursor: str | None) -> bool:
    """Whether a sweep was left in its middle."""
    at = remembered(cursor, Cursor)
    return at is not None and _is_under_way(at)


def past(cursor: str | None, moment: datetime) -> str | None:
    """The cursor once everything written before this moment was read in another way."""
    at = remembered(cursor, Cursor)
    if at is None:
        return cursor
    progress = [max(each, id_at(moment)) for each in at.progress]
    return cursor_of(msgspec.structs.replace(at, progress=progress))


def _is_under_way(at: Cursor) -> bool:
    return at.query > 0 or at.token != ""


def _progressed(at: Cursor, to: int) -> Cursor:
    progress = list(at.progress)
    progress[at.query] = to
    return msgspec.structs.replace(at, progress=progress)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 19 else 0


def _as_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
