"""WebSockets that go wrong: what `faulty_app.py` does to answers, done to connections."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.faults import Fault

_HEADERS: Final = [(b"content-type", b"text/html; charset=utf-8")]


async def spoil(
    fault: Fault,
    challenge: str,
    connection: asyncio.Transport,
    app: ASGIApp,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Applies the fault to a connection that is about to open: a delay, a refusal, an enormous
    message, or an end after so many bytes. What else a fault may say is for answers only.

    challenge: the page that asks for a person.
    """
    await asyncio.sleep(fault.delay)
    if fault.reset:
        connection.abort()
    elif fault.challenge or (fault.status is not None and fault.status >= 300):
        body = challenge.encode() if fault.challenge else b""
        await _refuse(fault.status or 200, body, send)
    elif fault.oversize:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": " " * fault.oversize})
        await _gone(receive)
    else:
        await app(scope, receive, _cut(fault.cut, connection, send))


async def _refuse(status: int, body: bytes, send: Send) -> None:
    start = {"type": "websocket.http.response.start", "status": status, "headers": _HEADERS}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})


def _cut(after: int | None, connection: asyncio.Transport, send: Send) -> Send:
    """Sends messages until so many bytes of them are sent; None: all of them."""
    left = after

    async def some(message: Message) -> None:
        nonlocal left
        if left is not None and message["type"] == "websocket.send":
            left -= len(message.get("bytes") or message.get("text", ""))
            if left < 0:
                return connection.abort()
        return await send(message)

    return some


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
