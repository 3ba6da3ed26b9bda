"""How platforms are asked, and what becomes of the credentials when they refuse."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from contextlib import aclosing

import httpx
import pytest

from services.ingest.collector import Limits
from services.ingest.failure import (
    AuthFailed,
    CollectionFailed,
    Rejected,
    Unreachable,
    Unreadable,
)
from services.ingest.reading.platform_api import PlatformApi
from tests.unit.ingest.building import SetClock
from tests.unit.ingest.collectors.answering import as_sent

KEY = "geheim-0123456789"


async def refused(given: str, answer: str = "", name: str = "Authorization") -> CollectionFailed:
    """How a request with this header fails at a server that answers with 400."""

    def serve(request: httpx.Request) -> httpx.Response:
        return as_sent(httpx.Response(400, text=answer))

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        api = PlatformApi(client, SetClock(), Limits(), {name: given})
        with pytest.raises(CollectionFailed) as caught:
            await api.get("https://api.example/v1")
    return caught.value


@pytest.mark.parametrize("name", ["Authorization", "apikey", "X-Goog-Api-Key"])
async def test_a_server_that_repeats_the_credentials_does_not_show_them(name: str) -> None:
    failure = await refused(f"Bearer {KEY}", f"no valid header: 'Bearer {KEY}'", name)
    assert isinstance(failure, Rejected)
    assert str(failure) == "the server answered 400: no valid header: 'Bearer …'"


async def test_credentials_that_fit_no_header_are_told_without_them() -> None:
    assert isinstance(await refused("Bearer gehéim"), AuthFailed)


@pytest.mark.parametrize("given", [f"Bearer {KEY}\n", "Bearer ", f"Bearer {KEY}\r\nHost: x"])
async def test_a_line_end_in_the_credentials_is_told_without_them(given: str) -> None:
    async def hear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    async with server, httpx.AsyncClient(trust_env=False) as client:
        port = server.sockets[0].getsockname()[1]
        api = PlatformApi(client, SetClock(), Limits(), {"Authorization": given})
        with pytest.raises(Unreachable, match="fits no header") as caught:
            await api.get(f"http://127.0.0.1:{port}/")
    assert "geheim" not in str(caught.value)


async def first_line(content: bytes, coding: str) -> bytes:
    """Of a stream that is sent in one packet."""

    def serve(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Encoding": coding}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(content))

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        api = PlatformApi(client, SetClock(), Limits())
        async with aclosing(api.lines("https://api.example/stream", quiet=60)) as lines:
            return await anext(lines)


async def test_a_stream_that_is_packed_twice_is_not_unpacked() -> None:
    once = gzip.compress(b"a\nb")
    assert await first_line(once, "gzip") == b"a"
    with pytest.raises(Unreadable, match="coding"):
        await first_line(gzip.compress(once), "gzip, gzip")


async def test_a_packet_of_millions_of_lines_needs_no_room_for_all_of_them() -> None:
    content = gzip.compress(bytes([10]) * 4_000_000)
    tracemalloc.start()
    try:
        assert await first_line(content, "gzip") == b""
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16_000_000
