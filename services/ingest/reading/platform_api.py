"""Asking a platform's API: one request, its answer within limits, and a judgement of it.

Redirects are not followed, since they would carry the credentials elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

import httpx
import msgspec
import structlog

from libs.common import metrics
from libs.common.clock import Clock
from services.ingest.collector import Limits
from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    Gone,
    Missing,
    RateLimited,
    Rejected,
    TooLarge,
    TooSlow,
    Unreachable,
    Unreadable,
)
from services.ingest.reading.answer import failures_named, is_challenge, is_html, read_content
from services.ingest.reading.pacing import retry_after

logger = structlog.get_logger(__name__)
T = TypeVar("T")
Parameters: TypeAlias = Mapping[str, str | int]
_OPEN_HEADERS: Final = frozenset(
    """accept accept-encoding connection content-length content-type host
    user-agent""".split()  # noqa: SIM905 -- readable
)
"""Those that hold no secret."""
_SHORTEST_SECRET: Final = 8
_CODINGS: Final = frozenset(("identity", "gzip", "deflate"))
"""Of streams. Two of them, one in the other, would unpack a packet to gigabytes."""
_AT_A_TIME: Final = 64 * 1024
"""Bytes of a stream whose lines are told apart together: a packet may unpack to millions."""
_LONGEST_LINE: Final = 4 * 1024 * 1024
"""Bytes of one line of a stream."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer. `at`: when it arrived."""

    status: int
    headers: httpx.Headers
    body: bytes
    at: datetime

    def decode(self, shape: type[T]) -> T:
        """The JSON body; unknown fields are ignored. Raises Blocked for a page that asks for a
        person, Unreadable for anything else that is not of this shape."""
        try:
            return msgspec.json.decode(self.body, type=shape, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if is_html(self.body):
                raise _page_for_browsers(self.body) from None
            raise Unreadable(f"not the JSON that was expected: {error}"[:300]) from None

    def said(self) -> str:
        """The status and the start of a text body, for people."""
        start = self.body[:200].decode("utf-8", "replace").strip()
        words = " ".join(start.split()) if start and not is_html(self.body) else ""
        return f"the server answered {self.status}" + (f": {words}" if words else "")


Judge: TypeAlias = Callable[[Reply], CollectionFailed | None]
"""What a platform's answer means in its own dress; None leaves it to the HTTP status."""
WaitHint: TypeAlias = Callable[[Reply], datetime | None]
"""When the platform wants the next request at the earliest; None when it does not say."""


def asked_by_header(reply: Reply) -> datetime | None:
    """The wait of `Retry-After`, seconds or a date."""
    return retry_after(reply.headers, reply.at)


def _no_opinion(_reply: Reply) -> None:
    return None


@dataclass(frozen=True, slots=True)
class PlatformApi:
    """Sends requests to one platform.

    headers: of every request, credentials among them. judge is asked before the status is. wait:
    of refused requests.
    """

    client: httpx.AsyncClient
    clock: Clock
    limits: Limits
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    judge: Judge = _no_opinion
    wait: WaitHint = asked_by_header

    async def get(
        self,
        url: str,
        params: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A good answer. Raises CollectionFailed."""
        return await self._ask(self._request("GET", url, params, headers))

    async def post(
        self,
        url: str,
        *,
        params: Parameters | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Reply:
        """A good answer. auth: user and password, for this request only. Raises
        CollectionFailed."""
        request = self._request("POST", url, params, headers, json, form)
        if auth is not None:
            request = next(httpx.BasicAuth(*auth).auth_flow(request))
        return await self._ask(request)

    async def lines(
        self, url: str, params: Parameters | None = None, *, quiet: float
    ) -> AsyncGenerator[bytes, None]:
        """The lines of an answer that does not end, without their line ends; empty ones too.

        quiet: seconds without a byte after which the stream counts as dead. Raises
        CollectionFailed; ends when the server ends the answer.
        """
        with failures_named(self.limits.seconds):
            request = self._request("GET", url, params, None)
            # The client's own limit would end a stream that is only quiet.
            request.extensions["timeout"] = httpx.Timeout(self.limits.seconds, read=None).as_dict()
            async with asyncio.timeout(self.limits.seconds):
                response = await self.client.send(request, stream=True)
            try:
                async with asyncio.timeout(self.limits.seconds):
                    await self._raise_unless_stream(response)
                longest = min(_LONGEST_LINE, self.limits.size)
                async with aclosing(_lines(response, quiet, longest)) as lines:
                    async for line in lines:
                        yield line
            finally:
                await response.aclose()

    async def _raise_unless_stream(self, response: httpx.Response) -> None:
        if not response.is_success:
            raise _discreet(self.refusal(await self._reply(response)), response.request)
        if response.headers.get("content-encoding", "identity").lower() not in _CODINGS:
            raise Unreadable("a stream in a content coding that was not asked for")
        if "html" in response.headers.get("content-type", ""):
            raise _page_for_browsers((await self._reply(response)).body)

    def _request(
        self,
        method: str,
        url: str,
        params: Parameters | None,
        headers: Mapping[str, str] | None,
        json: object = None,
        form: Mapping[str, str] | None = None,
    ) -> httpx.Request:
        given = {**self.headers, **(headers or {})}
        if not all(value.isascii() for value in given.values()):
            raise AuthFailed("the credentials hold letters that fit no header")
        return self.client.build_request(
            method,
            url,
            params=dict(params) if params is not None else None,
            headers={"Accept": "application/json", "Accept-Encoding": "gzip, deflate", **given},
            json=json,
            data=dict(form) if form is not None else None,
        )

    async def _ask(self, request: httpx.Request) -> Reply:
        with failures_named(self.limits.seconds):
            async with asyncio.timeout(self.limits.seconds):
                response = await self.client.send(request, stream=True)
                try:
                    reply = await self._reply(response)
                finally:
                    await response.aclose()
        failure = self.judge(reply)
        if failure is None and not 200 <= reply.status < 300:
            failure = self._by_status(reply)
        if failure is not None:
            raise _discreet(failure, request)
        return reply

    async def _reply(self, response: httpx.Response) -> Reply:
        body, complete = await read_content(response, self.limits)
        if not complete:
            raise Unreachable("the connection broke in the middle of the answer")
        return Reply(response.status_code, response.headers, body, self.clock())

    def refusal(self, reply: Reply) -> CollectionFailed:
        """What an answer means that should have been a good one."""
        return self.judge(reply) or self._by_status(reply)

    def _by_status(self, reply: Reply) -> CollectionFailed:
        """What a refusal means by its status alone."""
        said, until = reply.said(), self.wait(reply)
        match reply.status:
            case 401 | 407:
                return AuthFailed(said, not_before=until)
            case 429:
                return RateLimited(said, not_before=until)
            case 403 | 451:
                return _page_for_browsers(reply.body) if is_html(reply.body) else Blocked(said)
            case 404:
                return Missing(said)
            case 410:
                return Gone(said)
            case 503 if until is not None:
                return RateLimited(said, not_before=until)
            case status if 400 <= status < 500:
                return Rejected(said)
        return Unreachable(said, not_before=until)


def decode_each(items: Iterable[msgspec.Raw], shape: type[T], platform: str) -> list[T]:
    """The items that are of this shape: a broken one must not cost the others. Broken ones are
    counted and logged."""
    decoder = msgspec.json.Decoder(shape, strict=False)
    found: list[T] = []
    for item in items:
        try:
            found.append(decoder.decode(item))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            metrics.POSTS_UNREADABLE.labels(platform).inc()
            logger.warning("a post cannot be read", platform=platform, reason=str(error)[:200])
    return found


async def _lines(
    response: httpx.Response, quiet: float, longest: int
) -> AsyncGenerator[bytes, None]:
    pieces = response.aiter_bytes()
    rest = b""
    while True:
        try:
            async with asyncio.timeout(quiet):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise TooSlow(f"the stream was silent for {quiet:g} s") from None
        if piece is None:
            return
        for start in range(0, len(piece), _AT_A_TIME):
            *whole, rest = (rest + piece[start : start + _AT_A_TIME]).split(b"\n")
            for line in whole:
                yield line.removesuffix(b"\r")
            if len(rest) > longest:
                raise TooLarge(f"a line of more than {longest} bytes")


def _discreet(failure: CollectionFailed, request: httpx.Request) -> CollectionFailed:
    """Without the credentials: some gateways repeat the header that they do not like."""
    told = str(failure)
    for name, value in request.headers.items():
        if name not in _OPEN_HEADERS:
            for word in value.split():
                told = told.replace(word, "…") if len(word) >= _SHORTEST_SECRET else told
    failure.args = (told,)
    return failure


def _page_for_browsers(body: bytes) -> Blocked | Unreadable:
    if is_challenge(body):
        return Blocked("the server answered with a page for browsers that asks for a person")
    return Unreadable("the server answered with a page for browsers")
