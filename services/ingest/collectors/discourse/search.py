"""The search of a Discourse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

import msgspec

from services.ingest.collectors.discourse.forum import (
    FIRST_LOOK,
    MOST_REMEMBERED,
    PLATFORM,
    Forum,
    created,
    is_before,
    seconds,
)
from services.ingest.failure import RateLimited, Rejected
from services.ingest.post import Page, Post
from services.ingest.reading.feed_reading import short_hash
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.platform_api import decode_each

_LAST_PAGE: Final = 10
"""The last page of a search that Discourse gives."""
_FETCHED_AT_ONCE: Final = 10
"""Posts fetched in one reading: a search shows only a line of each."""


class SearchCursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far it was searched. Times are whole seconds since 1970.

    A sweep searches term by term, each from now back to `after`. term, page: what is searched
    next. pending: posts that were found and are yet to be fetched, with their topics' titles.
    newest: the newest post of the sweep. seen, reached: digests of the lines that the last and
    this sweep showed of posts.
    """

    after: int
    term: int = 0
    page: int = 1
    pending: tuple[tuple[int, str | None], ...] = ()
    newest: int = 0
    seen: dict[str, str] = {}
    reached: dict[str, str] = {}


class _Hit(msgspec.Struct, frozen=True):
    id: int
    created_at: str
    topic_id: int | None = None
    blurb: str = ""


class _Topic(msgspec.Struct, frozen=True):
    id: int
    title: str | None = None


class _Grouped(msgspec.Struct, frozen=True):
    error: str | None = None
    more_full_page_results: bool | None = None


class _Found(msgspec.Struct, frozen=True):
    posts: list[msgspec.Raw] = []
    topics: list[msgspec.Raw] = []
    grouped_search_result: _Grouped | None = None


class DiscourseSearch:
    """Searches for one term after the other, the newest first, and fetches what is found."""

    def __init__(self, forum: Forum, reread: timedelta, terms: Sequence[str]) -> None:
        self._reread = reread
        self._forum = forum
        self._terms = terms
        self.deleted = forum.deleted

    async def collect(self, cursor: str | None) -> Page:
        if not self._terms:
            raise Rejected("no watch names a word to search for: set `terms`")
        start = seconds(self._forum.clock() - FIRST_LOOK)
        at = remembered(cursor, SearchCursor) or SearchCursor(start)
        if at.term >= len(self._terms):  # a term has left the configuration
            at = msgspec.structs.replace(at, term=0, page=1)
        complete = True
        if not at.pending:
            at, complete = await self._search(at)
        posts: list[Post] = []
        for number, title in at.pending[:_FETCHED_AT_ONCE]:
            if (written := await self._forum.one(number)) is not None:
                posts.append(self._forum.post(written, title))
        at = msgspec.structs.replace(at, pending=at.pending[_FETCHED_AT_ONCE:])
        return Page(
            posts=tuple(posts),
            cursor=cursor_of(at),
            more=bool(at.pending) or at.term > 0 or at.page > 1,
            complete=complete,
            health="ok" if posts else "unchanged",
        )

    def since(self, start: datetime) -> str:
        return cursor_of(SearchCursor(seconds(start)))

    async def _search(self, at: SearchCursor) -> tuple[SearchCursor, bool]:
        """What a page of hits holds that is new, pending; and whether all of it could be seen."""
        term = self._terms[at.term].replace('"', " ")
        day = (datetime.fromtimestamp(at.after, UTC) - timedelta(days=1)).date()
        query = f'"{term}" order:latest after:{day.isoformat()}'
        asked: dict[str, str | int] = {"q": query, "page": at.page}
        reply = await self._forum.api.get(f"{self._forum.url}/search.json", asked)
        found = reply.decode(_Found)
        grouped = found.grouped_search_result or _Grouped()
        if grouped.error:
            raise RateLimited(f"the search answered: {grouped.error}"[:300])
        all_hits = decode_each(found.posts, _Hit, PLATFORM)
        titles = {each.id: each.title for each in decode_each(found.topics, _Topic, PLATFORM)}
        hits = {f"{at.term}.{hit.id}": hit for hit in all_hits if not is_before(hit, at.after)}
        lines = {name: short_hash(hit.blurb) for name, hit in hits.items()}
        known = at.seen | at.reached
        new = {hit.id: hit for name, hit in hits.items() if known.get(name) != lines[name]}
        at = msgspec.structs.replace(
            at,
            pending=tuple((number, titles.get(hit.topic_id or 0)) for number, hit in new.items()),
            newest=max([at.newest, *map(created, all_hits)]),
            reached=dict(islice((at.reached | lines).items(), MOST_REMEMBERED)),
        )
        has_more = bool(grouped.more_full_page_results) and len(hits) == len(found.posts) > 0
        return self._next(at, has_more=has_more)

    def _next(self, at: SearchCursor, *, has_more: bool) -> tuple[SearchCursor, bool]:
        """The next page of this term, the next term, or the next sweep."""
        if has_more and at.page < _LAST_PAGE:
            return msgspec.structs.replace(at, page=at.page + 1), True
        if at.term + 1 < len(self._terms):
            return msgspec.structs.replace(at, term=at.term + 1, page=1), not has_more
        # One clock that is ahead must not keep us from everything written until then.
        newest = min(at.newest, seconds(self._forum.clock()))
        after = max(at.after, newest - int(self._reread.total_seconds()))
        return SearchCursor(after, pending=at.pending, seen=at.reached), not has_more
