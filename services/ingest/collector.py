"""What a collector is: a place posts come from, read page by page or as they come.

A collector holds no schedule and no state. It gets the cursor of its last page and gives the next
page with a new cursor; the scheduler keeps the cursor once the page is on the log, decides when to
ask again, and turns a failure (`failure.py`) into the source's health.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Protocol, runtime_checkable

import httpx
from pydantic import Field

from libs.common.clock import Clock
from libs.common.settings import Duration, Identifier, Strict
from services.ingest.budget import Budget, Spent
from services.ingest.hook import Hook
from services.ingest.post import Deletion, Page


@runtime_checkable
class Collector(Protocol):
    """A place posts come from. Reading it changes nothing there."""

    async def collect(self, cursor: str | None) -> Page:
        """The posts since `cursor`; None reads from what the source offers as its newest.

        Raises CollectionFailed.
        """
        ...


@runtime_checkable
class Stream(Protocol):
    """A place that sends posts as they come. Listening changes nothing there."""

    def listen(self, cursor: str | None) -> AsyncGenerator[Page, None]:
        """Pages from `cursor` on, the gap since then closed where the platform allows it. A page
        without posts shows that the stream is alive. It ends when the server ends the stream.

        Raises CollectionFailed.
        """
        ...


@runtime_checkable
class LooksBack(Protocol):
    """What a collector of a platform with a past may have, for back-fills."""

    def since(self, start: datetime) -> str:
        """The cursor from which `collect` reads everything published since `start`."""
        ...


@runtime_checkable
class LooksAgain(Protocol):
    """What a collector has whose platform does not tell of deletions, but can be asked."""

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        """Those of these posts that the platform no longer shows. Raises CollectionFailed."""
        ...


@runtime_checkable
class Priced(Protocol):
    """What a collector has whose platform counts or charges for what is read."""

    def dearest_page(self) -> Spent:
        """The most that the next page may cost."""
        ...

    def looking_again(self, posts: int) -> Spent:
        """What it costs to ask for so many posts again."""
        ...


class Confined(Protocol):
    """Runs code that reads hostile input where it can do no harm: see `confined.py`."""

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """size: bytes of the content once unpacked; seconds: for the whole of it, redirects too."""

    size: int = 16 * 1024 * 1024
    seconds: float = 60.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Tools:
    """What a source's configuration may build its collector from.

    client reaches public addresses only; private_client reaches any. keywords: words and phrases,
    as written, for the platform's own search. keywords_suffice: one of them is in every post that
    any watch wants; not so when a watch asks for no word at all, as `site:fanclub.example`.
    """

    client: httpx.AsyncClient
    private_client: httpx.AsyncClient
    clock: Clock
    confined: Confined
    keywords: tuple[str, ...] = ()
    limits: Limits = Limits()
    keywords_suffice: bool = True

    def client_for(self, source: SourceConfig) -> httpx.AsyncClient:
        return self.private_client if source.allow_private else self.client


class SourceConfig(Strict, ABC):
    """What every kind of source has in its configuration."""

    id: Identifier
    kind: str
    every: Duration = Field(default=timedelta(minutes=5), ge=timedelta(seconds=1))
    """Time between two readings; the source's own wishes may make it longer."""
    quiet_after: Duration | None = None
    """Longer silence than this is not calm: the source counts as silent."""
    control: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """A word that is known to occur here: when it is missing for long, the source is silent."""
    look_again: Duration | None = Field(default=timedelta(hours=12), ge=timedelta(minutes=1))
    """After this time a published post is asked for again, on platforms that do not tell of
    deletions by themselves; null never asks."""
    allow_private: bool = False
    """Whether the address may lead into a private network."""
    budget: Budget | None = None
    """What reading may cost a month; without one it costs what it costs."""

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
    def build(self, tools: Tools) -> Collector | Stream | Hook:
        """The collector this configuration describes."""
