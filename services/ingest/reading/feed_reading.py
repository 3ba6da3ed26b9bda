"""Reads one feed: new and edited entries of RSS 0.9x, 1.0 and 2.0, Atom, and JSON Feed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias

import httpx
import msgspec
from lxml import html
from pydantic import Field

from libs.common import metrics
from libs.common.clock import Clock
from libs.common.events import Engagement, Kind
from services.ingest.collector import Confined, Limits
from services.ingest.failure import Blocked, Gone, Missing, NotAFeed, Refused, Unreachable
from services.ingest.post import Page, Post
from services.ingest.reading.address import without_login
from services.ingest.reading.answer import is_challenge, is_html
from services.ingest.reading.feed_formats.entry import Entry, joined
from services.ingest.reading.feed_formats.read import read_feed
from services.ingest.reading.fetch import Answer, Known, fetch
from services.ingest.reading.pacing import longest, wish_of_feed

_MOVES_FOR_GOOD: Final = 3
"""Permanent redirects to the same place before it is asked directly: hotel networks lie too."""
_OLD: Final = timedelta(hours=24)
"""What is older than this when a feed is first read is the past, not news."""
_HEAD_OF_PAGE: Final = 262_144
"""Bytes of an HTML page that are searched for the names of its feeds."""
_FEED_TYPES: Final = frozenset(
    ("application/rss+xml", "application/atom+xml", "application/feed+json")
)

Platform: TypeAlias = Literal["news", "blog", "forum", "review", "social", "podcast"]
"""What kind of place a feed belongs to; decides the kind of its posts."""
LanguageTag: TypeAlias = Annotated[
    str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)
]


@dataclass(frozen=True, slots=True)
class FeedAt:
    """A feed, and what its posts are.

    source: stands before the ids of its posts, which are unique inside the feed only. lang: its
    language where that is known better than the feed says it.
    """

    source: str
    url: str
    platform: Platform = "news"
    lang: str | None = None


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered between two readings. Fields are only ever added.

    wish: seconds the feed wanted to be left alone. seen: the entries the feed held when it was
    last read, by short hash, with a hash of their content, so that only new and edited ones are
    posts; entries that left the feed leave it too.
    """

    url: str
    known: Known = Known()
    wish: float | None = None
    seen: dict[str, str] = {}


class FeedCollector:
    """Reads one feed politely; gives the entries that are new or were edited, oldest first."""

    def __init__(
        self,
        feed: FeedAt,
        client: httpx.AsyncClient,
        clock: Clock,
        confined: Confined,
        limits: Limits | None = None,
    ) -> None:
        self._feed = feed
        self._client = client
        self._clock = clock
        self._confined = confined
        self._limits = limits or Limits()

    async def collect(self, cursor: str | None) -> Page:
        memory = _recall(cursor, without_login(self._feed.url))
        known = memory.known
        if known.moved_to is not None and known.moved_times >= _MOVES_FOR_GOOD:
            try:
                return await self._read(known.moved_to, memory, cursor is None)
            except (Blocked, Gone, Missing, NotAFeed, Refused, Unreachable):
                memory = msgspec.structs.replace(memory, known=Known())
        return await self._read(self._feed.url, memory, cursor is None)

    async def delivered(self, body: bytes, content_type: str) -> tuple[Post, ...]:
        """The entries of a part of the feed that was sent to us, oldest first.

        Raises CollectionFailed.
        """
        url = without_login(self._feed.url)
        reading = await read_feed(body, content_type, url, self._confined)
        if not reading.feed.format:
            raise NotAFeed("a delivery is no RSS, Atom or JSON Feed")
        posts = _posts(reading.feed.entries, self._feed, self._clock(), None)
        return tuple(reversed([post for post, _ in posts]))

    async def _read(self, url: str, memory: Cursor, is_first: bool) -> Page:
        answer = await fetch(self._client, url, memory.known, self._clock, self._limits)
        known = answer.known
        if url == memory.known.moved_to and known.moved_to is None:
            moved = memory.known
            known = msgspec.structs.replace(
                known, moved_to=moved.moved_to, moved_times=moved.moved_times
            )
        memory = msgspec.structs.replace(memory, known=known)
        if answer.body is None:
            metrics.FEEDS_READ.labels("unchanged").inc()
            return _page((), memory, answer, "unchanged")
        reading = await read_feed(answer.body, answer.content_type, answer.url, self._confined)
        metrics.FEEDS_READ.labels(reading.path).inc()
        if not reading.feed.format:
            if not answer.complete:
                raise Unreachable("the connection broke in the middle of the answer")
            raise _no_feed(answer.body, answer)
        now = self._clock()
        oldest = now - _OLD if is_first else None
        posts = _posts(reading.feed.entries, self._feed, now, oldest)
        hashes = {short_hash(post.native_id): digest for post, digest in posts}
        news = [post for post, new in posts if memory.seen.get(short_hash(post.native_id)) != new]
        wish = wish_of_feed(answer.body, now)
        memory = msgspec.structs.replace(
            memory, seen=hashes, wish=wish.total_seconds() if wish else None
        )
        health: Literal["ok", "unchanged", "empty"] = "ok" if news else "unchanged"
        return _page(tuple(reversed(news)), memory, answer, health if posts else "empty")


def _recall(cursor: str | None, url: str) -> Cursor:
    """The memory behind a cursor; an empty one when it is of another address or of no use."""
    try:
        memory = msgspec.json.decode(cursor or "", type=Cursor)
    except msgspec.DecodeError:
        return Cursor(url)
    return memory if memory.url == url else Cursor(url)


def _page(
    posts: tuple[Post, ...],
    memory: Cursor,
    answer: Answer,
    health: Literal["ok", "unchanged", "empty"],
) -> Page:
    wish = timedelta(seconds=memory.wish) if memory.wish else None
    return Page(
        posts=posts,
        cursor=msgspec.json.encode(memory).decode(),
        next_in=longest(answer.fresh_for, wish),
        health=health,
    )


def _no_feed(body: bytes, answer: Answer) -> Blocked | NotAFeed:
    if not body.strip():
        return NotAFeed("the answer is empty")
    if not is_html(body):
        kind = answer.content_type.partition(";")[0][:60] or "no stated type"
        return NotAFeed(f"the answer ({kind}) is no RSS, Atom or JSON Feed")
    if is_challenge(body):
        return Blocked("the server answered with a page for browsers that asks for a person")
    named = feeds_named_by(body, answer.url)
    hint = f"; its feed is {without_login(named[0])}" if named else ""
    return NotAFeed("the address leads to an HTML page" + hint)


def feeds_named_by(page: bytes, url: str) -> list[str]:
    """The feeds that an HTML page names as its own, in its order. url: where the page stands."""
    try:
        document = html.document_fromstring(page[:_HEAD_OF_PAGE])
    except (ValueError, html.etree.ParserError):
        return []
    (base, *_) = [*(each.get("href") or "" for each in document.iter("base")), ""]
    named: list[str] = []
    for link in document.iter("link"):
        kind = (link.get("type") or "").lower()
        if "alternate" in (link.get("rel") or "").lower().split() and kind in _FEED_TYPES:
            named.append(joined(joined(url, base), link.get("href") or ""))
    return [each for each in dict.fromkeys(named) if each.startswith(("http://", "https://"))]


_KINDS: Final[Mapping[str, Kind]] = {
    "news": "article",
    "blog": "article",
    "podcast": "article",
    "forum": "post",
    "social": "post",
    "review": "review",
}


def _posts(
    entries: Sequence[Entry], feed: FeedAt, now: datetime, oldest: datetime | None
) -> list[tuple[Post, str]]:
    """The entries as posts, each with a hash of its content."""
    named = [(entry, _name(entry)) for entry in entries if entry.title or entry.text]
    times = Counter(name for _, name in named)
    posts: dict[str, tuple[Post, str]] = {}
    for entry, name in named:
        # Some feeds give every entry the same guid; none of them may be lost for it.
        unique = name if times[name] == 1 else f"{name}#{short_hash(_distinction(entry))}"
        digest = short_hash(msgspec.json.encode(entry).decode())
        posts.setdefault(unique, (_post(entry, unique, feed, now, oldest), digest))
    return list(posts.values())


def _post(entry: Entry, name: str, feed: FeedAt, now: datetime, oldest: datetime | None) -> Post:
    """A time in the future is taken as now; an entry without one counts as new.

    oldest: what was published before it belongs to the past.
    """
    published = min(entry.published, now) if entry.published else None
    answered = f"{feed.source}/{entry.in_reply_to}" if entry.in_reply_to else None
    return Post(
        platform=feed.platform,
        native_id=f"{feed.source}/{name}",  # an id is unique inside its feed only
        kind=_kind(entry, feed),
        url=entry.link,
        title=entry.title,
        text=entry.text,
        lang=feed.lang or entry.lang,
        author=entry.author,
        published_at=published,
        thread=answered,
        in_reply_to=answered,
        rating=entry.rating,
        engagement=None if entry.replies is None else Engagement(replies=entry.replies),
        backfill=oldest is not None and published is not None and published < oldest,
    )


def _kind(entry: Entry, feed: FeedAt) -> Kind:
    if entry.rating is not None:
        return "review"
    kind = _KINDS[feed.platform]
    return "reply" if entry.in_reply_to and kind == "post" else kind


def _name(entry: Entry) -> str:
    """What tells an entry from the others of its feed: its id, else its link, else its content."""
    return entry.id or entry.link or f"sha:{short_hash(_distinction(entry))}"


def _distinction(entry: Entry) -> str:
    when = entry.published.isoformat() if entry.published else entry.text
    return "\x1f".join((entry.link or "", entry.title or "", when))


def short_hash(text: str) -> str:
    """Sixteen characters that tell texts apart."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
