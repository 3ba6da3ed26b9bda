"""What a site allows programs to read: robots.txt, after RFC 9309.

A file that is not there allows everything, one whose server is ill allows nothing for now. The
rules are kept for a day. protego reads them, since Python's own parser knows neither wildcards nor
that the longest rule wins; in the confined process, since rules can be written that take it
minutes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec
from protego import Protego

from libs.common.clock import Clock
from services.ingest.collector import Confined, Limits
from services.ingest.failure import AuthFailed, Blocked, Gone, Missing
from services.ingest.reading.address import host_of
from services.ingest.reading.fetch import Known, fetch

_KEPT: Final = timedelta(days=1)
_READ: Final = 500 * 1024
"""Bytes of a file that count, as the RFC asks for at least."""
_REMEMBERED: Final = 32 * 1024
"""Characters of a file that are worth to be kept in a cursor; larger ones are asked for again."""


class Question(msgspec.Struct, frozen=True):
    """Whether a program of this name may read this address."""

    rules: str
    url: str
    agent: str


class Permission(msgspec.Struct, frozen=True):
    """seconds: that the site wants between two requests; no standard, but many sites say it."""

    is_given: bool
    seconds: float | None = None

    @property
    def delay(self) -> timedelta | None:
        return timedelta(seconds=min(self.seconds, 86_400.0)) if self.seconds else None


def run(payload: bytes) -> bytes:
    """For the confined process: a Question in, a Permission out, as MessagePack."""
    asked = msgspec.msgpack.decode(payload, type=Question)
    rules = Protego.parse(asked.rules)
    seconds = rules.crawl_delay(asked.agent)
    permission = Permission(
        bool(rules.can_fetch(asked.url, asked.agent)), float(seconds) if seconds else None
    )
    return msgspec.msgpack.encode(permission)


class Robots(msgspec.Struct, frozen=True, omit_defaults=True):
    """The rules of a site. read_at: seconds since 1970."""

    site: str
    rules: str
    read_at: int

    async def permission(self, url: str, agent: str, confined: Confined) -> Permission:
        """Whether this address may be read. Raises Unreadable."""
        question = msgspec.msgpack.encode(Question(self.rules, url, agent))
        return msgspec.msgpack.decode(await confined.run(run, question), type=Permission)

    def to_keep(self) -> Robots | None:
        """What goes into a cursor."""
        return self if len(self.rules) <= _REMEMBERED else None

    def is_fresh(self, site: str, now: datetime) -> bool:
        return site == self.site and now.timestamp() - self.read_at < _KEPT.total_seconds()


async def robots_of(
    url: str, kept: Robots | None, client: httpx.AsyncClient, clock: Clock, limits: Limits
) -> Robots:
    """The rules of the site that `url` lies on: the kept ones while they are fresh.

    Raises CollectionFailed when its server does not say: then nothing may be read.
    """
    parts = urlsplit(url)
    site = f"{parts.scheme}://{host_of(url)}"
    if kept is not None and kept.is_fresh(site, clock()):
        return kept
    try:
        answer = await fetch(
            client, f"{parts.scheme}://{parts.netloc}/robots.txt", Known(), clock, limits
        )
    except (Missing, Gone, AuthFailed, Blocked):
        body = b""
    else:
        body = answer.body or b""
    rules = body[:_READ].decode("utf-8", "replace")
    return Robots(site, rules, int(clock().timestamp()))
