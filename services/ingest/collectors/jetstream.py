"""Bluesky as it happens: every new post, searched here for the words of the watches.

Jetstream sends them, in version 1 of its format, which stays as it is:
https://github.com/bluesky-social/jetstream. Deleted posts are told. Of accounts that are deleted
or taken down it does not say which posts they had: kind `bluesky` asks for single posts again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlencode, urlsplit

import msgspec
import structlog
from pydantic import AfterValidator, Field

from libs.common import metrics
from libs.common.errors import AddressRefused
from libs.common.settings import Duration
from libs.common.websocket import (
    HandshakeRefused,
    OversizedMessage,
    WebSocket,
    WebSocketFailed,
    open_websocket,
)
from services.ingest.collector import SourceConfig, Stream, Tools
from services.ingest.failure import (
    Blocked,
    CollectionFailed,
    Refused,
    TooLarge,
    TooSlow,
    Unreachable,
)
from services.ingest.post import Deletion, Page, Post
from services.ingest.reading.answer import is_challenge
from services.ingest.reading.bluesky_record import COLLECTION, PLATFORM, Record, address_of, post_of
from services.ingest.reading.keyword_filter import may_hold
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.platform_api import PlatformApi, Reply
from services.ingest.reading.streaming import together
from services.ingest.stamps import stamp, time_of

logger = structlog.get_logger(__name__)

_REWIND: Final = timedelta(seconds=5)
"""So much is asked for again after a break: servers do not agree on the order of events."""
_CLAMPED: Final = timedelta(seconds=60)
"""A first event so much later than the cursor: the server no longer had what lies between."""
_WITHIN: Final = 0.5
"""Seconds in which what has arrived becomes one page."""
_AT_MOST: Final = 2000
_PROGRESS: Final = 1.0
"""Seconds between two signs of life while nothing is of interest."""
_MOST_RECENT: Final = 500
_YEAR_2100: Final = 4_102_444_800_000_000


def _socket_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError("expected an address such as wss://jetstream.example")
    return url.rstrip("/")


class Config(SourceConfig):
    """Bluesky as it happens: every new post, searched here for the words of the watches."""

    kind: Literal["jetstream"] = "jetstream"
    hosts: Annotated[
        tuple[Annotated[str, AfterValidator(_socket_address)], ...], Field(min_length=1)
    ] = (
        "wss://jetstream2.us-east.bsky.network",
        "wss://jetstream1.us-west.bsky.network",
        "wss://jetstream1.us-east.bsky.network",
        "wss://jetstream2.us-west.bsky.network",
    )
    """Servers of equal content; when one does not answer, the next is asked."""
    path: str = "/subscribe"
    terms: tuple[str, ...] = ()
    """Words and phrases to look for instead of those of the watches."""
    first_look: Duration = Field(default=timedelta(hours=24), le=timedelta(hours=36))
    """How far the first reading looks back. The whole network's posts of that time are sent for
    it, as fast as they can be read; servers keep 36 hours."""
    quiet: Duration = Field(default=timedelta(seconds=30), ge=timedelta(seconds=1))
    """A server that sends nothing at all for so long is given up."""
    max_message_bytes: int = Field(default=1_000_000, ge=10_000)
    """Larger events are not sent."""

    @property
    def address(self) -> str:
        return self.hosts[0] + self.path

    @property
    def place(self) -> str:
        return self.kind  # every server has the same posts

    @property
    def host(self) -> str:
        return urlsplit(self.hosts[0]).netloc.rpartition("@")[2].lower()

    def build(self, tools: Tools) -> Stream:
        client = tools.client_for(self)
        connect = partial(
            open_websocket,
            user_agent=client.headers["User-Agent"],
            max_size=min(self.max_message_bytes, tools.limits.size),
            timeout=tools.limits.seconds,
            allow_private=self.allow_private,
        )
        api = PlatformApi(client, tools.clock, tools.limits)
        sought = tools.keywords if tools.keywords_suffice else ()
        return Jetstream(self, connect, api, self.terms or sought)


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far it was read: microseconds since 1970 by the server's clock.

    host: which server sent it. recent: the posts given out in the time that is asked for again,
    and when they came.
    """

    time_us: int
    host: int = 0
    recent: dict[str, int] = {}


class _Text(msgspec.Struct, frozen=True, gc=False):
    text: str = ""


class _Glanced(msgspec.Struct, frozen=True, gc=False):
    operation: str
    collection: str
    rkey: str
    rev: str = ""
    record: _Text | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    """As little of an event as tells whether it is of interest. error: the server's last words."""

    did: str = ""
    time_us: int = 0
    commit: _Glanced | None = None
    error: str | None = None


class _Commit(msgspec.Struct, frozen=True):
    record: Record


class _Whole(msgspec.Struct, frozen=True):
    commit: _Commit


@dataclass(frozen=True, slots=True)
class _Seen:
    """What became of an event: a post, a deletion, or nothing but progress."""

    time_us: int
    key: str = ""
    post: Post | None = None
    deletion: Deletion | None = None


Connect: TypeAlias = Callable[[str], AbstractAsyncContextManager[WebSocket]]


class Jetstream:
    """Listens to one server after the other, from where the last page ended."""

    def __init__(
        self, config: Config, connect: Connect, api: PlatformApi, keywords: Sequence[str]
    ) -> None:
        self._config = config
        self._connect = connect
        self._api = api
        self._clock = api.clock
        self._glance = _Glance(may_hold(keywords))

    async def listen(self, cursor: str | None) -> AsyncGenerator[Page, None]:
        at = remembered(cursor, Cursor)
        first = at.host if at is not None else 0
        hosts = self._config.hosts
        for turn in range(len(hosts)):
            began = False
            try:
                async with aclosing(self._pages((first + turn) % len(hosts), at)) as pages:
                    async for page in pages:
                        began = True
                        yield page
            except CollectionFailed as failure:
                if began or turn == len(hosts) - 1:
                    raise
                logger.warning("a server is passed over", source=self._config.id, why=str(failure))
            else:
                return

    async def _pages(self, host: int, at: Cursor | None) -> AsyncGenerator[Page, None]:
        progress = _Progress(host, at.time_us if at else 0, dict(at.recent) if at else {})
        is_whole = at is None
        events = self._events(self._question(host, at))
        async with aclosing(together(events, within=_WITHIN, at_most=_AT_MOST)) as batches:
            async for batch in batches:
                complete = is_whole or batch[0].time_us <= progress.time_us + _micros(_CLAMPED)
                is_whole = True
                now = self._clock()
                page = progress.page(batch, stamp(now), complete=complete)
                lag = now - time_of(batch[-1].time_us)
                metrics.STREAM_LAG_SECONDS.labels(self._config.kind).set(
                    max(0.0, lag.total_seconds())
                )
                yield page

    def _question(self, host: int, at: Cursor | None) -> str:
        since = stamp(self._clock() - self._config.first_look)
        if at is not None:
            since = at.time_us - _micros(_REWIND)
        asked = {
            "wantedCollections": COLLECTION,
            "maxMessageSizeBytes": self._config.max_message_bytes,
            "cursor": since,
        }
        return f"{self._config.hosts[host]}{self._config.path}?{urlencode(asked)}"

    async def _events(self, url: str) -> AsyncGenerator[_Seen, None]:
        quiet = self._config.quiet.total_seconds()
        with self._failures_named(quiet):
            async with self._connect(url) as socket, aclosing(socket.messages(quiet=quiet)) as sent:
                told, messages = 0.0, 0
                async for message in sent:
                    messages += 1
                    seen = self._glance.at(message)
                    if seen is None:
                        continue
                    now = time.monotonic()
                    if seen.key or seen.deletion or now - told >= _PROGRESS:
                        told = now
                        metrics.STREAM_MESSAGES.labels(self._config.kind).inc(messages)
                        messages = 0
                        yield seen

    @contextmanager
    def _failures_named(self, quiet: float) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise TooSlow(f"no answer in time, or silent for {quiet:g} s") from None
        except AddressRefused as error:
            raise Refused(str(error)) from error
        except OversizedMessage as error:
            raise TooLarge(str(error)) from error
        except HandshakeRefused as error:
            if is_challenge(error.body):
                raise Blocked("the server asks for a person") from None
            reply = Reply(error.status, error.headers, error.body, self._clock())
            raise self._api.refusal(reply) from None
        except WebSocketFailed as error:
            raise Unreachable(str(error)) from error


class _Glance:
    """Looks at every event, as briefly as possible, and closely at those of interest."""

    def __init__(self, may_hold: Callable[[str], bool]) -> None:
        self._may_hold = may_hold
        self._brief = msgspec.json.Decoder(_Event).decode
        self._whole = msgspec.json.Decoder(_Whole).decode

    def at(self, message: bytes) -> _Seen | None:
        """None when it cannot be read. Raises Unreachable for the server's last words."""
        try:
            event = self._brief(message)
            if not 0 < event.time_us < _YEAR_2100:
                _count_strange(event)
                return None
            commit = event.commit
            if commit is None or commit.collection != COLLECTION:
                return _Seen(event.time_us)
            if commit.record is None:
                return _gone(event, commit) if commit.operation == "delete" else None
            if not self._may_hold(commit.record.text):
                return _Seen(event.time_us)
            record = self._whole(message).commit.record
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            metrics.POSTS_UNREADABLE.labels(PLATFORM).inc()
            logger.warning("a post cannot be read", platform=PLATFORM, reason=str(error)[:200])
            return None
        at = time_of(event.time_us)
        edited_at = at if commit.operation == "update" else None
        return _Seen(
            event.time_us,
            key=f"{event.did}/{commit.rkey}/{commit.rev}",
            post=post_of(event.did, commit.rkey, record, at, edited_at=edited_at),
        )


def _count_strange(event: _Event) -> None:
    if event.error is not None:
        raise Unreachable(f"the server ended the stream: {event.error[:100]}")
    metrics.POSTS_UNREADABLE.labels(PLATFORM).inc()


def _gone(event: _Event, commit: _Glanced) -> _Seen:
    uri = address_of(event.did, commit.rkey)
    return _Seen(event.time_us, deletion=Deletion(PLATFORM, uri, time_of(event.time_us)))


@dataclass(slots=True)
class _Progress:
    """How far one connection has come, and what it gave out lately."""

    host: int
    time_us: int
    recent: dict[str, int] = field(default_factory=dict)

    def page(self, batch: Sequence[_Seen], now_us: int, *, complete: bool) -> Page:
        posts: list[Post] = []
        for seen in batch:
            if seen.post is not None and seen.key not in self.recent:
                self.recent[seen.key] = seen.time_us
                posts.append(seen.post)
        deletions = tuple(seen.deletion for seen in batch if seen.deletion is not None)
        # A server whose clock is ahead must not make us skip what is to come.
        self.time_us = max(self.time_us, min(batch[-1].time_us, now_us))
        since = self.time_us - 2 * _micros(_REWIND)
        fresh = [(key, at) for key, at in self.recent.items() if at >= since]
        self.recent = dict(fresh[-_MOST_RECENT:])
        return Page(
            posts=tuple(posts),
            deletions=deletions,
            cursor=cursor_of(Cursor(self.time_us, self.host, self.recent)),
            complete=complete,
            health="ok" if posts or deletions else "unchanged",
        )


def _micros(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
