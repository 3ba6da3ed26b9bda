"""Any forum that has a feed: give its address, the feed is found and read.

A forum's start page usually names its feeds (`<link rel="alternate">`); where it does not, the
places are tried at which common forum software keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Literal
from urllib.parse import urljoin, urlsplit

import msgspec
from pydantic import Field

from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    Gone,
    Missing,
    NotAFeed,
    Rejected,
    Unreachable,
)
from services.ingest.post import Page
from services.ingest.reading.address import WebAddress, host_of, shown, without_login
from services.ingest.reading.answer import is_challenge, is_html
from services.ingest.reading.feed_reading import (
    FeedAt,
    FeedCollector,
    LanguageTag,
    feeds_named_by,
    short_hash,
)
from services.ingest.reading.fetch import Known, fetch
from services.ingest.reading.memory import cursor_of, remembered

KNOWN_PATHS: Final = (
    "app.php/feed",  # phpBB 3.1 and later
    "feed",  # phpBB with rewritten addresses, Flarum with its syndication extension
    "feed.php",  # phpBB 3.0
    "forums/-/index.rss",  # XenForo 2
    "posts.rss",  # Discourse: every post
    "latest.rss",  # Discourse: new topics
    "index.php?board-feed/",  # WoltLab
    "board-feed/",  # WoltLab with rewritten addresses
    "forum/board-feed/",  # WoltLab, the forum beside other applications
    "external.php?type=RSS2&lastpost=1",  # vBulletin
    "syndication.php?limit=50",  # MyBB
    "discover/all.xml/",  # Invision
    "index.php?action=.xml;type=rss2;sa=recent",  # Simple Machines
    "rss.xml",
    "atom.xml",
)
_TRIED: Final = 8
"""Feeds that a page may name before the known places are tried."""


class Config(SourceConfig):
    """A forum of any make, through the feed that is found at its address."""

    kind: Literal["forum"] = "forum"
    url: WebAddress
    """The forum, or one board of it; the address of its feed does as well."""
    feed_paths: tuple[str, ...] = Field(default=KNOWN_PATHS, max_length=50)
    """Where to look for a feed that the forum does not name, from its address on; in this order."""
    lang: LanguageTag | None = None
    """The forum's language where it is known better than the feed says it."""

    @property
    def address(self) -> str:
        return shown(self.url)

    @property
    def place(self) -> str:
        return f"forum {short_hash(self.url)}"  # queries tell boards apart, and may be secret

    @property
    def host(self) -> str:
        return host_of(self.url)

    def build(self, tools: Tools) -> Collector:
        return Forum(self, tools)


class Cursor(msgspec.Struct, frozen=True):
    """The feed that was found, and what its reading remembers."""

    feed: str
    memory: str


class Forum:
    """Reads the feed that was found before, or finds one."""

    def __init__(self, config: Config, tools: Tools) -> None:
        self._config = config
        self._client = tools.client_for(config)
        self._tools = tools

    async def collect(self, cursor: str | None) -> Page:
        found = remembered(cursor, Cursor)
        if found is None:
            return await self._find()
        try:
            return await self._read(found.feed, found.memory)
        except (Gone, Missing, NotAFeed) as error:
            try:
                return await self._find()
            except NotAFeed:
                raise error from None

    async def _find(self) -> Page:
        """The first page of the feed that the forum names, or that lies at a known place."""
        url, tools = self._config.url, self._tools
        answer = await fetch(self._client, url, Known(), tools.clock, tools.limits)
        body = answer.body or b""
        if not is_html(body):
            return await self._read(url)  # the address of the feed itself, or it is told what else
        named = feeds_named_by(body, answer.url)[:_TRIED]
        if page := await self._first_of(named, (Gone, Missing, NotAFeed, Rejected)):
            return page
        if not named and is_challenge(body):
            raise Blocked("the server answered with a page for browsers that asks for a person")
        base = _directory(answer.url)
        guesses = [urljoin(base, path) for path in self._config.feed_paths]
        elsewhere = (AuthFailed, Blocked, Gone, Missing, NotAFeed, Rejected, Unreachable)
        if page := await self._first_of(guesses, elsewhere):
            return page
        raise NotAFeed("no feed was found here: give the feed's own address as `url`")

    async def _first_of(
        self, feeds: Sequence[str], elsewhere: tuple[type[CollectionFailed], ...]
    ) -> Page | None:
        """The page of the first that is a feed. elsewhere: after these failures, look there."""
        for feed in feeds:
            with suppress(*elsewhere):
                return await self._read(feed)
        return None

    async def _read(self, feed: str, memory: str | None = None) -> Page:
        at = FeedAt(self._config.id, _as_on(self._config.url, feed), "forum", self._config.lang)
        tools = self._tools
        reader = FeedCollector(at, self._client, tools.clock, tools.confined, tools.limits)
        page = await reader.collect(memory)
        return replace(page, cursor=cursor_of(Cursor(without_login(feed), page.cursor or "")))


def _directory(url: str) -> str:
    """The address under which the forum's other addresses lie."""
    parts = urlsplit(url)
    before, _, last = parts.path.rpartition("/")
    path = f"{before}/" if "." in last or not last else f"{before}/{last}/"
    return parts._replace(path=path, query="", fragment="").geturl()


def _as_on(forum: str, feed: str) -> str:
    """The feed's address with the forum's user and password, if it is on the same host."""
    login, at, _ = urlsplit(forum).netloc.rpartition("@")
    if not at or host_of(forum) != host_of(feed):
        return feed
    return urlsplit(feed)._replace(netloc=f"{login}@{host_of(feed)}").geturl()
