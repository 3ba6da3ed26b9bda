"""Outgoing WebSockets reach public addresses only, and the address that was checked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from libs.common.errors import AddressRefused
from libs.common.http import Resolve
from libs.common.websocket import (
    HandshakeRefused,
    OversizedMessage,
    WebSocketFailed,
    open_websocket,
    waiting,
)


@asynccontextmanager
async def serving(
    talk: Callable[[ServerConnection], Awaitable[None]],
    answer: Callable[[ServerConnection, Request], Response | None] | None = None,
) -> AsyncIterator[int]:
    """A server that talks so, at this port; `answer` may refuse the handshake."""
    async with serve(talk, "127.0.0.1", 0, process_request=answer) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@pytest.mark.parametrize(
    ("max_size", "messages"),
    [(1_000, (2048, 512)), (1_000_000, (67, 16)), (16_000_000, (16, 4))],
)
def test_the_larger_messages_may_be_the_fewer_of_them_wait_in_memory(
    max_size: int, messages: tuple[int, int]
) -> None:
    assert waiting(max_size) == messages


def resolving_to(*addresses: str) -> Resolve:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


async def says(connection: ServerConnection) -> None:
    await connection.send("Grüße")
    await connection.send(b"bytes")


async def heard(url: str, *, size: int = 1000, quiet: float = 5.0) -> list[bytes]:
    async with open_websocket(
        url, user_agent="Test/1", max_size=size, allow_private=True
    ) as socket:
        return [message async for message in socket.messages(quiet=quiet)]


async def test_messages_come_as_bytes_until_the_server_says_goodbye() -> None:
    async with serving(says) as port:
        assert await heard(f"ws://127.0.0.1:{port}/a?b=c") == ["Grüße".encode(), b"bytes"]


async def test_an_address_of_a_private_network_is_refused() -> None:
    async with serving(says) as port:
        with pytest.raises(AddressRefused, match=r"stream\.example leads to 127\.0\.0\.1"):
            async with open_websocket(
                f"ws://stream.example:{port}",
                user_agent="Test/1",
                max_size=1000,
                resolve=resolving_to("127.0.0.1"),
            ):
                raise AssertionError("it connected")


async def test_the_checked_address_is_used_under_the_name_that_was_asked_for() -> None:
    asked: list[tuple[str, str, str]] = []

    async def talk(connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        asked.append((request.path, request.headers["Host"], request.headers["User-Agent"]))

    async with (
        serving(talk) as port,
        open_websocket(
            f"ws://stream.example:{port}/subscribe?x=1",
            user_agent="Test/1",
            max_size=1000,
            resolve=resolving_to("10.0.0.1", "127.0.0.1"),
            permits=lambda address: address == "127.0.0.1",
        ) as socket,
    ):
        assert [message async for message in socket.messages(quiet=5)] == []
    assert asked == [("/subscribe?x=1", f"stream.example:{port}", "Test/1")]


async def test_a_refused_handshake_brings_the_servers_answer() -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "later")
        response.headers["Retry-After"] = "30"
        return response

    async with serving(says, refuse) as port:
        with pytest.raises(HandshakeRefused) as refused:
            await heard(f"ws://127.0.0.1:{port}")
    error = refused.value
    assert (error.status, error.headers["retry-after"], error.body) == (429, "30", b"later")


async def test_redirects_are_not_followed() -> None:
    async with serving(says) as elsewhere:

        def lead_away(connection: ServerConnection, _request: Request) -> Response:
            response = connection.respond(HTTPStatus.FOUND, "")
            response.headers["Location"] = f"ws://127.0.0.1:{elsewhere}/"
            return response

        async with serving(says, lead_away) as port:
            with pytest.raises(HandshakeRefused) as refused:
                await heard(f"ws://127.0.0.1:{port}")
    assert refused.value.status == 302


async def test_a_message_over_the_limit_is_refused() -> None:
    async def talk(connection: ServerConnection) -> None:
        await connection.send("x" * 2000)
        await connection.wait_closed()

    async with serving(talk) as port:
        with pytest.raises(OversizedMessage):
            await heard(f"ws://127.0.0.1:{port}", size=1000)


async def test_a_server_that_closes_with_an_error_is_quoted() -> None:
    async def talk(connection: ServerConnection) -> None:
        await connection.close(1008, "ConsumerTooSlow")

    async with serving(talk) as port:
        with pytest.raises(WebSocketFailed, match="ConsumerTooSlow"):
            await heard(f"ws://127.0.0.1:{port}")


async def test_a_silent_server_is_given_up() -> None:
    async def talk(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with serving(talk) as port:
        with pytest.raises(TimeoutError):
            await heard(f"ws://127.0.0.1:{port}", quiet=0.05)


async def test_nobody_at_the_address_is_no_connection() -> None:
    async with serving(says) as port:
        pass
    with pytest.raises(WebSocketFailed, match="no connection to 127"):
        await heard(f"ws://127.0.0.1:{port}")


async def test_the_name_that_was_asked_for_is_the_one_that_must_prove_itself() -> None:
    named: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate: nobody is trusted
    context.sni_callback = lambda _object, name, _context: named.append(name)
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(WebSocketFailed, match=r"no connection to stream\.example"):
            async with open_websocket(
                f"wss://stream.example:{port}",
                user_agent="Test/1",
                max_size=1000,
                allow_private=True,
                resolve=resolving_to("127.0.0.1"),
            ):
                raise AssertionError("it connected")
    assert named == ["stream.example"]
