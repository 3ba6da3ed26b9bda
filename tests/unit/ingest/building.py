"""Builders and small stand-ins for the tests of ingest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from libs.common.bus import Message
from libs.common.errors import BusUnavailable, MessageTooLarge
from libs.common.events import Mention
from libs.common.settings import Watch
from services.ingest.collector import Tools
from services.ingest.collectors import feed
from services.ingest.match import Pseudonyms, Watches
from services.ingest.post import Post, PostAuthor

NOW = datetime(2026, 9, 18, 10, 30, tzinfo=UTC)
KEY = b"a key for the tests"


class SetClock:
    """Shows the time it was set to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **times: float) -> None:
        self.now += timedelta(**times)


class Unconfined:
    """Runs jobs in this process, and counts them."""

    def __init__(self) -> None:
        self.jobs = 0

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes:
        self.jobs += 1
        return function(payload)


class ListBus:
    """Keeps what is published; refuses while it is down, and what is longer than `longest`."""

    def __init__(self, longest: int = 1 << 20) -> None:
        self.messages: list[Message] = []
        self.is_down = False
        self.longest = longest

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.is_down:
            raise BusUnavailable("the log is down")
        if any(len(message.value or b"") > self.longest for message in messages):
            raise MessageTooLarge(f"{self.longest} bytes are the most")
        self.messages += messages

    @property
    def mentions(self) -> list[Mention]:
        return [msgspec.json.decode(m.value or b"", type=Mention) for m in self.messages]


def a_post(**fields: Any) -> Post:
    defaults: dict[str, Any] = {
        "platform": "forum",
        "native_id": "kurve/1",
        "kind": "post",
        "text": "Die Bremse meiner Motorrad AG versagt.",
        "url": "https://forum.example/1",
        "published_at": NOW - timedelta(minutes=5),
        "author": PostAuthor(handle="biker77", name="Ann", url="https://forum.example/u/1"),
    }
    return Post(**{**defaults, **fields})


def a_watch(id: str = "motorrad-ag", query: str = "Motorrad*", **fields: object) -> Watch:
    return Watch.model_validate({"id": id, "name": id, "query": query, **fields})


def some_watches(*watches: Watch, is_open: bool = False) -> Watches:
    return Watches(watches or (a_watch(),), Pseudonyms(KEY, is_open=is_open))


def a_feed_config(**fields: object) -> feed.Config:
    defaults = {"id": "presse", "url": "https://news.example/feed.xml", "every": "5m"}
    return feed.Config.model_validate({**defaults, **fields})


def tools_over(
    answer: Callable[[httpx.Request], httpx.Response],
    clock: SetClock | None = None,
    confined: Unconfined | None = None,
) -> Tools:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return Tools(client, client, clock or SetClock(), confined or Unconfined())


def rss(*items: str) -> str:
    return f"<rss version='2.0'><channel><title>T</title>{''.join(items)}</channel></rss>"


def item(number: int, text: str = "Motorrad", date: str = "2026-09-18T10:00:00Z") -> str:
    return (
        f"<item><guid isPermaLink='false'>{number}</guid><title>Meldung {number}</title>"
        f"<description>{text}</description><pubDate>{date}</pubDate></item>"
    )
