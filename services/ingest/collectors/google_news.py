"""Google News: headlines of the press, searched for what the watches need.

The feed gives the headline and the name of the paper, not the article, about the hundred newest
for each term. Unofficial: Google promises nothing of it, and may ask for consent instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

import msgspec
from pydantic import Field

from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import Blocked, NotAFeed, Rejected
from services.ingest.post import Page, Post, PostAuthor
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.feed_reading import FeedAt, FeedCollector
from services.ingest.reading.memory import cursor_of, remembered

PLATFORM: Final = "google_news"
_BETWEEN: Final = " - "
"""Stands in a title between the headline and the paper."""


class Config(SourceConfig):
    """Google News, searched for what the watches need."""

    kind: Literal["google_news"] = "google_news"
    api: BaseAddress = "https://news.google.com/rss"
    terms: tuple[str, ...] = ()
    """Words and phrases to search for instead of those of the watches."""
    lang: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "de"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"
    """The edition of Google News that is searched, with `lang`."""
    within: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}[hdmy]$")] = "7d"
    """How old articles may be, in Google's words: 12h, 7d, 1m, 1y."""

    @property
    def address(self) -> str:
        return f"{self.api}/search"

    @property
    def host(self) -> str:
        return host_of(self.api)

    def build(self, tools: Tools) -> Collector:
        client = tools.client_for(self)
        feeds = {
            term: FeedCollector(
                FeedAt(self.id, self.feed_for(term), lang=self.lang),
                client,
                tools.clock,
                tools.confined,
                tools.limits,
            )
            for term in self.terms or tools.keywords
        }
        return GoogleNews(feeds)

    def feed_for(self, term: str) -> str:
        """The address of the feed of this search."""
        asked = {
            "q": f'"{term}" when:{self.within}',
            "hl": self.lang,
            "gl": self.country,
            "ceid": f"{self.country}:{self.lang}",
        }
        return f"{self.api}/search?{urlencode(asked)}"


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """feeds: the cursor of each term's feed. at: the term that is read next."""

    feeds: dict[str, str]
    at: int = 0


class GoogleNews:
    """Reads the feed of one term after the other."""

    def __init__(self, feeds: Mapping[str, FeedCollector]) -> None:
        self._feeds = feeds
        self._terms: Sequence[str] = tuple(feeds)

    async def collect(self, cursor: str | None) -> Page:
        if not self._terms:
            raise Rejected("no watch names a word to search for: set `terms`")
        memory = remembered(cursor, Cursor) or Cursor({})
        at = memory.at if 0 <= memory.at < len(self._terms) else 0
        term = self._terms[at]
        try:
            page = await self._feeds[term].collect(memory.feeds.get(term))
        except NotAFeed as error:
            raise Blocked(f"Google answers with something else than the feed: {error}") from error
        feeds = {**memory.feeds, term: page.cursor or ""}
        after = Cursor(
            {name: feeds[name] for name in self._terms if name in feeds},
            (at + 1) % len(self._terms),
        )
        return replace(
            page,
            posts=tuple(_post(post) for post in page.posts),
            cursor=cursor_of(after),
            more=after.at > 0,
        )


def _post(found: Post) -> Post:
    """The paper stands behind the headline, and again in the description, with the headline, and
    with those of other papers where there are some."""
    headline, between, paper = (found.title or "").rpartition(_BETWEEN)
    if not between:
        headline, paper = paper, ""
    lines = found.text.splitlines()
    rest = [line for line in lines if not line.startswith(headline)] if headline else lines
    return msgspec.structs.replace(
        found,
        platform=PLATFORM,
        kind="article",
        title=headline or None,
        text="\n".join(rest) or headline,
        author=PostAuthor(name=paper) if paper else found.author,
    )
