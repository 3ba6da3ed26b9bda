"""The filtered stream: posts as they are written, and by recent search what nobody heard.

https://docs.x.com/x-api/posts/filtered-stream/introduction
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from services.ingest.budget import NOTHING, Spent
from services.ingest.collectors.x.access import Access
from services.ingest.collectors.x.ids import Id, time_of
from services.ingest.collectors.x.posts import PLATFORM
from services.ingest.collectors.x.query import Wanted
from services.ingest.collectors.x.refusals import (
    AT_ONCE,
    CROWDED,
    LINEAR,
    NOT_SHOWN,
    problems_in,
    words_of,
)
from services.ingest.collectors.x.rules import reconcile
from services.ingest.collectors.x.search import Search, is_under_way, past
from services.ingest.failure import BackOff, CollectionFailed, RateLimited, TooSlow, Unreachable
from services.ingest.post import Deletion, Page, Post
from services.ingest.reading.dates import parse_date
from services.ingest.reading.platform_api import decode_each
from services.ingest.reading.streaming import together

_TOGETHER: Final = 0.2
"""Seconds that a post waits for others to go on with."""
_LATE: Final = timedelta(seconds=30)
"""So much later than a newer one may a post come: nearly all take less than seven seconds."""
_LATE_BY_OUR_CLOCK: Final = timedelta(minutes=2)
"""The same when the stream has nothing to send; our clock may be wrong."""

_NO_DATA: Final = msgspec.Raw(b"null")


class _Deleted(msgspec.Struct, frozen=True):
    id: Id


class _Delete(msgspec.Struct, frozen=True):
    tweet: _Deleted | None = None
    post: _Deleted | None = None
    event_at: str | None = None


class _Event(msgspec.Struct, frozen=True):
    """What stands in the place of a post when something became of one."""

    id: str | None = None
    delete: _Delete | None = None


class _Line(msgspec.Struct, frozen=True):
    data: msgspec.Raw = _NO_DATA
    includes: msgspec.Raw = _NO_DATA


class _Heard(NamedTuple):
    """A line, empty to keep the connection alive, and when it came."""

    line: bytes
    at: datetime


class FilteredStream:
    """Listens. What was written before that is read by recent search: first as far as it sees, and
    once it sees the moment of the first line heard, the rest.

    tag: of our rules. quiet: seconds of silence after which the stream is dead. search_lag: after
    this time recent search knows a post.
    """

    def __init__(
        self,
        access: Access,
        search: Search,
        rules: Wanted,
        *,
        tag: str,
        quiet: float,
        search_lag: timedelta,
    ) -> None:
        self._access = access
        self._search = search
        self._rules = rules
        self._tag = tag
        self._quiet = quiet
        self._search_lag = search_lag

    async def listen(self, cursor: str | None) -> AsyncGenerator[Page, None]:
        try:
            await reconcile(self._access, self._rules.queries(), self._tag)
            for _ in range(2 if is_under_way(cursor) else 1):
                async with aclosing(self._missed(cursor, None)) as pages:
                    async for page in pages:
                        cursor = page.cursor
                        yield page
            async with aclosing(self._live(cursor)) as pages:
                async for page in pages:
                    yield page
        except CollectionFailed as failure:
            failure.back_off = failure.back_off or _prescribed(failure)
            raise

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        return await self._search.deleted(native_ids)

    def dearest_page(self) -> Spent:
        return self._search.dearest_page()

    def looking_again(self, posts: int) -> Spent:
        return self._search.looking_again(posts)

    async def _missed(
        self, cursor: str | None, until: datetime | None
    ) -> AsyncGenerator[Page, None]:
        """A sweep of recent search to its end."""
        more = True
        while more:
            page = await self._search.collect_before(cursor, until)
            cursor, more = page.cursor, page.more
            yield page

    async def _live(self, cursor: str | None) -> AsyncGenerator[Page, None]:
        """What is heard. The cursor stays where it is until the gap before that is closed."""
        batches = together(self._heard(), within=_TOGETHER, at_most=self._access.asked.per_page)
        first: datetime | None = None
        is_closed = False
        async with aclosing(batches):
            async for batch in batches:
                first = first or batch[0].at
                page = self._page(batch, cursor, is_closed=is_closed)
                cursor = page.cursor
                yield page
                _raise_what_was_said(batch)
                if not is_closed and batch[-1].at - first >= self._search_lag:
                    async with aclosing(self._missed(cursor, first)) as pages:
                        async for page in pages:
                            cursor = page.cursor
                            yield page
                    is_closed = True

    async def _heard(self) -> AsyncGenerator[_Heard, None]:
        lines = self._access.api.lines(
            self._access.url("/search/stream"), self._access.asked.fields(), quiet=self._quiet
        )
        async with aclosing(lines):
            async for line in lines:
                yield _Heard(line, self._access.clock())

    def _page(self, batch: Sequence[_Heard], cursor: str | None, *, is_closed: bool) -> Page:
        posts: list[Post] = []
        deletions: list[Deletion] = []
        newest, cost = 0, NOTHING
        raw = (msgspec.Raw(heard.line) for heard in batch if heard.line)
        for line in decode_each(raw, _Line, PLATFORM):
            (event,) = decode_each([line.data], _Event, PLATFORM) or (_Event(),)
            if event.id is not None:
                found = self._access.found([line.data], line.includes)
                posts += found.posts
                newest, cost = max(newest, found.newest), cost + found.cost
            elif event.delete is not None:
                deletions += _deletions(event.delete, batch[-1].at)
        if is_closed:
            cursor = past(cursor, _surely_heard(batch, newest))
        return Page(
            posts=tuple(posts),
            deletions=tuple(deletions),
            cursor=cursor,
            health="ok" if posts or deletions else "unchanged",
            reads=cost.reads,
            money=cost.money,
        )


def _surely_heard(batch: Sequence[_Heard], newest: int) -> datetime:
    """Everything written before this has been heard."""
    if newest:
        return time_of(newest) - _LATE
    return batch[0].at - _LATE_BY_OUR_CLOCK


def _deletions(delete: _Delete, now: datetime) -> list[Deletion]:
    gone = delete.tweet or delete.post
    at = parse_date(delete.event_at) or now
    return [Deletion(PLATFORM, gone.id, at)] if gone is not None else []


def _raise_what_was_said(batch: Sequence[_Heard]) -> None:
    """Raises CollectionFailed when a line says that the stream ends."""
    for heard in batch:
        problems = [] if _has_data(heard.line) else problems_in(heard.line)
        told = [problem for problem in problems if problem.name not in NOT_SHOWN]
        if any(problem.connection_issue == "TooManyConnections" for problem in told):
            raise RateLimited(words_of(told), back_off=CROWDED)
        if told:
            raise Unreachable(f"the stream was ended: {words_of(told)}", back_off=AT_ONCE)


def _has_data(line: bytes) -> bool:
    """A post may have errors beside it: what it refers to is gone."""
    found = decode_each([msgspec.Raw(line)], _Line, PLATFORM) if line else []
    return any(each.data != _NO_DATA for each in found)


def _prescribed(failure: CollectionFailed) -> BackOff | None:
    if isinstance(failure, TooSlow):
        return AT_ONCE
    return LINEAR if isinstance(failure, Unreachable) else None
