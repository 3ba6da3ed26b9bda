"""`/v1/mentions`: the list, one mention, and the live stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AbstractContextManager, aclosing
from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from libs.common import metrics
from libs.common.auth import Gate
from libs.common.errors import Retryable
from libs.common.problems import FieldError, Problem
from libs.common.query import Parsed, QueryError, parse
from services.query.accept import preferred_language
from services.query.cursor import Order, decode_cursor, encode_cursor
from services.query.listener import Listener
from services.query.live import Filter, Live
from services.query.search import Page, Position, Search
from services.query.store import MentionStore

STREAM_SECONDS: Final = 5.0
"""So long a request for the stream waits for the log."""
_NO_STORE: Final = {"Cache-Control": "no-store", "Vary": "Authorization"}
_STREAM_HEADERS: Final = {**_NO_STORE, "X-Accel-Buffering": "no"}
_LIST: Final = {
    "type": "object",
    "required": ["items", "next", "warnings"],
    "properties": {
        "items": {"type": "array", "items": {"type": "object", "required": ["id", "watch"]}},
        "next": {"type": ["string", "null"], "description": "Cursor of the next page."},
        "warnings": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["position", "detail"],
                "properties": {"position": {"type": "integer"}, "detail": {"type": "string"}},
            },
        },
    },
}
T = TypeVar("T")

QueryText = Annotated[
    str,
    Query(max_length=10_000, description="What to find, in the query language; empty finds all."),
]
WatchId = Annotated[str | None, Query(max_length=200, description="Only mentions of this watch.")]
AcceptLanguage = Annotated[str, Header(include_in_schema=False)]


def mentions_router(store: MentionStore, live: Live, gate: Gate) -> APIRouter:
    """The addresses under `/v1/mentions` that read."""
    router = APIRouter(
        prefix="/v1/mentions",
        tags=["mentions"],
        dependencies=[Depends(gate.requires("mentions:read"))],
    )
    _add_search(router, store)
    _add_stream(router, live)
    _add_mention(router, store)  # last: its address fits the others' too
    return router


def _add_search(router: APIRouter, store: MentionStore) -> None:
    @router.get(
        "",
        summary="Mentions that match a query, newest first",
        response_class=Response,
        responses={
            200: {"content": {"application/json": {"schema": _LIST}}},
            400: {"description": "The query or the cursor is wrong."},
        },
    )
    async def mentions(
        request: Request,
        q: QueryText = "",
        watch: WatchId = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=1000)] = None,
        order: Annotated[Order, Query(description="By time of publication.")] = "desc",
        accept_language: AcceptLanguage = "",
    ) -> Response:
        parsed = _parsed(q, accept_language)
        after = _decoded(cursor, order)
        search = Search(parsed.query, watch, limit, after, newest_first=order == "desc")
        with metrics.SEARCH_SECONDS.time():
            page = await _answered(store.search(search))
        return _list(page, order, _warnings(parsed, accept_language), request)


def _add_stream(router: APIRouter, live: Live) -> None:
    @router.get(
        "/stream",
        summary="Mentions as they come, as Server-Sent Events",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
            400: {"description": "The query is wrong."},
            503: {"description": "Too many streams are open, or the log does not answer."},
        },
    )
    async def stream(
        q: QueryText = "",
        watch: WatchId = None,
        last_event_id: Annotated[
            str | None, Query(max_length=2000, description="As the header, for those without.")
        ] = None,
        last_event_id_header: Annotated[
            str | None, Header(alias="Last-Event-ID", max_length=2000)
        ] = None,
        accept_language: AcceptLanguage = "",
    ) -> Response:
        wanted = Filter(_parsed(q, accept_language).query, watch)
        if live.full:
            raise Problem(503, "Too many open streams", headers={"Retry-After": "30"})
        return _EventStream(live, wanted, last_event_id_header or last_event_id)


def _add_mention(router: APIRouter, store: MentionStore) -> None:
    @router.get(
        "/{mention_id}",
        summary="One mention",
        response_class=Response,
        responses={
            200: {"content": {"application/json": {"schema": {"type": "object"}}}},
            404: {"description": "There is no such mention."},
            410: {"description": "The source has deleted it, so it was forgotten here."},
        },
    )
    async def mention(mention_id: str) -> Response:
        found = await _answered(store.get(mention_id))
        if found is None:
            raise no_such_mention(mention_id)
        if found.body is None:
            raise mention_deleted()
        return Response(found.body, headers=_NO_STORE, media_type="application/json")


def no_such_mention(mention_id: str) -> Problem:
    return Problem(404, "No such mention", f"There is no mention {mention_id!r}.")


def mention_deleted() -> Problem:
    return Problem(410, "Mention deleted", "Its source has deleted it, so it was forgotten here.")


class _EventStream(StreamingResponse):
    """Counts its listener while it is sent, however the sending ends."""

    def __init__(self, live: Live, wanted: Filter, last_id: str | None) -> None:
        self._listening: AbstractContextManager[Listener] = live.listening()
        self._live, self._wanted, self._last_id = live, wanted, last_id
        super().__init__((), headers=_STREAM_HEADERS, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._listening as listener:
            try:
                async with asyncio.timeout(STREAM_SECONDS):
                    await self._live.placed()
            except TimeoutError:
                problem = Problem(503, "The log does not answer", headers={"Retry-After": "5"})
                await problem.response()(scope, receive, send)
                return
            chunks = self._live.chunks(listener, self._wanted, self._last_id)
            async with aclosing(chunks) as self.body_iterator:
                await super().__call__(scope, receive, send)


def _parsed(text: str, accept_language: str) -> Parsed:
    language = preferred_language(accept_language)
    try:
        return parse(text)
    except QueryError as error:
        detail = error.message(language)
        raise Problem(
            400,
            "The query cannot be understood",
            detail,
            [FieldError("q", detail)],
            extensions={
                "position": error.position,
                "line": error.line,
                "column": error.column,
                "found": error.found,
                "expected": error.expected.in_language(language),
            },
        ) from error


def _warnings(parsed: Parsed, accept_language: str) -> list[dict[str, object]]:
    language = preferred_language(accept_language)
    return [
        {"position": warning.position, "detail": warning.message(language)}
        for warning in parsed.warnings
    ]


def _decoded(cursor: str | None, order: Order) -> Position | None:
    if cursor is None:
        return None
    try:
        return decode_cursor(cursor, order)
    except ValueError as error:
        raise Problem(
            400, "The cursor is wrong", str(error), [FieldError("cursor", str(error))]
        ) from error


async def _answered(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except Retryable as error:
        raise Problem(
            503, "The store does not answer", str(error), headers={"Retry-After": "5"}
        ) from error


def _list(
    page: Page, order: Order, warnings: list[dict[str, object]], request: Request
) -> Response:
    """The page as the joined bytes of its mentions, with the address of the next one."""
    cursor = encode_cursor(page.after, order) if page.after is not None else None
    headers = dict(_NO_STORE)
    if cursor is not None:
        others = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
        address = f"{request.url.path}?{urlencode([*others, ('cursor', cursor)])}"
        headers["Link"] = f'<{address}>; rel="next"'
    body = b'{"items":[%b],"next":%b,"warnings":%b}' % (
        b",".join(page.bodies),
        msgspec.json.encode(cursor),
        msgspec.json.encode(warnings),
    )
    return Response(body, headers=headers, media_type="application/json")
