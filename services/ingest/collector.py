"""What a collector is: a place posts come from, read page by page.

A collector holds no schedule and no state. It gets the cursor of its last page and gives the next
page with a new cursor; the scheduler keeps the cursor, decides when to ask again, and turns a
failure into the source's health. What can go wrong is a vocabulary, so that health has a reason:

    CollectionFailed
    ├── Unreachable      no connection, no name, broken connection, server error
    ├── TooSlow          the answer took longer than its time limit
    ├── TooLarge         the answer is larger than its size limit, perhaps only once unpacked
    ├── RateLimited      the server asked to wait
    ├── Blocked          a challenge page, or access is forbidden
    ├── AuthFailed       the credentials are missing or refused
    ├── Missing          nothing is there (any more), perhaps for a while
    ├── Gone             the server says it is gone for good: the source is not polled again
    ├── NotAFeed         an answer that is not what the source is configured as
    ├── Unreadable       it could not be read within the limits of time and memory
    └── Refused          the address leads to a private network
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal, Protocol, TypeAlias

import httpx
import msgspec
from pydantic import Field

from libs.common.clock import Clock
from libs.common.errors import BrandmelderError
from libs.common.events import Engagement, Kind, Rating
from libs.common.settings import Duration, Identifier, Strict

Health: TypeAlias = Literal[
    "new", "ok", "unchanged", "empty", "silent", "blocked", "failing", "gone"
]
"""How a source is: `new` was never read, `ok` gave posts, `unchanged` had nothing new, `empty` is
readable but holds nothing at all, `silent` had nothing new for longer than its `quiet_after`; the
others failed, `gone` for good."""


class PostAuthor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who wrote a post, as the platform shows it. It goes no further than `match.py`."""

    handle: str | None = None
    name: str | None = None
    url: str | None = None
    followers: int | None = None


class Post(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One post as its platform shows it, before any watch is asked. The fields are those of a
    `Mention`; `published_at` is None when the platform does not say."""

    platform: str
    native_id: str
    kind: Kind
    url: str | None = None
    title: str | None = None
    text: str
    lang: str | None = None
    author: PostAuthor | None = None
    published_at: datetime | None = None
    thread: str | None = None
    in_reply_to: str | None = None
    rating: Rating | None = None
    engagement: Engagement | None = None
    place: str | None = None
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """The platform no longer shows this post."""

    platform: str
    native_id: str
    deleted_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """What one reading gave.

    cursor: hand it to the next reading, once these posts are durable. next_in: how long the
    source wants to be left alone at least; None when it does not say. health: `ok`, `unchanged`
    or `empty`.
    """

    posts: tuple[Post, ...]
    cursor: str | None
    deletions: tuple[Deletion, ...] = ()
    next_in: timedelta | None = None
    health: Health = "ok"


class Collector(Protocol):
    """A place posts come from. Reading it changes nothing there."""

    async def collect(self, cursor: str | None) -> Page:
        """The posts since `cursor`; None reads from what the source offers as its newest.

        Raises CollectionFailed.
        """
        ...


class CollectionFailed(BrandmelderError):
    """A reading failed. `not_before`: the server asked for no request before this time."""

    health: ClassVar[Health] = "failing"
    reason: ClassVar[str]

    def __init__(self, detail: str, *, not_before: datetime | None = None) -> None:
        super().__init__(detail)
        self.not_before = not_before


class Unreachable(CollectionFailed):
    reason = "unreachable"


class TooSlow(CollectionFailed):
    reason = "too slow"


class TooLarge(CollectionFailed):
    reason = "too large"


class RateLimited(CollectionFailed):
    reason = "rate limited"


class Blocked(CollectionFailed):
    health = "blocked"
    reason = "blocked"


class AuthFailed(CollectionFailed):
    reason = "credentials refused"


class Missing(CollectionFailed):
    reason = "missing"


class Gone(CollectionFailed):
    health = "gone"
    reason = "gone"


class NotAFeed(CollectionFailed):
    reason = "not a feed"


class Unreadable(CollectionFailed):
    reason = "unreadable"


class Refused(CollectionFailed):
    reason = "private address"


class Confined(Protocol):
    """Runs code that reads hostile input where it can do no harm: see `confined.py`."""

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What a source's configuration may build its collector from.

    client reaches public addresses only; private_client reaches any.
    """

    client: httpx.AsyncClient
    private_client: httpx.AsyncClient
    clock: Clock
    confined: Confined


class SourceConfig(Strict, ABC):
    """What every kind of source has in its configuration."""

    id: Identifier
    kind: str
    every: Duration = Field(default=timedelta(minutes=5), ge=timedelta(seconds=1))
    """Time between two readings; the source's own wishes may make it longer."""
    quiet_after: Duration | None = None
    """Longer silence than this is not calm: the source counts as silent."""
    allow_private: bool = False
    """Whether the address may lead into a private network."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it reads, for people: without credentials."""

    @property
    def place(self) -> str:
        """What is read: when this changes, the source is another one and starts anew."""
        return f"{self.kind} {self.address}"

    @property
    @abstractmethod
    def host(self) -> str:
        """What is read politely, one request at a time: usually the host's name."""

    @abstractmethod
    def build(self, tools: Tools) -> Collector:
        """The collector this configuration describes."""
