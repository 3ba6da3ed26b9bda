"""One polite GET: validators, redirects, limits, and the judgement of what came back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NoReturn

import httpx
import msgspec

from libs.common.clock import Clock
from services.ingest.collector import Limits
from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    Gone,
    Missing,
    RateLimited,
    Unreachable,
)
from services.ingest.reading.address import without_login
from services.ingest.reading.answer import failures_named, is_html, read_content
from services.ingest.reading.pacing import freshness, http_date, retry_after

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_PERMANENT: Final = frozenset((301, 308))


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
    """A good answer. `body` is None when it is the one that is known already; it may be good
    without being complete, when a connection broke. url: where it came from, without a login."""

    body: bytes | None
    url: str
    content_type: str
    known: Known
    fresh_for: timedelta | None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Where the redirects ended, and whether every one of them was permanent."""

    response: httpx.Response
    moved: bool


async def fetch(
    client: httpx.AsyncClient, url: str, known: Known, clock: Clock, limits: Limits
) -> Answer:
    """Gets `url` unless it is still what is known. Raises CollectionFailed."""
    with failures_named(limits.seconds):
        async with asyncio.timeout(limits.seconds):
            return await _fetch(client, url, known, clock, limits)


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
            url=without_login(str(response.url)),
            content_type=response.headers.get("content-type", ""),
            known=_moved(known, arrival),
            fresh_for=freshness(response.headers, now),
        )
        if response.status_code == 304 or _same_validators(response.headers, known, now):
            return replace(answer, known=_validators(response.headers, answer.known, None))
        body, complete = await read_content(response, limits)
        if not complete:
            return replace(answer, body=body, known=_forgotten(answer.known), complete=False)
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
    if not arrival.moved or arrival.response.url.userinfo:  # a login is not remembered
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
        start, _ = await read_content(response, replace(limits, size=256 * 1024))
    except CollectionFailed:
        return False
    return is_html(start)
