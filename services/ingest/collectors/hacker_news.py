"""Hacker News: stories and comments, through the search of Algolia.

https://hn.algolia.com/api
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from urllib.parse import quote

import msgspec
from pydantic import Field

from libs.common.clock import Clock
from libs.common.events import Engagement
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import Rejected
from services.ingest.post import Deletion, Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.platform_api import PlatformApi, Reply, decode_each
from services.ingest.reading.sweep import Sweep, answered, begun, earlier, noted, turned
from services.ingest.reading.visible_text import visible_text
from services.ingest.reading.wire import Count, Number, UnixTime, time_at, unix_seconds

PLATFORM: Final = "hacker_news"
_FIRST_LOOK: Final = timedelta(hours=24)
_OVERLAP: Final = timedelta(hours=2)
"""So long an author may edit, and Algolia's index lags less: so far is read again."""
_ITEM: Final = "https://news.ycombinator.com/item?id="
_USER: Final = "https://news.ycombinator.com/user?id="
_NUMBER: Final = re.compile(r"[0-9]{1,12}")


class Config(SourceConfig):
    """Hacker News, searched for what the watches need."""

    kind: Literal["hacker_news"] = "hacker_news"
    api: BaseAddress = "https://hn.algolia.com/api/v1"
    items_api: BaseAddress = "https://hacker-news.firebaseio.com/v0"
    """Where single items are looked up, to learn of deletions."""
    terms: tuple[str, ...] = ()
    """Words and phrases to search for instead of those of the watches."""
    per_page: int = Field(default=100, ge=1, le=1000)

    @property
    def address(self) -> str:
        return self.api

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        api = PlatformApi(tools.client_for(self), tools.clock, tools.limits)
        return HackerNews(self, api, tools.clock, self.terms or tools.keywords)


class _Hit(msgspec.Struct, frozen=True):
    objectID: str
    created_at_i: UnixTime
    title: str | None = None
    author: str | None = None
    points: Count | None = None
    num_comments: Count | None = None
    story_id: Number | None = None
    parent_id: Number | None = None
    comment_text: str | None = None
    story_text: str | None = None


class _Hits(msgspec.Struct, frozen=True):
    """hitsPerPage: what Algolia made of the wish. nbHits: about how many there are in all."""

    hits: list[msgspec.Raw]
    hitsPerPage: Count | None = None
    nbHits: Count = 0


class _Item(msgspec.Struct, frozen=True):
    deleted: bool = False
    dead: bool = False


class HackerNews:
    """Searches for one term after the other, the newest first; a page a request.

    Algolia shows no more than the first 1000 hits of a question. So no page but the first is asked
    for: each question ends where the last page did.
    """

    def __init__(
        self, config: Config, api: PlatformApi, clock: Clock, terms: Sequence[str]
    ) -> None:
        self._config = config
        self._api = api
        self._clock = clock
        self._terms = terms

    async def collect(self, cursor: str | None) -> Page:
        if not self._terms:
            raise Rejected("no watch names a word to search for: set `terms`")
        now = self._clock()
        first = Sweep(after=unix_seconds(now - _FIRST_LOOK))
        sweep = begun(remembered(cursor, Sweep) or first, self._terms, now)
        reply = await self._api.get(f"{self._config.api}/search_by_date", self._question(sweep))
        found = reply.decode(_Hits)
        hits = decode_each(found.hits, _Hit, PLATFORM)
        posts, sweep = noted(sweep, [post for hit in hits if (post := _post(hit))], _OVERLAP)
        times = [hit.created_at_i for hit in hits]
        before, complete = earlier(sweep, times, has_more=self._has_more(found))
        if before is not None:
            sweep = turned(sweep, before, len(found.hits))
        else:
            sweep = answered(sweep, len(self._terms), _OVERLAP)
        return Page(
            posts=posts,
            cursor=cursor_of(sweep),
            more=sweep.is_underway,
            complete=complete,
            health="ok" if posts else "unchanged",
        )

    def since(self, start: datetime) -> str:
        return cursor_of(Sweep(after=unix_seconds(start)))

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        gone: list[Deletion] = []
        for native_id in filter(_NUMBER.fullmatch, native_ids):
            reply = await self._api.get(f"{self._config.items_api}/item/{native_id}.json")
            item = _Item(deleted=True) if _is_null(reply) else reply.decode(_Item)
            if item.deleted or item.dead:
                gone.append(Deletion(PLATFORM, native_id, self._clock()))
        return gone

    def _question(self, sweep: Sweep) -> dict[str, str | int]:
        within = [f"created_at_i>{sweep.after}"]
        if sweep.page is not None:
            within.append(f"created_at_i<={sweep.page}")
        term = self._terms[sweep.question].replace('"', " ")
        return {
            "query": f'"{term}"',
            "tags": "(story,comment)",
            "typoTolerance": "false",
            "numericFilters": ",".join(within),
            "hitsPerPage": self._config.per_page,
        }

    def _has_more(self, found: _Hits) -> bool:
        """Algolia may give less on a page than was asked for."""
        entries = len(found.hits)
        most = found.hitsPerPage or self._config.per_page
        return entries > 0 and (entries >= most or entries < found.nbHits)


def _post(hit: _Hit) -> Post | None:
    """None for what has no text at all, as a story that was taken away."""
    is_comment = hit.comment_text is not None
    text = visible_text(hit.comment_text or hit.story_text or "") or hit.title
    if not text:
        return None
    return Post(
        platform=PLATFORM,
        native_id=hit.objectID,
        kind="comment" if is_comment else "post",
        url=_ITEM + hit.objectID,
        title=None if is_comment else hit.title,
        text=text,
        author=_author(hit.author) if hit.author else None,
        published_at=time_at(hit.created_at_i),
        thread=_ITEM + str(hit.story_id) if hit.story_id else None,
        in_reply_to=str(hit.parent_id) if hit.parent_id else None,
        engagement=Engagement(likes=hit.points, replies=hit.num_comments),
    )


def _is_null(reply: Reply) -> bool:
    """Firebase's answer for an item that is not there."""
    return reply.body.strip() == b"null"


def _author(name: str) -> PostAuthor:
    """Names are the accounts' ids."""
    return PostAuthor(id=name, handle=name, url=_USER + quote(name))
