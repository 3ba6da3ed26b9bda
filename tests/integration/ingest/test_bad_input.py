"""What servers do to a feed reader, over real connections: refused with a reason or handled."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from libs.common.clock import utc_now
from libs.common.http import open_client
from services.ingest.collector import Collector, Limits, Tools
from services.ingest.failure import (
    Blocked,
    CollectionFailed,
    NotAFeed,
    Refused,
    TooLarge,
    TooSlow,
    Unreachable,
)
from services.ingest.post import Page
from services.ingest.reading.confined import ConfinedProcess
from tests.unit.ingest.building import a_feed_config, item, rss

Serve = Callable[[asyncio.StreamWriter], Awaitable[None]]
MEGABYTE = 1024 * 1024


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    """Answers each request with `serve`; gives the address."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/feed"


def with_body(body: bytes, *headers: str, status: str = "200 OK", cut: int = 0) -> Serve:
    """Sends the body with its length; `cut`: so many bytes of it never arrive."""

    async def serve(writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body[: len(body) - cut])
        await writer.drain()

    return serve


def endless(piece: bytes, pause: float = 0.0) -> Serve:
    async def serve(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return serve


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def read(
    serve: Serve, *, cursor: str | None = None, seconds: float = 10.0, allow_private: bool = True
) -> Page:
    confined = ConfinedProcess()
    async with (
        server(serve) as url,
        open_client(user_agent="test", allow_private=allow_private) as client,
    ):
        config = a_feed_config(url=url, allow_private=allow_private)
        limits = Limits(size=MEGABYTE, seconds=seconds)
        collector = config.build(Tools(client, client, utc_now, confined, limits=limits))
        assert isinstance(collector, Collector)
        try:
            return await collector.collect(cursor)
        finally:
            await confined.close()


def titles(page: Page) -> list[str | None]:
    return [post.title for post in page.posts]


def gzip_bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    return b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(300)) + packer.flush()


GOOD = rss(item(1), item(2)).encode()


@pytest.mark.parametrize(
    ("serve", "failure", "words"),
    [
        (with_body(b"<!DOCTYPE html><html><p>Hallo</p></html>"), NotAFeed, "HTML page"),
        (with_body(b""), NotAFeed, "empty"),
        (with_body(b"<html>Just a moment...</html>"), Blocked, "a person"),
        (with_body(b"<html>no</html>", status="403 Forbidden"), Blocked, "403"),
        (with_body(b"<html>no</html>", status="503 Unavailable"), Blocked, "503"),
        (with_body(gzip_bomb(), "Content-Encoding: gzip"), TooLarge, "unpacked"),
        (with_body(gzip_bomb()), TooLarge, "unpacked"),
        (endless(b"<item><title>x</title></item>" * 1000), TooLarge, "1048576"),
        (
            with_body(b"", "Location: http://localhost.invalid/", status="302 Found"),
            Unreachable,
            "cannot resolve",
        ),
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_reason(
    serve: Serve, failure: type[CollectionFailed], words: str
) -> None:
    with pytest.raises(failure, match=words):
        await read(serve)


async def test_two_hundred_megabytes_are_refused_before_they_arrive() -> None:
    sent = 0

    async def huge(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n")
        while sent < 200 * MEGABYTE:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    with pytest.raises(TooLarge, match="209715200 bytes"):
        await read(huge)
    assert sent < 20 * MEGABYTE


@pytest.mark.parametrize("serve", [silent, endless(b" ", pause=0.01)])
async def test_a_server_that_never_finishes_is_given_up(serve: Serve) -> None:
    with pytest.raises(TooSlow):
        await read(serve, seconds=0.3)


async def test_a_private_address_is_refused_unless_the_source_allows_it() -> None:
    with pytest.raises(Refused, match=r"127\.0\.0\.1"):
        await read(with_body(GOOD), allow_private=False)
    assert len((await read(with_body(GOOD))).posts) == 2


@pytest.mark.parametrize(
    "serve",
    [
        with_body(gzip.compress(GOOD), "Content-Encoding: gzip"),
        with_body(zlib.compress(GOOD), "Content-Encoding: deflate"),
        with_body(gzip.compress(GOOD), "Content-Type: application/gzip"),
        with_body(GOOD.decode().encode("utf-16"), "Content-Type: text/xml; charset=iso-8859-1"),
    ],
)
async def test_every_packing_and_label_is_read(serve: Serve) -> None:
    assert titles(await read(serve)) == ["Meldung 2", "Meldung 1"]


async def test_of_a_connection_that_breaks_the_good_entries_are_kept_and_the_rest_comes_later() -> (
    None
):
    first = await read(with_body(GOOD, 'ETag: "a"', cut=len(GOOD) // 3))
    assert "Meldung 1" in titles(first)
    assert '"etag"' not in (first.cursor or "")


async def test_a_truncated_feed_keeps_its_good_entries() -> None:
    assert "Meldung 1" in titles(await read(with_body(GOOD[: -len(GOOD) // 3])))


async def test_a_wrong_charset_does_not_lose_an_umlaut() -> None:
    feed = '<?xml version="1.0" encoding="utf-8"?>' + rss(item(1, text="Öl läuft aus"))
    page = await read(with_body(feed.encode("cp1252"), "Content-Type: text/xml; charset=utf-8"))
    assert [post.text for post in page.posts] == ["Öl läuft aus"]


async def test_html_entities_missing_guids_and_german_dates_together() -> None:
    feed = rss(
        "<item><title>Brand&nbsp;in K&ouml;ln</title><link>/1</link>"
        "<pubDate>Do, 17 Sep 2026 10:00:00 MESZ</pubDate></item>",
        "<item><title>Ohne alles</title></item>",
    )
    last, first = (await read(with_body(feed.encode()))).posts
    assert (first.title, last.title) == ("Brand in Köln", "Ohne alles")
    assert first.published_at == datetime(2026, 9, 17, 8, tzinfo=UTC)
    assert first.native_id == f"presse/{first.url}"


async def test_deep_nesting_and_entity_bombs_do_not_stop_good_entries() -> None:
    laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 9))
    bomb = f"<!DOCTYPE rss [<!ENTITY l0 'ha'>{laughs}]>" + rss(item(1), item(2, text="&l8;"))
    assert "Meldung 1" in titles(await read(with_body(bomb.encode()), seconds=30))
    deep = rss(item(1), f"<item><title>{'<a>' * 100_000}</title></item>")
    assert "Meldung 1" in titles(await read(with_body(deep.encode()), seconds=30))
