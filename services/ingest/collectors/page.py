"""Any web page that shows reviews, a discussion, questions or articles.

Most such pages describe what they show for search engines, in the words of schema.org; that is
read. For those that do not, CSS selectors say where the posts stand. What a site's robots.txt
forbids is not read, and whether its terms allow it is for you to check.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import cssselect
import msgspec
from pydantic import AfterValidator, Field

from libs.common.events import Kind
from libs.common.settings import Strict
from services.ingest.collector import Collector, SourceConfig, Tools
from services.ingest.failure import (
    Blocked,
    CollectionFailed,
    NotAFeed,
    RateLimited,
    Unreachable,
)
from services.ingest.post import Page, Post
from services.ingest.reading.address import WebAddress, host_of, shown, without_login
from services.ingest.reading.answer import is_challenge, is_html
from services.ingest.reading.feed_reading import LanguageTag, short_hash
from services.ingest.reading.fetch import Answer, Known, fetch
from services.ingest.reading.memory import cursor_of, digest, remembered
from services.ingest.reading.pacing import longest
from services.ingest.reading.page_formats.item import Content, Item, Select
from services.ingest.reading.page_formats.read import read_page
from services.ingest.reading.page_formats.selected import parted
from services.ingest.reading.robots import Robots, robots_of

_NEWS: Final = timedelta(hours=24)
"""What is older than this when a page is first read is the past, not news."""
_HTML_TYPES: Final = ("text/html", "application/xhtml+xml")


def _is_selector(selector: str) -> str:
    css, attribute = parted(selector)
    if css or not attribute:
        try:
            cssselect.HTMLTranslator().css_to_xpath(css)
        except cssselect.SelectorError as error:
            raise ValueError(
                f"expected a CSS selector, perhaps with @attribute: {error}"
            ) from error
    return selector


Selector = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_is_selector)]


class SelectConfig(Strict):
    """Where posts stand on the page, as CSS selectors. `item` is the element of one post, the
    others are looked up inside of it; `@name` at the end takes an attribute instead of the text,
    as in `time@datetime`, and `@name` alone one of the item itself."""

    item: Selector
    text: Selector
    title: Selector | None = None
    author: Selector | None = None
    date: Selector | None = None
    link: Selector | None = None
    rating: Selector | None = None
    id: Selector | None = None
    best: float = Field(default=5.0, gt=0, le=1000)
    """The most stars there are."""
    posts: Kind | None = None
    """What they are; reviews when there is a rating, else posts."""

    def select(self) -> Select:
        places = self.model_dump(exclude={"posts"}, exclude_none=True)
        return Select(**places, kind=self.posts or ("review" if self.rating else "post"))


class Config(SourceConfig):
    """A web page with reviews, a discussion, questions or articles."""

    kind: Literal["page"] = "page"
    url: WebAddress
    platform: Literal["review", "forum", "news", "blog", "social"] = "review"
    """What kind of place it is."""
    lang: LanguageTag | None = None
    """The posts' language where it is known better than the page says it."""
    select: SelectConfig | None = None
    """Where the posts stand, for pages that do not describe them."""
    next: Selector | None = None
    """The link to the next page."""
    pages: int = Field(default=5, ge=1, le=10)
    """Pages read one after the other at most, where `next` finds them."""
    obey_robots: bool = True
    """Whether to read only what the site's robots.txt allows. Off is for your own sites."""

    @property
    def address(self) -> str:
        return shown(self.url)

    @property
    def place(self) -> str:
        return f"page {short_hash(self.url)}"  # queries may be secret, and tell pages apart

    @property
    def host(self) -> str:
        return host_of(self.url)

    def build(self, tools: Tools) -> Collector:
        return PageCollector(self, tools)


class Leaf(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the pages that follow each other. seen: digests of its posts. next: where the page
    behind it lies."""

    url: str
    known: Known = Known()
    seen: tuple[str, ...] = ()
    next: str | None = None


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered between two readings. Fields are only ever added.

    leaves: the pages in their order. at: which of them is read next. moved: digests of what left
    a page since the first of them was read: it may have gone to the next one. is_first: whether
    they are being read for the first time.
    """

    url: str
    leaves: tuple[Leaf, ...] = ()
    at: int = 0
    moved: tuple[str, ...] = ()
    is_first: bool = False
    robots: Robots | None = None

    @property
    def before(self) -> Leaf | None:
        """What is known of the page that is read next."""
        return self.leaves[self.at] if self.at < len(self.leaves) else None

    def known(self) -> set[str]:
        """Digests of all posts that were there."""
        return {*self.moved, *(each for leaf in self.leaves for each in leaf.seen)}


class PageCollector:
    """Reads a page, and those that follow it, politely; gives the posts that are new or edited."""

    def __init__(self, config: Config, tools: Tools) -> None:
        self._config = config
        self._tools = tools
        self._client = tools.client_for(config)
        self._select = config.select.select() if config.select else None
        self._url = without_login(config.url)

    async def collect(self, cursor: str | None) -> Page:
        memory = _recalled(cursor, self._url)
        try:
            return await self._read(memory)
        except RateLimited:
            raise
        except CollectionFailed:
            if memory.at == 0:
                raise
        # A following page that cannot be read must not keep us from the first one.
        first = msgspec.structs.replace(memory, at=0, moved=())
        return Page(posts=(), cursor=cursor_of(first), complete=False, health="unchanged")

    async def _read(self, memory: Cursor) -> Page:
        url = (memory.leaves[memory.at - 1].next if memory.at else None) or self._config.url
        robots, delay = await self._permission(url, memory.robots)
        name = without_login(url)
        before = memory.before if memory.before and memory.before.url == name else Leaf(name)
        answer = await fetch(self._client, url, before.known, self._tools.clock, self._tools.limits)
        content = await self._content(answer)
        posts = self._posts(content, memory.is_first) if content else []
        leaf = _leaf(before, answer, content, posts)
        after = msgspec.structs.replace(
            self._turned(memory, leaf), robots=robots.to_keep() if robots else None
        )
        known = memory.known()
        news = [post for post in posts if digest(post) not in known]
        is_empty = content is not None and not posts and after.at == 0
        return Page(
            posts=tuple(reversed(news)),
            cursor=cursor_of(after),
            next_in=longest(answer.fresh_for, delay),
            more=after.at > 0 and delay is None,
            health="ok" if news else "empty" if is_empty else "unchanged",
        )

    @property
    def _agent(self) -> str:
        return str(self._client.headers.get("user-agent", ""))

    async def _permission(
        self, url: str, kept: Robots | None
    ) -> tuple[Robots | None, timedelta | None]:
        """The site's rules, when they allow this page and are to be obeyed, and the time that they
        want between two requests. Raises Blocked."""
        if not self._config.obey_robots:
            return None, None
        tools = self._tools
        robots = await robots_of(url, kept, self._client, tools.clock, tools.limits)
        permission = await robots.permission(url, self._agent, tools.confined)
        if not permission.is_given:
            raise Blocked(f"the site's robots.txt does not allow {shown(url)} to be read")
        return robots, permission.delay

    async def _content(self, answer: Answer) -> Content | None:
        """What is on the page; None when it is the one that is known."""
        if answer.body is None:
            return None
        kind = answer.content_type.partition(";")[0].strip().lower()
        if kind not in _HTML_TYPES and not is_html(answer.body):
            raise NotAFeed(f"the answer ({kind[:60] or 'no stated type'}) is no web page")
        content = await read_page(
            answer.body,
            answer.content_type,
            without_login(answer.url),
            self._tools.confined,
            self._select,
            self._config.next or "",
        )
        if content.items:
            return content
        if not answer.complete:
            raise Unreachable("the connection broke in the middle of the answer")
        if is_challenge(answer.body):
            raise Blocked("the server answered with a page that asks for a person")
        if not content.is_described and self._select is None:
            raise NotAFeed(
                "the page describes nothing in the words of schema.org: say with `select` where "
                "its posts stand"
            )
        return content

    def _posts(self, content: Content, is_first: bool) -> list[Post]:
        now = self._tools.clock()
        oldest = now - _NEWS if is_first else None
        return [_post(item, self._config, now, oldest) for item in content.items]

    def _turned(self, memory: Cursor, leaf: Leaf) -> Cursor:
        """The next page, or the first one again after the last."""
        at = memory.at
        leaves = (*memory.leaves[:at], leaf, *memory.leaves[at + 1 :])[: self._config.pages]
        visited = {each.url for each in leaves[: at + 1]}
        if leaf.next is None or leaf.next in visited or at + 1 >= self._config.pages:
            return Cursor(self._url, leaves[: at + 1])
        left = memory.before.seen if memory.before else ()
        moved = (*memory.moved, *(each for each in left if each not in leaf.seen))
        return Cursor(self._url, leaves, at + 1, moved, memory.is_first)


def _recalled(cursor: str | None, url: str) -> Cursor:
    """The memory behind a cursor; an empty one when it is of another address or of no use."""
    memory = remembered(cursor, Cursor)
    if memory is None or memory.url != url or not 0 <= memory.at <= len(memory.leaves):
        return Cursor(url, is_first=True)
    return memory


def _leaf(before: Leaf, answer: Answer, content: Content | None, posts: Sequence[Post]) -> Leaf:
    if content is None:
        return msgspec.structs.replace(before, known=answer.known)
    seen = tuple(digest(post) for post in posts)
    after = content.next if content.next and host_of(content.next) == host_of(answer.url) else None
    if not answer.complete:  # what is missing now is not gone
        seen, after = tuple(dict.fromkeys((*seen, *before.seen))), after or before.next
    return Leaf(before.url, answer.known, seen, after)


def _post(item: Item, config: Config, now: datetime, oldest: datetime | None) -> Post:
    """A time in the future is taken as now.

    oldest: what was published before it, or nobody knows when, belongs to the past.
    """
    published = min(item.published, now) if item.published else None
    return Post(
        platform=config.platform,
        native_id=f"{config.id}/{item.name}",  # a name is unique on its page only
        kind=item.kind,
        url=item.link or without_login(config.url),
        title=item.title,
        text=item.text,
        lang=config.lang or item.lang,
        author=item.author,
        published_at=published,
        edited_at=item.edited,
        thread=f"{config.id}/{item.thread}" if item.thread else None,
        in_reply_to=f"{config.id}/{item.in_reply_to}" if item.in_reply_to else None,
        rating=item.rating,
        engagement=item.engagement,
        place=item.place,
        backfill=oldest is not None and (published is None or published < oldest),
    )
