"""Answers of a stand-in, changed as no platform would: for the test that nothing breaks on them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Way: TypeAlias = Literal["replace", "drop", "nest", "repeat", "cut", "flip", "insert"]
_DEPTHS: Final = (3, 200, 100_000)
_VALUES: Final[tuple[object, ...]] = (
    *(None, True, False, 0, -1, 7, 2**31, 2**53, 2**63, -(2**63), 10**30, 0.5, 1e308),
    *(float("nan"), float("inf"), "", " ", "0", "-1", "9" * 25, "1e999", "NaN", "x" * 5000),
    *("2026-13-45T99:99:99Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("2026-09-18T10:00:00", "Fri, 18 Sep 10000 10:00:00 GMT", "\ud800", "\0", "\u202e<b>&#0;"),
    *("http://[", "javascript:alert(1)", "//", "https://[::1", "http://a:geheim@b:99999/", "%"),
    *([], {}, [[]], [None], [{}], {"id": None}, {"data": {}}, ["a", 1]),
)
_MARKUP_TEXT: Final = re.compile(r'(?<=>)[^<>]+(?=<)|(?<==")[^"<>]*(?=")')
_CONTENT_TYPES: Final = (
    "text/html",
    "application/json; charset=utf-16",
    "text/xml; charset=no-such-charset",
    "",
)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a body. place: which of the spots it is done at, counted round; value: what is
    put there; number: how deep, or which byte."""

    way: Way
    place: int
    value: object
    number: int


@dataclass(frozen=True, slots=True)
class Spoiling:
    """What happens to which piece of which answer. every: to all pieces from there on."""

    piece: int
    every: bool
    changes: tuple[Change, ...]
    content_type: str | None

    def falls_on(self, piece: int) -> bool:
        return piece == self.piece or (self.every and piece > self.piece)


def spoilings() -> st.SearchStrategy[Spoiling]:
    numbers = st.integers(0, 1000)
    ways: st.SearchStrategy[Way] = st.sampled_from(
        ("replace", "replace", "replace", "drop", "nest", "repeat", "cut", "flip", "insert")
    )
    change = st.builds(Change, ways, numbers, st.sampled_from(_VALUES), numbers)
    return st.builds(
        Spoiling,
        st.integers(0, 4),
        st.booleans(),
        st.lists(change, min_size=1, max_size=3).map(tuple),
        st.none() | st.sampled_from(_CONTENT_TYPES),
    )


def spoiled(body: bytes, changes: tuple[Change, ...]) -> bytes:
    for change in changes:
        body = _BY_WAY[change.way](body, change)
    return body


class SpoilingApp:
    """Spoils the pieces of the answers of an application, streams and WebSockets too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._spoiling: Spoiling | None = None
        self._piece = 0

    def spoil(self, spoiling: Spoiling | None) -> None:
        """From now on; pieces are counted anew."""
        self._spoiling, self._piece = spoiling, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_packed = False

        async def spoiling(message: Message) -> None:
            nonlocal is_packed
            if message["type"] == "http.response.start":
                is_packed = any(value == b"gzip" for _, value in message["headers"])
                message = {**message, "headers": self._headers(message["headers"])}
            elif body := message.get("body"):
                plain = gzip.decompress(body) if is_packed else body
                made = self._next(plain)
                message = {**message, "body": gzip.compress(made, mtime=0) if is_packed else made}
            elif text := message.get("text"):
                message = {**message, "text": self._next(text.encode()).decode("utf-8", "replace")}
            await send(message)

        await self._app(scope, receive, spoiling)

    def _headers(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        kept = [pair for pair in headers if pair[0].lower() != b"content-length"]
        spoiling = self._spoiling
        if spoiling is None or spoiling.content_type is None:
            return kept
        if not spoiling.falls_on(self._piece):
            return kept
        kept = [pair for pair in kept if pair[0].lower() != b"content-type"]
        return [*kept, (b"content-type", spoiling.content_type.encode())]

    def _next(self, body: bytes) -> bytes:
        spoiling, piece = self._spoiling, self._piece
        self._piece += 1
        if spoiling is None or not spoiling.falls_on(piece):
            return body
        return spoiled(body, spoiling.changes)


_Spot: TypeAlias = tuple[Any, Any]
"""A list or an object of JSON, and an index or a key of it."""


def _spots(node: object) -> Iterator[_Spot]:
    items = enumerate(node) if isinstance(node, list) else ()
    for key, value in node.items() if isinstance(node, dict) else items:
        yield node, key
        yield from _spots(value)


def _in_json(body: bytes, change: Change, do: Callable[[_Spot, Change], object]) -> bytes | None:
    """The body with a change at one spot of the JSON in it, which may stand in a line of a stream;
    None when there is none."""
    start = min((at for at in (body.find(b"{"), body.find(b"[")) if at >= 0), default=-1)
    end = max(body.rfind(b"}"), body.rfind(b"]")) + 1
    try:
        holder = [json.loads(body[start:end])] if start >= 0 else []
    except (ValueError, RecursionError):
        return None
    spots = list(_spots(holder))
    if not spots:
        return None
    deep = do(spots[change.place % len(spots)], change)
    made = json.dumps(holder)[1:-1]
    if isinstance(deep, str):
        made = made.replace('"\ufffcDEEP"'.encode("unicode_escape").decode(), deep)
    return body[:start] + made.encode() + body[end:]


def _put(spot: _Spot, change: Change) -> object:
    node, key = spot
    node[key] = change.value
    return None


def _take(spot: _Spot, _change: Change) -> object:
    node, key = spot
    del node[key]
    return None


def _double(spot: _Spot, _change: Change) -> object:
    node, key = spot
    if isinstance(node, list):
        node.append(node[key])
    else:
        node[f"{key}_"] = node[key]
    return None


def _deepen(spot: _Spot, change: Change) -> object:
    node, key = spot
    node[key] = "\ufffcDEEP"
    depth = _DEPTHS[change.number % len(_DEPTHS)]
    return "[" * depth + "]" * depth


def _replace(body: bytes, change: Change) -> bytes:
    made = _in_json(body, change, _put)
    return made if made is not None else _in_markup(body, change)


def _in_markup(body: bytes, change: Change) -> bytes:
    text = body.decode("utf-8", "replace")
    found = list(_MARKUP_TEXT.finditer(text))
    if not found:
        return body
    spot = found[change.place % len(found)]
    made = text[: spot.start()] + str(change.value) + text[spot.end() :]
    return made.encode("utf-8", "replace")


def _drop(body: bytes, change: Change) -> bytes:
    return _in_json(body, change, _take) or body


def _repeat(body: bytes, change: Change) -> bytes:
    return _in_json(body, change, _double) or body


def _nest(body: bytes, change: Change) -> bytes:
    return _in_json(body, change, _deepen) or body


def _cut(body: bytes, change: Change) -> bytes:
    return body[: len(body) * change.place // 1000]


def _flip(body: bytes, change: Change) -> bytes:
    if not body:
        return body
    at = len(body) * change.place // 1001
    return body[:at] + bytes([body[at] ^ (1 << change.number % 8)]) + body[at + 1 :]


def _insert(body: bytes, change: Change) -> bytes:
    at = len(body) * change.place // 1000
    return body[:at] + bytes([change.number % 256]) * (change.number % 9 + 1) + body[at:]


_BY_WAY: Final[dict[Way, Callable[[bytes, Change], bytes]]] = {
    "replace": _replace,
    "drop": _drop,
    "nest": _nest,
    "repeat": _repeat,
    "cut": _cut,
    "flip": _flip,
    "insert": _insert,
}
