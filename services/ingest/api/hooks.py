"""`/v1/hooks/{source}`: where platforms deliver.

No token is asked for: a delivery is believed for its signature, which its hook checks.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from libs.common.clock import Clock
from libs.common.errors import Retryable
from libs.common.problems import Problem
from services.ingest.failure import CollectionFailed
from services.ingest.hook import Answer, Call, Denied
from services.ingest.hooks.deliveries import Deliveries

AT_ONCE: Final = 32
"""Deliveries taken at the same time; the next one is asked to come back."""
BODY_SECONDS: Final = 20.0
"""So long a delivery may take to arrive."""
SMALL: Final = 64 * 1024
"""Bytes that a delivery may have while it arrives, however many others there are."""
LARGE_ONES: Final = 4
"""So many of the largest deliveries fit into the room that all larger ones share while they
arrive: until it is there and its signature was seen, anybody may have sent one."""
_OWN_LIMIT: Final = 2**62
"""Leaves the limit to the door: it answers with a problem."""
_AGAIN_AFTER: Final = 30.0
"""Seconds after which a platform is asked to try again, unless there is a better reason."""
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(slots=True)
class Door:
    """Lets requests of platforms in. body_bytes: of one delivery at most. busy: how many are being
    taken. arriving: bytes of the larger ones that are not complete."""

    deliveries: Deliveries
    clock: Clock
    body_bytes: int
    body_seconds: float = BODY_SECONDS
    small: int = SMALL
    busy: int = 0
    arriving: int = 0

    async def greet(self, request: Request, source: str, key: str = "") -> Response:
        """Answers a handshake. Raises Problem."""
        try:
            return _response(await self.deliveries.greet(source, self._call(request, b"", key)))
        except Denied as denied:
            raise _problem(denied) from denied
        except Retryable as error:
            raise _again(error.retry_after) from error

    async def take(self, request: Request, source: str, key: str = "") -> Response:
        """Answers a delivery. Raises Problem."""
        try:
            self.deliveries.hooked(source)
            call = self._call(request, await self._body(request), key)
            return _response(await self._taken(source, call))
        except Denied as denied:
            raise _problem(denied) from denied
        except Retryable as error:
            raise _again(error.retry_after) from error
        except CollectionFailed as failure:
            wait = failure.not_before - self.clock() if failure.not_before else None
            raise _again(wait.total_seconds() if wait else None) from failure

    async def _taken(self, source: str, call: Call) -> Answer:
        if self.busy >= AT_ONCE:
            raise _too_many()
        self.busy += 1
        try:
            return await self.deliveries.take(source, call)
        finally:
            self.busy -= 1

    def _call(self, request: Request, body: bytes, key: str) -> Call:
        query, headers = dict(request.query_params), dict(request.headers)
        return Call(query, headers, body, self.clock(), key)

    async def _body(self, request: Request) -> bytes:
        """The bytes as they were sent, which are what is signed. Raises Problem."""
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Problem(415, "The content coding is not understood")
        body, counted = bytearray(), 0
        try:
            async with asyncio.timeout(self.body_seconds):
                async for piece in request.stream():
                    body += piece
                    if len(body) > self.body_bytes:
                        most = f"At most {self.body_bytes} bytes."
                        raise Problem(413, "The delivery is too large", most)
                    if len(body) > self.small:
                        self.arriving += len(body) - counted
                        counted = len(body)
                    if counted and self.arriving > LARGE_ONES * self.body_bytes:
                        raise _too_many()
        except TimeoutError:
            raise Problem(408, "The request is too slow") from None
        finally:
            self.arriving -= counted
        return bytes(body)


def hooks_router(door: Door) -> APIRouter:
    """The addresses at which platforms deliver, below `/v1`."""
    router = APIRouter(prefix="/hooks", tags=["hooks"], max_body_size=_OWN_LIMIT)
    refusals: dict[int | str, dict[str, object]] = {
        401: {"description": "The signature is missing or wrong; nothing was taken."},
        403: {"description": "The token is missing or wrong."},
        404: {"description": "Nothing is delivered to this address."},
    }
    later: dict[int | str, dict[str, object]] = {
        503: {"description": "Not everything could be taken: deliver it again."}
    }

    @router.get(
        "/{source}",
        summary="A platform asks whether this address is ours",
        response_class=Response,
        responses=refusals,
    )
    async def greet(request: Request, source: str) -> Response:
        """The handshake of the platform that delivers to this source, in its own form."""
        return await door.greet(request, source)

    @router.post(
        "/{source}",
        summary="A platform delivers",
        response_class=Response,
        responses=refusals | later,
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": {}}}}},
    )
    async def take(request: Request, source: str) -> Response:
        """Takes posts, edits and deletions in the platform's own form. Once the answer is good,
        they are durable; a repeat overwrites."""
        return await door.take(request, source)

    @router.get("/{source}/{key}", include_in_schema=False)
    async def greet_hub(request: Request, source: str, key: str) -> Response:
        return await door.greet(request, source, key)

    @router.post("/{source}/{key}", include_in_schema=False)
    async def take_from_hub(request: Request, source: str, key: str) -> Response:
        return await door.take(request, source, key)

    return router


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers=_HEADERS, media_type=answer.content_type)


def _problem(denied: Denied) -> Problem:
    title = "Nothing is here" if denied.status == 404 else "Not believed"
    return Problem(denied.status, title, str(denied))


def _too_many() -> Problem:
    return Problem(429, "Too many deliveries at once", headers={"Retry-After": "1"})


def _again(seconds: float | None) -> Problem:
    wait = str(math.ceil(max(1.0, seconds or _AGAIN_AFTER)))
    return Problem(503, "Not taken", "Deliver it again.", headers={"Retry-After": wait})
