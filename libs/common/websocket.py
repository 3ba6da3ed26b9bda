"""Outgoing WebSockets that cannot be led into a private network, as `http.py` does for HTTP.

The host is resolved once, the address that passed the check is the one connected to, and the host
stays in `Host`, in SNI and in the certificate's check. Redirects are not followed, and the
environment's proxy settings are ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
)

from libs.common.errors import AddressRefused, BrandmelderError
from libs.common.http import Permits, Resolve, is_public, resolve_with_system

_MOST_WAITING: Final = 2048
_FEWEST_WAITING: Final = 16
_ROOM: Final = 64 * 1024 * 1024
"""Bytes of messages that may wait in memory."""
_TOO_BIG: Final = 1009
_CLOSING: Final = 2.0
"""Seconds the server may take to say goodbye."""


class WebSocketFailed(BrandmelderError):
    """There is no connection, or it broke."""


class OversizedMessage(WebSocketFailed):
    """A message was larger than its limit."""


class HandshakeRefused(WebSocketFailed):
    """The server answered with something else than a WebSocket."""

    def __init__(self, status: int, headers: httpx.Headers, body: bytes) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status
        self.headers = headers
        self.body = body


class WebSocket(Protocol):
    """An open connection."""

    def messages(self, *, quiet: float) -> AsyncGenerator[bytes, None]:
        """What the server sends, text as UTF-8. It ends when the server says goodbye.

        quiet: seconds without a message after which TimeoutError is raised. Raises WebSocketFailed
        when the connection breaks, also when the server ends it with an error.
        """
        ...


@asynccontextmanager
async def open_websocket(
    url: str,
    *,
    user_agent: str,
    max_size: int,
    timeout: float = 20.0,
    allow_private: bool = False,
    resolve: Resolve = resolve_with_system,
    permits: Permits = is_public,
) -> AsyncIterator[WebSocket]:
    """A connection to a `ws` or `wss` address while the block runs.

    max_size: bytes of a message; timeout: seconds until the connection stands. Raises
    AddressRefused when every address of the host is refused, TimeoutError, WebSocketFailed.
    """
    async with asyncio.timeout(timeout):
        connection = await _connected(url, user_agent, max_size, allow_private, resolve, permits)
    try:
        yield _Connection(connection)
    finally:
        await connection.close()


def waiting(max_size: int) -> tuple[int, int]:
    """Messages of at most so many bytes that wait in memory before the connection is no longer
    read, and how many are left of them when it is again."""
    most = min(_MOST_WAITING, max(_FEWEST_WAITING, _ROOM // max_size))
    return most, most // 4


async def _connected(
    url: str,
    user_agent: str,
    max_size: int,
    allow_private: bool,
    resolve: Resolve,
    permits: Permits,
) -> ClientConnection:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)
    failure: Exception = OSError("the host has no address")
    for address in await _permitted(host, port, allow_private, resolve, permits):
        try:
            return await _Connect(
                url,
                host=address,
                port=port,
                ssl=httpx.create_ssl_context() if parts.scheme == "wss" else None,
                proxy=None,
                compression=None,  # costs more than the network here
                max_size=max_size,
                max_queue=waiting(max_size),
                open_timeout=None,
                close_timeout=_CLOSING,
                user_agent_header=user_agent,
            )
        except InvalidStatus as error:
            answer = error.response
            headers = httpx.Headers(list(answer.headers.raw_items()))
            raise HandshakeRefused(answer.status_code, headers, bytes(answer.body or b"")) from None
        except (OSError, InvalidMessage) as error:
            failure = error
        except InvalidHandshake as error:
            raise WebSocketFailed(f"no WebSocket: {error}") from error
    raise WebSocketFailed(f"no connection to {host}: {failure}") from failure


async def _permitted(
    host: str, port: int, allow_private: bool, resolve: Resolve, permits: Permits
) -> list[str]:
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise WebSocketFailed(f"cannot resolve {host}: {error}") from error
    permitted = [address for address in addresses if allow_private or permits(address)]
    if addresses and not permitted:
        raise AddressRefused(f"{host} leads to {addresses[0]}, which is no public address")
    return permitted


class _Connect(connect):
    """Follows no redirects: they would lead past the check."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class _Connection:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def messages(self, *, quiet: float) -> AsyncGenerator[bytes, None]:
        receive = self._connection.recv
        try:
            while True:
                async with asyncio.timeout(quiet):
                    message = await receive(decode=False)
                yield message
        except ConnectionClosedOK:
            return
        except ConnectionClosedError as error:
            if error.sent is not None and error.sent.code == _TOO_BIG:
                raise OversizedMessage("a message was larger than its limit") from None
            raise WebSocketFailed(f"the connection broke: {error}"[:300]) from None
