"""YouTube: comments of videos and channels, and videos found by search.

https://developers.google.com/youtube/v3. Every page costs one of 10,000 units a day; a search one
of 100 searches. What YouTube's terms want refreshed after 30 days is asked for by `deleted`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from libs.common.clock import Clock
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.collectors.youtube.api import (
    PLATFORM,
    Answer,
    Comment,
    StalePage,
    Standing,
    Thread,
    Video,
    comment_post,
    judged,
    posts_of,
    video_post,
)
from services.ingest.failure import Missing, OverBudget, Rejected
from services.ingest.post import Deletion, Page, Post
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.memory import changed, cursor_of, remembered
from services.ingest.reading.platform_api import PlatformApi, decode_each
from services.ingest.reading.sweep import Sweep, answered, begun, noted, turned
from services.ingest.reading.wire import Count, Seconds, time_at, unix_seconds

_FIRST_LOOK: Final = timedelta(hours=24)
_OVERLAP: Final = timedelta(hours=1)
_CLOSED_FOR: Final = timedelta(hours=24)
"""So long a video without comments is not asked again: disabled comments rarely come back."""
_MOST_THREADS: Final = 500
"""Threads whose number of replies is remembered; new replies to others are not noticed."""
_MOST_FOUND: Final = 200
"""Found videos that are remembered; more in the time that is searched again come twice."""
_TOGETHER: Final = 50
"""Ids that one question may hold."""
_NATIVE_ID: Final = re.compile(r"[A-Za-z0-9_.-]{6,200}")
_VIDEO_ID_LENGTH: Final = 11
"""Ids of comments are longer."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


def _key(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]{1,200}", key.get_secret_value()):
        raise ValueError("expected an API key")
    return key


class Config(SourceConfig):
    """YouTube comments of videos and channels, and videos found by search with their comments.

    At one reading every five minutes, a video or a channel costs about 300 units a day.
    """

    kind: Literal["youtube"] = "youtube"
    key: Annotated[SecretStr, AfterValidator(_key)]
    channels: tuple[Id, ...] = ()
    """Ids (UC…) of channels whose videos' comments are read."""
    videos: tuple[Id, ...] = ()
    """Ids of videos whose comments are read."""
    search: bool = False
    """Whether new videos are searched for; the searches are spread over the day."""
    terms: tuple[str, ...] = ()
    """Words and phrases to search for instead of those of the watches."""
    follow: int = Field(default=10, ge=0, le=50)
    """How many of the newest videos found have their comments read."""
    searches_per_day: int = Field(default=100, ge=1)
    api: BaseAddress = "https://www.googleapis.com/youtube/v3"
    site: BaseAddress = "https://www.youtube.com"
    """What the addresses of videos begin with."""
    per_page: int = Field(default=100, ge=1, le=100)

    @model_validator(mode="after")
    def _something_to_read(self) -> Config:
        if not (self.channels or self.videos or self.search):
            raise ValueError("expected `channels`, `videos` or `search: true`")
        return self

    @property
    def address(self) -> str:
        return self.api

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        # A key in a header is in no address, hence in no log on the way.
        headers = {"X-Goog-Api-Key": self.key.get_secret_value()}
        api = PlatformApi(
            tools.client_for(self), tools.clock, tools.limits, headers=headers, judge=judged
        )
        return YouTube(self, api, tools.clock, self.terms or tools.keywords)


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where in the sweep over videos and channels the next page lies.

    threads: whose replies are to be read before the sweep goes on. replies_page, onward: the next
    page of the first thread's replies, and of the threads. counted: replies by thread, as last
    seen. closed: when it turned out that a target has no comments. found: digests of videos that
    were found, the newest first. searched: by term, up to when. next_search: not before then.
    """

    sweep: Sweep
    threads: tuple[str, ...] = ()
    replies_page: str | None = None
    onward: str | None = None
    counted: dict[str, Count] = {}
    closed: dict[str, Seconds] = {}
    found: dict[str, str] = {}
    searched: dict[str, Seconds] = {}
    next_search: Seconds = 0


class YouTube:
    """Reads the comments of one video or channel after the other, the newest first, and the
    replies that YouTube does not show with them; between two sweeps it may search."""

    def __init__(
        self, config: Config, api: PlatformApi, clock: Clock, terms: Sequence[str]
    ) -> None:
        self._config = config
        self._api = api
        self._clock = clock
        self._terms = terms if config.search else ()

    async def collect(self, cursor: str | None) -> Page:
        now = self._clock()
        first = Cursor(sweep=Sweep(after=unix_seconds(now - _FIRST_LOOK)))
        at = remembered(cursor, Cursor) or first
        if self._config.search and not self._terms:
            raise Rejected("no watch names a word to search for: set `terms`")
        if self._terms and not at.sweep.is_underway and at.next_search <= unix_seconds(now):
            return await self._search(at, now)
        return await self._comments(at, now)

    def since(self, start: datetime) -> str:
        return cursor_of(Cursor(sweep=Sweep(after=unix_seconds(start))))

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        """Comments and videos that YouTube does not give any more."""
        wanted = [each for each in native_ids if _NATIVE_ID.fullmatch(each)]
        videos = [each for each in wanted if len(each) == _VIDEO_ID_LENGTH]
        comments = [each for each in wanted if len(each) != _VIDEO_ID_LENGTH]
        return [
            *await self._missing("comments", comments),
            *await self._missing("videos", videos),
        ]

    async def _missing(self, resource: str, ids: Sequence[str]) -> list[Deletion]:
        gone: list[Deletion] = []
        for start in range(0, len(ids), _TOGETHER):
            batch = ids[start : start + _TOGETHER]
            page = await self._get(resource, {"part": "id", "id": ",".join(batch)})
            standing = {each.id for each in decode_each(page.items, Standing, PLATFORM)}
            if len(standing) == len(page.items):  # else the missing ones may well stand
                now = self._clock()
                gone += [Deletion(PLATFORM, each, now) for each in batch if each not in standing]
        return gone

    async def _search(self, at: Cursor, now: datetime) -> Page:
        """Searches for the term that was searched longest ago; one page."""
        term = min(self._terms, key=lambda each: at.searched.get(each, 0))
        after = at.searched.get(term, at.sweep.after) - int(_OVERLAP.total_seconds())
        asked = {"part": "snippet", "type": "video", "order": "date", "q": _quoted(term)}
        asked["publishedAfter"] = time_at(max(0, after)).strftime("%Y-%m-%dT%H:%M:%SZ")
        next_search = now + timedelta(days=1) / self._config.searches_per_day
        try:
            page = await self._get("search", {**asked, "maxResults": _TOGETHER})
        except OverBudget as failure:
            # Searches have a quota of their own: comments may still be read.
            if not self._targets(at) or failure.not_before is None:
                raise
            later = msgspec.structs.replace(at, next_search=unix_seconds(failure.not_before))
            return Page(posts=(), cursor=cursor_of(later), more=True, health="unchanged")
        videos = [
            video_post(each, self._config.site) for each in decode_each(page.items, Video, PLATFORM)
        ]
        posts, digests = changed(videos, at.found)
        found = list((digests | {k: v for k, v in at.found.items() if k not in digests}).items())
        searched = {each: at.searched[each] for each in self._terms if each in at.searched}
        after_search = msgspec.structs.replace(
            at,
            found=dict(found[:_MOST_FOUND]),
            searched={**searched, term: unix_seconds(now)},
            next_search=unix_seconds(next_search),
        )
        return Page(
            posts=posts,
            cursor=cursor_of(after_search),
            more=bool(self._targets(after_search)),
            complete=page.nextPageToken is None,
            health="ok" if posts else "unchanged",
            reads=1,
        )

    def _targets(self, at: Cursor) -> list[str]:
        """What has comments: parameters of the question for them."""
        followed = list(at.found)[: self._config.follow]
        videos = dict.fromkeys((*self._config.videos, *followed))
        return [
            *(f"videoId={video}" for video in videos),
            *(f"allThreadsRelatedToChannelId={channel}" for channel in self._config.channels),
        ]

    async def _comments(self, at: Cursor, now: datetime) -> Page:
        targets = self._targets(at)
        closed = {
            target: since
            for target, since in at.closed.items()
            if target in targets and unix_seconds(now) - since < _CLOSED_FOR.total_seconds()
        }
        at = msgspec.structs.replace(at, closed=closed)
        if len(closed) == len(targets):
            return self._nothing_to_read(at)
        sweep = begun(at.sweep, targets, now)
        if sweep is not at.sweep:
            at = msgspec.structs.replace(at, threads=(), replies_page=None, onward=None)
        at = msgspec.structs.replace(at, sweep=sweep)
        target = targets[sweep.question]
        if target in closed:
            return self._on(at, (), None, reads=0)
        return await (self._replies(at) if at.threads else self._threads(at, target))

    def _nothing_to_read(self, at: Cursor) -> Page:
        if not self._terms:
            raise Missing("none of the videos and channels has comments: disabled, or gone")
        ended = Sweep(after=at.sweep.after, seen=at.sweep.seen | at.sweep.reached)
        cursor = cursor_of(msgspec.structs.replace(at, sweep=ended))
        return Page(posts=(), cursor=cursor, health="unchanged")

    async def _threads(self, at: Cursor, target: str) -> Page:
        name, _, value = target.partition("=")
        asked: dict[str, str | int] = {"part": "snippet,replies", name: value, "order": "time"}
        asked |= {"textFormat": "plainText", "maxResults": self._config.per_page}
        if at.sweep.page is not None:
            asked["pageToken"] = at.sweep.page
        try:
            page = await self._get("commentThreads", asked)
        except Missing:
            closed = {**at.closed, target: unix_seconds(self._clock())}
            return self._on(msgspec.structs.replace(at, closed=closed), (), None)
        except StalePage:
            if at.sweep.page is None:
                raise
            again = msgspec.structs.replace(at.sweep, page=None)
            cursor = cursor_of(msgspec.structs.replace(at, sweep=again))
            return Page(posts=(), cursor=cursor, health="unchanged", reads=1)
        threads = decode_each(page.items, Thread, PLATFORM)
        return self._read(at, threads, page.nextPageToken)

    def _read(self, at: Cursor, threads: Sequence[Thread], next_page: str | None) -> Page:
        after = at.sweep.after
        found: list[Post] = []
        incomplete: list[str] = []
        tops: list[Post] = []
        for thread in threads:
            posts, inline = posts_of(thread, self._config.site)
            tops.append(posts[0])
            found += posts
            before = at.counted.get(thread.id)
            if thread.snippet.totalReplyCount > inline and (
                before != thread.snippet.totalReplyCount
                if before is not None
                else any(_is_since(post, after) for post in posts)
            ):
                incomplete.append(thread.id)
        news, sweep = noted(at.sweep, found, _OVERLAP)
        counts = {thread.id: thread.snippet.totalReplyCount for thread in threads}
        older = {key: count for key, count in at.counted.items() if key not in counts}
        counted = dict([*older.items(), *counts.items()][-_MOST_THREADS:])
        at = msgspec.structs.replace(at, sweep=sweep, counted=counted)
        is_through = any(post.published_at and not _is_since(post, after) for post in tops)
        onward = None if is_through else next_page
        if not incomplete:
            return self._on(at, news, onward)
        waiting = msgspec.structs.replace(at, threads=tuple(incomplete), onward=onward)
        return _page(waiting, news)

    async def _replies(self, at: Cursor) -> Page:
        """A page of the replies to the first thread that was shown with only some of them."""
        asked: dict[str, str | int] = {"part": "snippet", "parentId": at.threads[0]}
        asked |= {"textFormat": "plainText", "maxResults": self._config.per_page}
        if at.replies_page is not None:
            asked["pageToken"] = at.replies_page
        try:
            page = await self._get("comments", asked)
        except (Missing, StalePage):
            page = Answer()
        comments = decode_each(page.items, Comment, PLATFORM)
        posts = [comment_post(each, self._config.site, at.threads[0]) for each in comments]
        news, sweep = noted(at.sweep, posts, _OVERLAP)
        threads = at.threads if page.nextPageToken is not None else at.threads[1:]
        at = msgspec.structs.replace(
            at, sweep=sweep, threads=threads, replies_page=page.nextPageToken
        )
        return _page(at, news) if threads else self._on(at, news, at.onward)

    def _on(
        self, at: Cursor, news: tuple[Post, ...], onward: str | None, *, reads: int = 1
    ) -> Page:
        """The sweep goes on: to the next page of threads, or to the next target."""
        if onward is not None:
            sweep = turned(at.sweep, onward, 0)
        else:
            sweep = answered(at.sweep, len(self._targets(at)), _OVERLAP)
        return _page(msgspec.structs.replace(at, sweep=sweep, onward=None), news, reads)

    async def _get(self, resource: str, asked: dict[str, str | int]) -> Answer:
        reply = await self._api.get(f"{self._config.api}/{resource}", asked)
        return reply.decode(Answer)


def _page(at: Cursor, news: tuple[Post, ...], reads: int = 1) -> Page:
    return Page(
        posts=news,
        cursor=cursor_of(at),
        more=at.sweep.is_underway,
        health="ok" if news else "unchanged",
        reads=reads,
    )


def _is_since(post: Post, after: int) -> bool:
    return post.published_at is not None and unix_seconds(post.published_at) > after


def _quoted(term: str) -> str:
    return '"' + term.replace('"', " ") + '"'
