"""Jetstream: what is kept of the firehose, and where listening goes on after a break."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from libs.common.websocket import HandshakeRefused, WebSocket, WebSocketFailed
from services.ingest.collector import Limits
from services.ingest.collectors.jetstream import Config, Cursor, Jetstream
from services.ingest.failure import Blocked, CollectionFailed, RateLimited, TooSlow, Unreachable
from services.ingest.post import Deletion, Page, Post, PostAuthor
from services.ingest.reading.platform_api import PlatformApi
from tests.unit.ingest.building import NOW, SetClock

MICROSECONDS = 1_000_000
NOW_US = int(NOW.timestamp()) * MICROSECONDS


def an_event(seconds: float = 0, **fields: object) -> bytes:
    """An event so many seconds before now."""
    time_us = NOW_US - int(seconds * MICROSECONDS)
    return json.dumps(
        {"did": "did:plc:abc", "time_us": time_us, "kind": "commit", **fields}
    ).encode()


def a_commit(
    text: str = "acme is down",
    *,
    seconds: float = 0,
    operation: str = "create",
    rkey: str = "3lxyz",
    rev: str = "3lrev",
    **record: object,
) -> bytes:
    commit: dict[str, object] = {
        "rev": rev,
        "operation": operation,
        "collection": "app.bsky.feed.post",
        "rkey": rkey,
    }
    if operation != "delete":
        created = {"createdAt": "2011-01-01T00:00:00.000Z", "langs": ["en", "de"]}
        commit["record"] = {"$type": "app.bsky.feed.post", "text": text, **created, **record}
        commit["cid"] = "bafy"
    return an_event(seconds, commit=commit)


class Said:
    """A server that sends these messages; then it says goodbye, or fails so."""

    def __init__(self, *messages: bytes, then: Exception | None = None) -> None:
        self._messages = messages
        self._then = then

    async def messages(self, *, quiet: float) -> AsyncGenerator[bytes, None]:
        for message in self._messages:
            yield message
        if self._then is not None:
            raise self._then


class Servers:
    """Hosts and what each says, or how it refuses; keeps where it was connected to."""

    def __init__(self, **hosts: Said | Exception) -> None:
        self._hosts = hosts
        self.asked: list[str] = []

    @asynccontextmanager
    async def connect(self, url: str) -> AsyncIterator[WebSocket]:
        self.asked.append(url)
        host = self._hosts[str(urlsplit(url).hostname)]
        if isinstance(host, Exception):
            raise host
        yield host

    @property
    def asked_hosts(self) -> list[str]:
        return [str(urlsplit(url).hostname) for url in self.asked]

    def stream(self, *keywords: str) -> Jetstream:
        hosts = [f"wss://{host}" for host in self._hosts]
        config = Config.model_validate({"id": "bluesky", "hosts": hosts})
        api = PlatformApi(httpx.AsyncClient(), SetClock(), Limits())
        return Jetstream(config, self.connect, api, keywords or ("acme",))


async def heard(stream: Jetstream, cursor: str | None = None) -> list[Page]:
    return [page async for page in stream.listen(cursor)]


async def keep(kept: list[Page], pages: AsyncGenerator[Page, None]) -> None:
    """What came before the end stays, however it ends."""
    async for page in pages:
        kept.append(page)  # noqa: PERF401 -- a comprehension would lose them


def posts_of(pages: Sequence[Page]) -> list[Post]:
    return [post for page in pages for post in page.posts]


def cursor_at(seconds: float = 0, **fields: object) -> str:
    time_us = NOW_US - int(seconds * MICROSECONDS)
    return msgspec.json.encode(Cursor(time_us=time_us, **fields)).decode()  # type: ignore[arg-type]


async def test_a_post_is_whole_and_its_time_is_the_networks() -> None:
    reply = {
        "root": {"cid": "b", "uri": "at://did:plc:r/app.bsky.feed.post/1"},
        "parent": {"cid": "b", "uri": "at://did:plc:p/app.bsky.feed.post/2"},
    }
    pages = await heard(Servers(a=Said(a_commit("acme 🔥 down", reply=reply))).stream())
    assert posts_of(pages) == [
        Post(
            platform="bluesky",
            native_id="at://did:plc:abc/app.bsky.feed.post/3lxyz",
            kind="reply",
            url="https://bsky.app/profile/did:plc:abc/post/3lxyz",
            text="acme 🔥 down",
            lang="en",
            author=PostAuthor(id="did:plc:abc", url="https://bsky.app/profile/did:plc:abc"),
            published_at=NOW,
            thread="at://did:plc:r/app.bsky.feed.post/1",
            in_reply_to="at://did:plc:p/app.bsky.feed.post/2",
        )
    ]


async def test_only_what_may_hold_a_keyword_is_a_post() -> None:
    said = Said(
        a_commit("Guten Morgen", rkey="1"),
        a_commit("ACME antwortet nicht", rkey="2"),
        an_event(kind="identity", identity={"did": "did:plc:abc", "handle": "acme.example"}),
        an_event(kind="account", account={"active": False, "status": "takendown"}),
        an_event(commit={"operation": "create", "collection": "app.bsky.feed.like", "rkey": "3"}),
    )
    pages = await heard(Servers(a=said).stream())
    assert [post.text for post in posts_of(pages)] == ["ACME antwortet nicht"]


async def test_an_update_is_the_same_post_edited() -> None:
    said = Said(
        a_commit("acme?", seconds=9, rev="1"),
        a_commit("acme!", seconds=3, rev="2", operation="update"),
    )
    first, second = posts_of(await heard(Servers(a=said).stream()))
    assert first.native_id == second.native_id
    assert (first.edited_at, second.edited_at) == (None, NOW - timedelta(seconds=3))


async def test_every_deletion_is_told() -> None:
    pages = await heard(Servers(a=Said(a_commit(operation="delete", rkey="9"))).stream())
    assert [deletion for page in pages for deletion in page.deletions] == [
        Deletion("bluesky", "at://did:plc:abc/app.bsky.feed.post/9", NOW)
    ]


async def test_what_cannot_be_read_costs_nothing_else() -> None:
    said = Said(
        b"[]",
        b"\xff",
        b'{"time_us": "soon"}',
        an_event(seconds=-1e9),
        a_commit(text="acme", langs="en", rkey="1"),
        a_commit(rkey="2"),
    )
    pages = await heard(Servers(a=said).stream())
    assert [post.native_id[-1] for post in posts_of(pages)] == ["2"]


async def test_a_first_listening_looks_back_a_day() -> None:
    servers = Servers(a=Said())
    await heard(servers.stream())
    (url,) = servers.asked
    assert url.startswith("wss://a/subscribe?")
    assert parse_qs(urlsplit(url).query) == {
        "wantedCollections": ["app.bsky.feed.post"],
        "maxMessageSizeBytes": ["1000000"],
        "cursor": [str(NOW_US - 24 * 3600 * MICROSECONDS)],
    }


async def test_after_a_break_some_seconds_are_asked_for_again_and_come_once() -> None:
    before = Servers(a=Said(a_commit(seconds=4, rev="1", rkey="1"), a_commit(seconds=2, rkey="2")))
    cursor = (await heard(before.stream()))[-1].cursor
    after = Servers(
        a=Said(
            a_commit(seconds=4, rev="1", rkey="1"),
            a_commit(seconds=3, rev="unheard", rkey="3"),
            a_commit(seconds=2, rkey="2"),
            a_commit(seconds=1, rev="new", rkey="4"),
        )
    )
    pages = await heard(after.stream(), cursor)
    assert [post.native_id[-1] for post in posts_of(pages)] == ["3", "4"]
    asked = parse_qs(urlsplit(after.asked[0]).query)["cursor"]
    assert asked == [str(NOW_US - (2 + 5) * MICROSECONDS)]


async def test_what_a_server_no_longer_had_is_not_passed_over_in_silence() -> None:
    said = Said(a_commit(seconds=36 * 3600))
    (page,) = await heard(Servers(a=said).stream(), cursor_at(seconds=40 * 3600))
    assert not page.complete
    (page,) = await heard(Servers(a=said).stream(), cursor_at(seconds=36 * 3600 + 20))
    assert page.complete


async def test_a_clock_that_is_ahead_moves_the_cursor_no_further_than_now() -> None:
    (page,) = await heard(Servers(a=Said(a_commit(seconds=-3600))).stream())
    assert msgspec.json.decode(page.cursor or "", type=Cursor).time_us == NOW_US


async def test_a_server_that_does_not_answer_is_passed_over_and_the_next_one_kept() -> None:
    servers = Servers(a=WebSocketFailed("nobody"), b=TimeoutError(), c=Said(a_commit()))
    pages = await heard(servers.stream())
    assert servers.asked_hosts == ["a", "b", "c"]
    assert len(posts_of(pages)) == 1
    again = Servers(a=Said(), b=Said(), c=Said())
    await heard(again.stream(), pages[-1].cursor)
    assert again.asked_hosts == ["c"]


async def test_a_break_after_something_was_heard_is_a_failure_and_loses_nothing() -> None:
    broken = Said(a_commit(), then=WebSocketFailed("1008 ConsumerTooSlow"))
    servers = Servers(a=broken, b=Said())
    pages: list[Page] = []
    with pytest.raises(Unreachable, match="ConsumerTooSlow"):
        await keep(pages, servers.stream().listen(None))
    assert len(posts_of(pages)) == 1
    assert servers.asked_hosts == ["a"]


@pytest.mark.parametrize(
    ("host", "failure"),
    [
        (Said(then=TimeoutError()), TooSlow),
        (Said(b'{"$type":"error","error":"ConsumerTooSlow"}'), Unreachable),
        (HandshakeRefused(200, httpx.Headers(), b"<html>Just a moment..."), Blocked),
        (HandshakeRefused(500, httpx.Headers(), b""), Unreachable),
    ],
)
async def test_why_the_last_server_failed_is_named(
    host: Said | Exception, failure: type[CollectionFailed]
) -> None:
    with pytest.raises(failure):
        await heard(Servers(a=host).stream())


async def test_a_wait_that_is_asked_for_at_the_door_is_kept() -> None:
    refusal = HandshakeRefused(429, httpx.Headers({"Retry-After": "30"}), b"")
    with pytest.raises(RateLimited) as limited:
        await heard(Servers(a=refusal).stream())
    assert limited.value.not_before == NOW + timedelta(seconds=30)


async def test_a_cursor_stays_small() -> None:
    many = [a_commit(rkey=str(number), rev=str(number)) for number in range(3000)]
    pages = await heard(Servers(a=Said(*many)).stream())
    assert len(posts_of(pages)) == 3000
    assert max(len(page.cursor or "") for page in pages) < 50_000
    assert datetime.fromtimestamp(NOW_US / 1e6, UTC) == NOW


@pytest.mark.parametrize("host", ["https://a.example", "wss://", "jetstream"])
def test_only_addresses_of_websockets_are_hosts(host: str) -> None:
    with pytest.raises(ValueError, match="wss://jetstream"):
        Config.model_validate({"id": "bluesky", "hosts": [host]})
