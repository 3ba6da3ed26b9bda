"""An ASGI application that answers as another does, unless a fault says otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox import faulty_socket
from sandbox.faults import Fault, Faults

CONNECTION: Final = "sandbox.connection"
"""ASGI extension of `sandbox.server`: the `asyncio.Transport` of the request."""

CHALLENGE: Final = (
    "<!doctype html><html><head><title>Just a moment...</title></head><body>"
    '<h1>Checking your browser</h1><form id="challenge-form" action="/cdn-cgi/challenge">'
    "<noscript>Enable JavaScript and cookies to continue</noscript></form></body></html>"
)
"""What a protected site shows to a program: HTML, whatever was asked for."""

_HOPS: Final = re.compile(rb"_hops=(\d{1,6})\.(30[1278])")
_BEGINNING: Final = (
    b'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Endlos</title>'
)
_ITEM: Final = (
    b"<item><guid>%d</guid><title>Kein Ende</title>"
    b"<description>Und noch einer, und noch einer, und noch einer.</description></item>"
)
_ITEMS_PER_CHUNK: Final = 500


@dataclass(slots=True)
class Answer:
    """A complete answer; header names in lower case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class FaultyApp:
    """Applies the first fault that fits a request.

    `reset` and `cut` need the server of `sandbox.server`, which lends its connection.
    """

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            return await self._spoil_socket(scope, receive, send)
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if hops := _HOPS.fullmatch(scope["query_string"]):
            return await self._next_hop(int(hops[1]), int(hops[2]), scope, receive, send)
        fault = self._faults.take(scope["path"])
        if fault is None:
            return await self._app(scope, receive, send)
        await asyncio.sleep(fault.delay)
        if fault.reset:
            return await _break_off(scope, receive, at_once=True)
        if fault.endless or fault.oversize or fault.gzip_bomb:
            return await _flood(fault, receive, send)
        if fault == Fault(route=fault.route, times=fault.times, delay=fault.delay, cut=fault.cut):
            return await _cut_off(self._app, fault.cut, scope, receive, send)
        answer = _own_answer(fault, scope["path"]) or await _answer_of(
            self._app, _without_validators(scope) if fault.unconditional else scope, receive
        )
        await _send(_spoiled(answer, fault), fault.cut, scope, receive, send)
        return None

    async def _spoil_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._faults.take(scope["path"])
        if fault is None:
            return await self._app(scope, receive, send)
        connection: asyncio.Transport = scope["extensions"][CONNECTION]
        return await faulty_socket.spoil(
            fault, CHALLENGE, connection, self._app, scope, receive, send
        )

    async def _next_hop(
        self, left: int, status: int, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if left == 0:
            return await self._app({**scope, "query_string": b""}, receive, send)
        return await _send(_redirect(scope["path"], left, status), None, scope, receive, send)


def _own_answer(fault: Fault, path: str) -> Answer | None:
    """What the fault puts in the place of the real answer, if it does."""
    if fault.body is not None:
        return Answer(200, {"content-type": "application/xml"}, fault.body.encode())
    if fault.challenge:
        return Answer(200, {"content-type": "text/html; charset=utf-8"}, CHALLENGE.encode())
    if fault.redirects:
        return _redirect(path, fault.redirects, fault.status or 301)
    if fault.status is not None and fault.status >= 300:
        return Answer(fault.status, {"content-type": "text/plain"})
    return None


def _redirect(path: str, left: int, status: int) -> Answer:
    return Answer(status, {"location": f"{path}?_hops={left - 1}.{status}"})


async def _answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    answer = Answer(500)

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in message["headers"]
            }
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, keep)
    return answer


def _without_validators(scope: Scope) -> Scope:
    conditional = (b"if-none-match", b"if-modified-since")
    return {
        **scope,
        "headers": [pair for pair in scope["headers"] if pair[0].lower() not in conditional],
    }


def _spoiled(answer: Answer, fault: Fault) -> Answer:
    body = answer.body
    if fault.rewrite or fault.charset:
        text = body.decode("utf-8")
        for rewrite in fault.rewrite:
            text = re.sub(rewrite.pattern, rewrite.replacement, text, flags=re.DOTALL)
        body = text.encode(fault.charset or "utf-8", errors="replace")
    headers = dict(answer.headers)
    if fault.gzip:
        body = gzip.compress(body, mtime=0)
        headers["content-encoding"] = "gzip"
    if answer.status != 304:
        headers["content-length"] = str(len(body))
    for name, value in fault.headers.items():
        if value is None:
            headers.pop(name.lower(), None)
        else:
            headers[name.lower()] = value
    return Answer(fault.status or answer.status, headers, body)


async def _send(
    answer: Answer, cut: int | None, scope: Scope, receive: Receive, send: Send
) -> None:
    await send(_start(answer.status, answer.headers))
    if cut is None:
        return await send({"type": "http.response.body", "body": answer.body})
    await send({"type": "http.response.body", "body": answer.body[:cut], "more_body": True})
    return await _break_off(scope, receive, at_once=False)


async def _break_off(scope: Scope, receive: Receive, *, at_once: bool) -> None:
    """Ends the connection; what was sent before still arrives unless `at_once`."""
    connection: asyncio.Transport = scope["extensions"][CONNECTION]
    if at_once:
        connection.abort()
    else:
        connection.close()
    await _gone(receive)


async def _cut_off(
    app: ASGIApp, cut: int | None, scope: Scope, receive: Receive, send: Send
) -> None:
    """The application's answer as it comes, perhaps without end, up to so many bytes of it."""
    left = cut

    async def some(message: Message) -> None:
        nonlocal left
        body: bytes = message.get("body", b"")
        if left is None or message["type"] != "http.response.body":
            return await send(message)
        if left >= len(body) and message.get("more_body", False):
            left -= len(body)
            return await send(message)
        await send({"type": "http.response.body", "body": body[:left], "more_body": True})
        return await _break_off(scope, receive, at_once=False)

    await app(scope, receive, some)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _flood(fault: Fault, receive: Receive, send: Send) -> None:
    """Sends until it is enough, or until the client leaves."""
    limit = fault.oversize or fault.gzip_bomb or None
    headers = {"content-type": "application/rss+xml; charset=utf-8", **_set(fault.headers)}
    chunks = _feed_of(limit)
    if fault.gzip_bomb:
        headers["content-encoding"] = "gzip"
        chunks = _gzipped(chunks)
    await send(_start(fault.status or 200, headers))
    leaving = asyncio.create_task(_gone(receive))
    try:
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)
            if leaving.done():
                return
        await send({"type": "http.response.body", "body": b""})
    finally:
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving


def _feed_of(limit: int | None) -> Iterator[bytes]:
    """A feed in chunks: so many bytes, then it breaks off; without a limit it never ends."""
    sent = 0
    for number in itertools.count(0, _ITEMS_PER_CHUNK):
        items = b"".join(_ITEM % (number + offset) for offset in range(_ITEMS_PER_CHUNK))
        chunk = items if sent else _BEGINNING + items
        if limit is not None and sent + len(chunk) >= limit:
            yield chunk[: limit - sent]
            return
        sent += len(chunk)
        yield chunk


def _gzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(level=9, wbits=31)
    for chunk in chunks:
        if packed := compressor.compress(chunk):
            yield packed
    yield compressor.flush()


def _set(headers: dict[str, str | None]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if value is not None}


def _start(status: int, headers: dict[str, str]) -> Message:
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ],
    }
