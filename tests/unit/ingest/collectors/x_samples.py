"""X as the tests have it: wire samples, and sources over answers that a test writes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import httpx
from pydantic import TypeAdapter

from services.ingest.collector import Collector, Limits, Stream, Tools
from services.ingest.collectors.x import Config
from services.ingest.collectors.x.ids import id_at
from services.ingest.collectors.x.search import Search
from services.ingest.collectors.x.stream import FilteredStream
from tests.unit.ingest.building import NOW, SetClock, Unconfined

SITE = "https://x.com"


def an_id(at: datetime = NOW, number: int = 1) -> str:
    return str(id_at(at) + number)


def a_tweet(at: datetime = NOW, number: int = 1, **fields: object) -> dict[str, Any]:
    """A post in the old dialect, as it comes with all fields."""
    post_id = an_id(at, number)
    return {
        "id": post_id,
        "text": f"Motorrad {number}",
        "author_id": "42",
        "conversation_id": post_id,
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "lang": "de",
        "edit_history_tweet_ids": [post_id],
        "public_metrics": {
            "retweet_count": 1,
            "reply_count": 2,
            "like_count": 3,
            "quote_count": 0,
            "impression_count": 90,
        },
        **fields,
    }


ANN = {
    "id": "42",
    "username": "ann",
    "name": "Ann",
    "public_metrics": {"followers_count": 10, "following_count": 5},
}


def an_answer(
    *posts: dict[str, Any], next_token: str | None = None, **fields: object
) -> dict[str, Any]:
    if not posts:
        return {"meta": {"result_count": 0}} | fields
    ids = sorted((post["id"] for post in posts), key=int)
    meta: dict[str, object] = {"newest_id": ids[-1], "oldest_id": ids[0]}
    meta |= {"result_count": len(posts)} | ({"next_token": next_token} if next_token else {})
    return {"data": list(posts), "includes": {"users": [ANN]}, "meta": meta} | fields


def a_config(**fields: object) -> Config:
    given = {"kind": "x", "id": "x", "bearer_token": "geheim", "terms": ["Motorrad"], **fields}
    return TypeAdapter(Config).validate_python(given)


def a_search(
    answer: Callable[[httpx.Request], httpx.Response],
    clock: SetClock | None = None,
    **fields: object,
) -> Search:
    found = built(answer, clock, **fields)
    assert isinstance(found, Search)
    return found


def a_stream(
    answer: Callable[[httpx.Request], httpx.Response],
    clock: SetClock | None = None,
    **fields: object,
) -> FilteredStream:
    found = built(answer, clock, mode="stream", **fields)
    assert isinstance(found, FilteredStream)
    return found


def built(
    answer: Callable[[httpx.Request], httpx.Response],
    clock: SetClock | None = None,
    **fields: object,
) -> Collector | Stream:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    tools = Tools(client, client, clock or SetClock(), Unconfined(), ("Motorrad",), Limits())
    return a_config(**fields).build(tools)


class Sent(httpx.AsyncByteStream):
    """Content that comes in pieces. Between them a test may wait, or it breaks off."""

    def __init__(self, *pieces: bytes | Exception | Callable[[], Awaitable[object]]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                yield piece
            else:
                await piece()


def said(body: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json=body)


def as_sent(answer: httpx.Response) -> httpx.Response:
    """The answer with its content still to be read."""
    if isinstance(answer.stream, Sent):
        return answer
    content = httpx.ByteStream(answer.content)
    return httpx.Response(answer.status_code, headers=answer.headers, stream=content)


class Answers:
    """Gives these answers one after the other, and keeps what was asked."""

    def __init__(self, *answers: dict[str, Any] | httpx.Response) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0)
        return as_sent(answer if isinstance(answer, httpx.Response) else said(answer))

    def params(self, number: int = -1) -> dict[str, str]:
        return dict(self.asked[number].url.params)


def lines_of(*said: dict[str, Any] | bytes) -> bytes:
    """What a stream sends; an empty one keeps the connection alive."""
    parts: Sequence[bytes] = [
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in said
    ]
    return b"".join(part + b"\r\n" for part in parts)
