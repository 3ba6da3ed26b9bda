"""`/v1/mentions` and `/v1/hints` (handing in), `/v1/sources` and `/v1/watches` (looking)."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import Response

from libs.common import metrics
from libs.common.auth import Gate
from libs.common.clock import Clock
from libs.common.errors import Retryable
from libs.common.events import Mention
from libs.common.problems import FieldError, Problem
from libs.common.settings import Language
from services.ingest.api.hints import Hint, hint_id, mentions_of, receipt
from services.ingest.api.push import (
    MOST_POSTS,
    Batch,
    Invalid,
    NotJson,
    TooManyPosts,
    Unmatched,
    Verdict,
    batch_of,
    complaint,
    judge,
    schema,
)
from services.ingest.api.sources import SourceView
from services.ingest.match import Watches
from services.ingest.nul import without_nul
from services.ingest.publish import Publisher, publish
from services.ingest.reading.unpack import OverLimit, UnknownCoding, Unpacker
from services.ingest.settings import IngestSettings

AT_ONCE: Final = 8
"""Requests that hand in posts at the same time; the next one is asked to come back."""
BODY_SECONDS: Final = 60.0
"""So long a request's content may take to arrive."""
_HINT_BYTES: Final = 512 * 1024
_OWN_LIMIT: Final = 2**62
"""Leaves the limit to the desk: it counts unpacked bytes, and answers with a problem."""
_MOST_ERRORS: Final = 100
_JSON_TYPES: Final[Mapping[str, Literal["json", "ndjson"]]] = {
    "": "json",
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
}
_ITEM: Final = {
    "type": "object",
    "required": ["status", "index"],
    "properties": {
        "status": {"enum": ["accepted", "unmatched", "invalid"]},
        "index": {"type": "integer"},
        "watches": {"type": "array", "items": {"type": "string"}},
        "ids": {"type": "array", "items": {"type": "string"}},
        "pointer": {"type": "string"},
        "detail": {"type": "string"},
    },
}
_COUNTS: Final = ("accepted", "unmatched", "invalid")
_VERDICTS: Final = {
    "type": "object",
    "required": [*_COUNTS, "items"],
    "properties": {
        **{name: {"type": "integer"} for name in _COUNTS},
        "items": {"type": "array", "items": _ITEM},
    },
}


@dataclass(slots=True)
class Desk:
    """Where posts and hints are handed in. Entered for posts, of which so many requests are taken
    at once; a hint is small and always taken."""

    log: Publisher
    watches: Watches
    clock: Clock
    body_bytes: int
    body_seconds: float = BODY_SECONDS
    busy: int = 0

    async def __aenter__(self) -> None:
        if self.busy >= AT_ONCE:
            raise Problem(
                429, "Too many requests at once", "Try again.", headers={"Retry-After": "1"}
            )
        self.busy += 1

    async def __aexit__(self, *_: object) -> None:
        self.busy -= 1

    async def take(self, batch: Batch) -> list[Verdict]:
        """Publishes what matches; the verdicts in the order of the posts. Others get their turn
        after each part."""
        verdicts: list[Verdict] = []
        for part in batch.parts():
            judged = judge(batch, part, self.watches, self.clock())
            await self.publish(judged.mentions, "api")
            metrics.POSTS_COLLECTED.labels("api").inc(len(judged.verdicts))
            verdicts += judged.verdicts
            await asyncio.sleep(0)
        return verdicts

    async def publish(self, mentions: Sequence[Mention], way: Literal["api", "hint"]) -> None:
        """Returns when they are durable. Raises Problem when the log does not answer."""
        try:
            await publish(self.log, mentions, way)
        except Retryable as error:
            wait = str(int(error.retry_after or 5))
            raise Problem(
                503,
                "The log does not answer",
                "What was handed in may be on it in part; hand it in again, repeats do no harm.",
                headers={"Retry-After": wait},
            ) from error

    async def body(self, request: Request, limit: int) -> bytes:
        """The request's content, unpacked, at most `limit` bytes, without a byte order mark.
        Raises Problem."""
        try:
            unpacker = Unpacker(request.headers.get("content-encoding", ""), limit)
            async with asyncio.timeout(self.body_seconds):
                async for piece in request.stream():
                    unpacker.feed(piece)
            return unpacker.content().removeprefix(codecs.BOM_UTF8)
        except TimeoutError:
            raise Problem(408, "The request is too slow") from None
        except UnknownCoding as error:
            raise Problem(415, "The content coding is not understood", str(error)) from None
        except OverLimit:
            most = f"At most {limit} bytes; hand in less at a time."
            raise Problem(413, "The request is too large", most) from None


def ingest_router(
    desk: Desk,
    settings: IngestSettings,
    sources: Callable[[], Awaitable[Sequence[SourceView]]],
    gate: Gate,
) -> APIRouter:
    """All addresses of the service."""
    router = APIRouter(prefix="/v1", max_body_size=_OWN_LIMIT)
    _add_mentions(router, desk, gate)
    _add_hints(router, desk, settings.language, gate)
    _add_views(router, settings, sources, gate)
    return router


def _add_mentions(router: APIRouter, desk: Desk, gate: Gate) -> None:
    one = schema()
    many = {"oneOf": [one, {"type": "array", "items": one}]}
    body = {
        "required": True,
        "content": {
            "application/json": {"schema": many},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
    answer = {"content": {"application/json": {"schema": _VERDICTS}}}

    @router.post(
        "/mentions",
        summary="Hand in posts: one, an array, or NDJSON",
        tags=["mentions"],
        status_code=202,
        response_class=Response,
        responses={
            202: answer | {"description": "Every post was read; what a watch asks for is kept."},
            207: answer | {"description": "Some posts are invalid; the others were taken."},
            400: {"description": "The request as a whole cannot be read."},
            408: {"description": "The request took too long to arrive."},
            413: {"description": "The request is too large, or holds too many posts."},
            422: {"description": "Every post is invalid."},
        },
        openapi_extra={"requestBody": body},
        dependencies=[Depends(gate.requires("ingest:write"))],
    )
    async def hand_in(
        request: Request,
        prefer: Annotated[str, Header()] = "",
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Takes posts other tools found. The answer has a verdict per post; with the header
        `Prefer: return=minimal` only the invalid ones are listed.

        A post's identity is its platform and native_id (else its url, else its content), so a
        repeat overwrites: `Idempotency-Key` is welcome and not needed. `Content-Encoding: gzip`
        is understood.
        """
        form = _JSON_TYPES.get(_media_type(request))
        if form is None:
            raise Problem(415, "The content type is not understood", _expected_types())
        async with desk:
            body = await desk.body(request, desk.body_bytes)
            try:
                batch = await asyncio.to_thread(batch_of, body, form)
            except TooManyPosts:
                most = f"At most {MOST_POSTS} posts; hand in less at a time."
                raise Problem(413, "The request is too large", most) from None
            except NotJson as error:
                raise Problem(400, "The request is no JSON", str(error)) from error
            if not batch.items:
                raise Problem(400, "The request holds no post")
            verdicts = await desk.take(batch)
        return _verdicts(verdicts, minimal="return=minimal" in prefer.replace(" ", ""))


def _verdicts(verdicts: Sequence[Verdict], *, minimal: bool) -> Response:
    invalid = [verdict for verdict in verdicts if isinstance(verdict, Invalid)]
    if len(invalid) == len(verdicts):
        errors = [FieldError(each.pointer, each.detail) for each in invalid[:_MOST_ERRORS]]
        raise Problem(422, "No post can be taken", f"{len(invalid)} of {len(invalid)}", errors)
    unmatched = sum(isinstance(verdict, Unmatched) for verdict in verdicts)
    answer = {
        "accepted": len(verdicts) - unmatched - len(invalid),
        "unmatched": unmatched,
        "invalid": len(invalid),
        "items": invalid if minimal else verdicts,
    }
    status = 207 if invalid else 202
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


def _add_hints(router: APIRouter, desk: Desk, default: Language, gate: Gate) -> None:
    hint_schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "text": {"type": "string", "maxLength": 20_000},
            "url": {"type": "string", "maxLength": 2_000},
            "watch": {"type": ["string", "null"], "maxLength": 100},
            "reporter": {
                "type": ["object", "null"],
                "properties": {
                    "name": {"type": ["string", "null"], "maxLength": 200},
                    "contact": {"type": ["string", "null"], "maxLength": 500},
                },
            },
        },
    }
    body = {
        "required": True,
        "content": {
            "application/json": {"schema": hint_schema},
            "text/plain": {"schema": {"type": "string"}},
        },
    }

    @router.post(
        "/hints",
        summary="Tell the team that something burns",
        tags=["hints"],
        status_code=202,
        response_class=Response,
        responses={
            202: {"description": "The hint is on its way to the people on call."},
            409: {"description": "Nothing is watched, so nobody would see it."},
            422: {"description": "The hint is empty, or a field is wrong."},
        },
        openapi_extra={"requestBody": body},
        dependencies=[Depends(gate.requires("ingest:write"))],
    )
    async def hint(
        request: Request,
        accept_language: Annotated[str, Header()] = "",
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Response:
        """Every hint helps: none is compared with another, each is shown to the people on call,
        even when no watch's query matches it. The answer is a sentence for the reporter, in
        German or English. Plain text is taken as the hint's text."""
        given = _hint(await desk.body(request, _HINT_BYTES), _media_type(request))
        if given.watch is not None and given.watch not in desk.watches.ids:
            raise _wrong("#/watch", "no watch has this id")
        if not desk.watches.ids:
            raise Problem(409, "Nothing is watched", "The configuration has no watches.")
        identity = hint_id(idempotency_key)
        mentions = mentions_of(given, identity, desk.watches, desk.clock())
        await desk.publish(mentions, "hint")
        language = _language(accept_language, default)
        return Response(
            msgspec.json.encode(receipt(identity, mentions, language)),
            202,
            {"Content-Language": language},
            media_type="application/json",
        )


def _hint(body: bytes, media_type: str) -> Hint:
    try:
        if media_type == "text/plain":
            given = msgspec.convert({"text": body.decode()}, Hint)
        elif media_type in ("", "application/json"):
            given = msgspec.json.decode(body, type=Hint)
        else:
            raise Problem(415, "The content type is not understood", "Send JSON or plain text.")
        given = without_nul(given)
    except msgspec.ValidationError as error:
        raise _wrong(*complaint(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "The request cannot be read", str(error)) from error
    if not given.text.strip() and not given.url:
        raise _wrong("#/text", "say in text what burns, or give its url")
    return given


def _wrong(pointer: str, detail: str) -> Problem:
    return Problem(422, "The request does not fit", errors=[FieldError(pointer, detail)])


def _add_views(
    router: APIRouter,
    settings: IngestSettings,
    sources: Callable[[], Awaitable[Sequence[SourceView]]],
    gate: Gate,
) -> None:
    may_read = [Depends(gate.requires("sources:read"))]

    @router.get(
        "/sources",
        summary="The sources, and how each of them is",
        tags=["sources"],
        response_class=Response,
        dependencies=may_read,
    )
    async def list_sources() -> Response:
        try:
            items = await sources()
        except Retryable as error:
            raise Problem(503, "The store does not answer", headers={"Retry-After": "5"}) from error
        return _json({"items": items})

    @router.get(
        "/watches",
        summary="What is watched",
        tags=["sources"],
        response_class=Response,
        dependencies=may_read,
    )
    async def list_watches() -> Response:
        items = [watch.model_dump(by_alias=True) for watch in settings.watches]
        return _json({"items": items})


def _json(content: object) -> Response:
    return Response(
        msgspec.json.encode(content),
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _expected_types() -> str:
    return "Send " + " or ".join(("application/json", "application/x-ndjson")) + "."


def _language(accepted: str, default: Language) -> Language:
    """The first of our languages the header names; preferences are written first by custom."""
    for part in accepted.lower().split(","):
        tag = part.strip()[:2]
        if tag == "de":
            return "de"
        if tag == "en":
            return "en"
    return default
