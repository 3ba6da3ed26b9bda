"""One instance's API, and the others as far as their posts are asked for again.

https://docs.joinmastodon.org/api/
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlsplit

import httpx
import msgspec
import structlog

from libs.common.clock import Clock
from services.ingest.collector import Limits
from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    Gone,
    Missing,
    Unreachable,
)
from services.ingest.reading.address import host_of
from services.ingest.reading.pacing import at_timestamp
from services.ingest.reading.platform_api import Parameters, PlatformApi, Reply, asked_by_header

logger = structlog.get_logger(__name__)

PLATFORM: Final = "mastodon"
_ACTIVITY: Final = {"Accept": 'application/activity+json, application/ld+json;q="0.9"'}
_OTHERS: Final = Limits(size=1024 * 1024, seconds=5.0)
_LONGEST: Final = 90.0
"""Seconds for all questions to other instances together."""


class _Urls(msgspec.Struct, frozen=True):
    streaming: str | None = None


class _Configuration(msgspec.Struct, frozen=True):
    urls: _Urls = _Urls()


class _About(msgspec.Struct, frozen=True):
    configuration: _Configuration = _Configuration()


class Instance:
    """The instance at this address, asked with the token when there is one."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        clock: Clock,
        limits: Limits,
        address: str,
        token: str | None,
    ) -> None:
        self.address = address
        self.clock = clock
        self._has_token = token is not None
        self._api = PlatformApi(
            client,
            clock,
            limits,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            judge=self._judged,
            wait=_asked_wait,
        )
        self._others = PlatformApi(client, clock, _OTHERS, headers=_ACTIVITY)

    async def get(self, path: str, params: Parameters | None = None) -> Reply:
        """Raises CollectionFailed."""
        return await self._api.get(self.address + path, params)

    async def streaming_address(self) -> str:
        """Where it streams: often another host, and told as that of a WebSocket."""
        reply = await self.get("/api/v2/instance")
        told = reply.decode(_About).configuration.urls.streaming
        parts = _split(told or "")
        if parts is None or not parts.hostname:
            return self.address
        scheme = urlsplit(self.address).scheme  # a token is never sent in the clear
        return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}"

    def lines(self, url: str, params: Parameters, quiet: float) -> AsyncGenerator[bytes, None]:
        """Of a stream. Raises CollectionFailed."""
        return self._api.lines(url, params, quiet=quiet)

    async def gone(self, uris: Sequence[str]) -> list[str]:
        """Those that do not stand any more where they were written. A post's address in the
        fediverse leads there; posts of this instance are asked for through its API.

        Only "not here" and "gone" count as deleted: other instances may be down, which is found
        out once, or closed to strangers. Raises CollectionFailed only when this instance does not
        answer.
        """
        loop = asyncio.get_running_loop()
        until, silent = loop.time() + _LONGEST, set[str]()
        found: list[str] = []
        for uri in uris:
            parts = _split(uri)
            if parts is None:
                continue
            number = parts.path.rpartition("/")[2]
            if parts.netloc == host_of(self.address) and number.isascii() and number.isdigit():
                stands: bool | None = await self._stands(number)
            elif parts.netloc in silent or loop.time() > until:
                continue
            else:
                stands = await self._stands_elsewhere(uri)
            if stands is None:
                silent.add(parts.netloc)
            elif not stands:
                found.append(uri)
        return found

    async def _stands(self, number: str) -> bool:
        try:
            await self.get(f"/api/v1/statuses/{number}")
        except (Missing, Gone):
            return False
        return True

    async def _stands_elsewhere(self, uri: str) -> bool | None:
        """None when nobody says."""
        try:
            await self._others.get(uri)
        except (Missing, Gone):
            return False
        except (CollectionFailed, httpx.InvalidURL) as failure:
            logger.info("a post could not be asked for again", reason=type(failure).__name__)
            return None
        return True

    def _judged(self, reply: Reply) -> CollectionFailed | None:
        words = reply.body[:500].lower()
        refused = (
            reply.status == 401
            or (reply.status == 422 and b"authenticated" in words)
            or (reply.status == 403 and b"scope" in words)
        )
        if not refused:
            return None
        if self._has_token:
            return AuthFailed(f"the instance refuses the token; {reply.said()}")
        return AuthFailed(
            f"the instance shows this to its members only: set `token`; {reply.said()}"
        )


def page_before(reply: Reply) -> str | None:
    """The `min_id` of the page with the posts written right after these, from the `Link` header.

    Only the id is taken from the link: requests go to the configured address alone.
    """
    links = b", ".join(value for name, value in reply.headers.raw if name.lower() == b"link")
    target = httpx.Response(200, headers=[(b"link", links)]).links.get("prev", {}).get("url", "")
    parts = _split(target)
    ids = parse_qs(parts.query).get("min_id") if parts else None
    return ids[0][:100] if ids else None


def _asked_wait(reply: Reply) -> datetime | None:
    """When a new period begins, which every answer tells, counts for those that are too many."""
    if reply.status == 429:
        reset = at_timestamp(reply.headers.get("x-ratelimit-reset", ""), reply.at)
        return reset or asked_by_header(reply)
    return asked_by_header(reply)


def looks_like_a_page(line: bytes) -> CollectionFailed | None:
    """What a first line means that no stream begins with."""
    if line.lstrip().startswith(b"<"):
        return Blocked("the server answered with a page for browsers instead of a stream")
    if line.lstrip().startswith(b"{"):
        return Unreachable("the server answered with something else than a stream")
    return None


def _split(url: str) -> SplitResult | None:
    """The parts of an address that somebody else wrote; None when it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return None
