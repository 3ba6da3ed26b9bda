"""One polite GET: validators, redirects, limits, and the judgement of what came back."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NoReturn

import httpx
import msgspec

from libs.common.clock import Clock
from libs.common.errors import AddressRefused
from services.ingest.collector import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    Gone,
    Missing,
    NotAFeed,
    RateLimited,
    Refused,
    TooLarge,
    TooSlow,
    Unreachable,
)
from services.ingest.pacing import freshness, http_date, retry_after
from services.ingest.unpack import OverLimit, UnknownCoding, Unpacker

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_PERMANENT: Final = frozenset((301, 308))
_LOOKED_AT: Final = 4096
_CHALLENGE: Final = re.compile(
    rb"cf-chl|challenge-platform|just a moment\.\.\.|attention required!|checking your browser"
    rb"|captcha|are you (?:a )?human|access denied|bot protection|verify you are",
    re.IGNORECASE,
)
_HTML: Final = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+)?html\b", re.I | re.S
)


@dataclass(frozen=True, slots=True)
class Limits:
    """size: bytes of the content once unpacked; seconds: for the whole of it, redirects too."""

    size: int = 16 * 1024 * 1024
    seconds: float = 60.0
    redirects: int = 5


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of the last good answer, to recognise it again.

    moved_to, moved_times: where permanent redirects led, and how often in a row they did.
    """

    etag: str | None = None
    modified: str | None = None
    digest: str | None = None
    moved_to: str | None = None
    moved_times: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer. `body` is None when it is the one that is known already."""

    body: bytes | None
    url: str
    content_type: str
    known: Known
    fresh_for: timedelta | None


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Where the redirects ended, and whether every one of them was permanent."""

    response: httpx.Response
    moved: bool


async def fetch(
    client: httpx.AsyncClient, url: str, known: Known, clock: Clock, limits: Limits
) -> Answer:
    """Gets `url` unless it is still what is known. Raises CollectionFailed."""
    try:
        async with asyncio.timeout(limits.seconds):
            return await _fetch(client, url, known, clock, limits)
    except TimeoutError:
        raise TooSlow(f"not complete within {limits.seconds:g} s") from None
    except AddressRefused as error:
        raise Refused(str(error)) from error
    except httpx.TimeoutException as error:
        raise TooSlow(f"no answer: {type(error).__name__}") from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from error


async def _fetch(
    client: httpx.AsyncClient, url: str, known: Known, clock: Clock, limits: Limits
) -> Answer:
    request = client.build_request("GET", url, headers=_conditions(known))
    arrival = await _arrive(client, request, limits)
    response = arrival.response
    try:
        now = clock()
        if response.status_code != 304 and not response.is_success:
            await _refuse(response, now, limits)
        answer = Answer(
            body=None,
            url=str(response.url),
            content_type=response.headers.get("content-type", ""),
            known=_moved(known, arrival),
            fresh_for=freshness(response.headers, now),
        )
        if response.status_code == 304 or _same_validators(response.headers, known, now):
            return replace(answer, known=_validators(response.headers, answer.known, None))
        body, complete = await _read(response, limits)
        if not complete:
            return replace(answer, body=body, known=_forgotten(answer.known))
        digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        return replace(
            answer,
            body=None if digest == known.digest else body,
            known=_validators(response.headers, answer.known, digest),
        )
    finally:
        await response.aclose()


def _conditions(known: Known) -> dict[str, str]:
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    return {"Accept-Encoding": "gzip, deflate", "Accept": "*/*"} | {
        name: value for name, value in conditions.items() if value
    }


async def _arrive(client: httpx.AsyncClient, request: httpx.Request, limits: Limits) -> _Arrival:
    permanent = True
    for hop in range(limits.redirects + 1):
        response = await client.send(request, stream=True, follow_redirects=False)
        if response.status_code not in _REDIRECTS or response.next_request is None:
            return _Arrival(response, moved=permanent and hop > 0)
        permanent = permanent and response.status_code in _PERMANENT
        await response.aclose()
        request = response.next_request
    raise Unreachable(f"more than {limits.redirects} redirects")


def _moved(known: Known, arrival: _Arrival) -> Known:
    if not arrival.moved:
        return msgspec.structs.replace(known, moved_to=None, moved_times=0)
    target = str(arrival.response.url)
    times = known.moved_times + 1 if target == known.moved_to else 1
    return msgspec.structs.replace(known, moved_to=target, moved_times=times)


def _same_validators(headers: Mapping[str, str], known: Known, now: datetime) -> bool:
    """Whether a 200 carries the validators that are known: some servers never say 304.

    A Last-Modified counts only when it is a minute old, since a page may change twice within
    the second it names (RFC 9110, section 8.8.2.2).
    """
    if _worthless(headers):
        return False
    if etag := headers.get("etag"):
        return etag == known.etag
    modified = http_date(headers.get("last-modified", ""))
    same = headers.get("last-modified") == known.modified
    return same and modified is not None and now - modified >= timedelta(minutes=1)


def _validators(headers: Mapping[str, str], known: Known, digest: str | None) -> Known:
    if _worthless(headers):
        return msgspec.structs.replace(
            known, etag=None, modified=None, digest=digest or known.digest
        )
    renewed = digest is not None
    return msgspec.structs.replace(
        known,
        etag=headers.get("etag", None if renewed else known.etag),
        modified=headers.get("last-modified", None if renewed else known.modified),
        digest=digest or known.digest,
    )


def _forgotten(known: Known) -> Known:
    """After half an answer: its validators would keep the other half away."""
    return msgspec.structs.replace(known, etag=None, modified=None, digest=None)


def _worthless(headers: Mapping[str, str]) -> bool:
    return headers.get("expires", "").strip() == "0"


async def _read(response: httpx.Response, limits: Limits) -> tuple[bytes, bool]:
    """The content, and whether it is all of it: what arrived before a connection broke is good."""
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:18]) > limits.size:
        raise TooLarge(f"{length} bytes, and the limit is {limits.size}")
    try:
        unpacker = Unpacker(response.headers.get("content-encoding", ""), limits.size)
        try:
            async for piece in response.aiter_raw():
                unpacker.feed(piece)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            if not unpacker.content():
                raise
            return unpacker.content(), False
        return unpacker.content(), unpacker.complete
    except OverLimit as error:
        raise TooLarge(f"{error} once unpacked") from None
    except UnknownCoding as error:
        raise NotAFeed(str(error)) from None


async def _refuse(response: httpx.Response, now: datetime, limits: Limits) -> NoReturn:
    """Says why an answer is no good."""
    status = response.status_code
    said = f"the server answered {status} {response.reason_phrase}".strip()
    until = retry_after(response.headers, now)
    if status == 410:
        raise Gone(said)
    if status == 401 or status == 407:
        raise AuthFailed(said, not_before=until)
    if await _is_challenge(response, limits):
        raise Blocked(f"{said} with a page for browsers", not_before=until)
    if status == 429 or (status == 503 and until is not None):
        raise RateLimited(said, not_before=until)
    if status in (403, 451):
        raise Blocked(said, not_before=until)
    if status == 404:
        raise Missing(said)
    raise Unreachable(said, not_before=until)


async def _is_challenge(response: httpx.Response, limits: Limits) -> bool:
    if response.status_code not in (403, 429, 503):
        return False
    if "challenge" in response.headers.get("cf-mitigated", ""):
        return True
    if response.status_code == 429:
        return False
    try:
        start, _ = await _read(response, replace(limits, size=256 * 1024))
    except CollectionFailed:
        return False
    return is_html(start)


def is_html(body: bytes) -> bool:
    """Whether this is a page for browsers and no feed."""
    return _HTML.match(body.removeprefix(b"\xef\xbb\xbf")[:_LOOKED_AT]) is not None


def is_challenge(body: bytes) -> bool:
    """Whether an HTML page asks its reader to prove that it is a person."""
    return _CHALLENGE.search(body[: 16 * _LOOKED_AT]) is not None
