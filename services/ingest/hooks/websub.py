"""WebSub: what a feed says of its hub, what a hub is asked, and what it says to us.

https://www.w3.org/TR/websub/
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec
from lxml import etree

from services.ingest.collector import Limits
from services.ingest.failure import Refused, Rejected, Unreachable
from services.ingest.reading.address import without_login
from services.ingest.reading.answer import failures_named, read_content

LEASE: Final = timedelta(days=10)
"""What hubs are asked for; they may give less or more."""
_LONGEST_LEASE: Final = timedelta(days=90)
_RENEWED: Final = 0.8
"""The share of a lease after which it is renewed."""
_FIRST_RETRY: Final = timedelta(minutes=5)
_LAST_RETRY: Final = timedelta(hours=12)
_DENIED: Final = timedelta(days=1)
_HEAD: Final = 65_536
"""Bytes of a feed in which its links are searched."""
_REDIRECTS: Final = frozenset((307, 308))
_METHODS: Final = frozenset(("sha1", "sha256", "sha384", "sha512"))
_LOOPBACK: Final = frozenset(("127.0.0.1", "localhost", "::1"))


class Offer(NamedTuple):
    """A hub that delivers, and the name of the feed there."""

    hub: str
    topic: str


async def discover(client: httpx.AsyncClient, url: str, limits: Limits) -> Offer | None:
    """What the feed at this address says of its hub; None when it names none.

    Raises CollectionFailed.
    """
    with failures_named(limits.seconds):
        async with asyncio.timeout(limits.seconds):
            request = client.build_request("GET", url, headers={"Accept": "*/*"})
            try:
                response = await client.send(request, stream=True, follow_redirects=True)
            except httpx.TooManyRedirects:
                raise Unreachable("too many redirects") from None
            try:
                if not response.is_success:
                    raise Unreachable(f"the server answered {response.status_code}")
                body, _ = await read_content(response, limits)
            finally:
                await response.aclose()
    return await asyncio.to_thread(offer_in, response, body)


def offer_in(response: httpx.Response, body: bytes) -> Offer | None:
    """From the `Link` headers, else from the feed itself. The hub never learns a login."""
    url = without_login(str(response.url))
    named = _in_headers(response)
    if "hub" not in named:
        named = _in_json(body) if body.lstrip()[:1] == b"{" else _in_xml(body)
    if "hub" not in named:
        return None
    hub = urljoin(url, named["hub"])
    topic = without_login(urljoin(url, named.get("self", "")))
    return Offer(hub, topic) if _may_be_asked(hub) else None


def _in_headers(response: httpx.Response) -> dict[str, str]:
    named: dict[str, str] = {}
    for link in response.links.values():
        lowered = {name.lower(): value for name, value in link.items() if name and value}
        for relation in lowered.get("rel", "").lower().split():
            named.setdefault(relation, lowered.get("url", ""))
    return named


class _Hub(msgspec.Struct, frozen=True):
    url: str
    type: str = ""


class _JsonFeed(msgspec.Struct, frozen=True):
    feed_url: str | None = None
    hubs: list[_Hub] = []


def _in_json(body: bytes) -> dict[str, str]:
    try:
        feed = msgspec.json.decode(body, type=_JsonFeed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    hubs = [hub.url for hub in feed.hubs if hub.type.lower() == "websub"]
    named = {"self": feed.feed_url} if feed.feed_url else {}
    return named | ({"hub": hubs[0]} if hubs else {})


def _in_xml(body: bytes) -> dict[str, str]:
    head = body[:_HEAD]
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        return {}
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(head, parser)
    except (etree.XMLSyntaxError, ValueError):
        return {}
    named: dict[str, str] = {}
    if root is None:
        return named
    # Of the feed itself, not of its entries.
    places = [root, *root.iterchildren("{*}channel")]
    for place in places:
        for link in place.iterchildren("{*}link"):
            for relation in (link.get("rel") or "").lower().split():
                named.setdefault(relation, link.get("href") or "")
    return named


def _may_be_asked(hub: str) -> bool:
    """Only over a connection that keeps the secret: a delivery that nobody signed could be
    anybody's. What never leaves this machine needs no protection."""
    parts = urlsplit(hub)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a hub was asked. Times in UTC.

    key: stands in the address that it delivers to. hub: empty when the feed names none. wanted:
    False when it is to end. ask_at: when it is asked again. failures: how often it was asked
    without confirming since. lease_until: None while it has not confirmed.
    """

    key: str
    source: str
    secret: str
    hub: str
    topic: str
    ask_at: datetime
    wanted: bool = True
    failures: int = 0
    lease_until: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        return self.lease_until is not None and self.lease_until > now


async def ask(
    client: httpx.AsyncClient,
    subscription: Subscription,
    mode: Literal["subscribe", "unsubscribe"],
    callback: str,
    limits: Limits,
) -> None:
    """Asks the hub, which will ask back. Raises CollectionFailed."""
    form = {"hub.callback": callback, "hub.mode": mode, "hub.topic": subscription.topic}
    if mode == "subscribe":
        form["hub.lease_seconds"] = str(int(LEASE.total_seconds()))
        form["hub.secret"] = subscription.secret
    hub = subscription.hub
    with failures_named(limits.seconds):
        async with asyncio.timeout(limits.seconds):
            for _ in range(limits.redirects + 1):
                request = client.build_request("POST", hub, data=form)
                response = await client.send(request, stream=True, follow_redirects=False)
                await response.aclose()
                if response.status_code not in _REDIRECTS:
                    break
                hub = urljoin(hub, response.headers.get("location", ""))
                if not _may_be_asked(hub):
                    raise Refused("the hub has moved to where secrets are not kept")
    if response.status_code in _REDIRECTS:
        raise Unreachable("the hub has moved too often")
    if not response.is_success:
        raise Rejected(f"the hub answered {response.status_code}")


def next_retry(failures: int, now: datetime) -> datetime:
    """When a hub is asked again that has not confirmed."""
    return now + min(_FIRST_RETRY * (1 << min(failures, 20)), _LAST_RETRY)


def next_after_denial(now: datetime) -> datetime:
    return now + _DENIED


def lease(query: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """Until when the hub delivers, and when to ask it again before that."""
    stated = query.get("hub.lease_seconds", "")
    length = timedelta(seconds=int(stated[:9])) if stated.isascii() and stated.isdigit() else LEASE
    length = min(length, _LONGEST_LEASE)
    return now + length, now + length * _RENEWED


def is_signed(secret: str, body: bytes, given: str) -> bool:
    """Whether `X-Hub-Signature` is that of the body, by any of the methods."""
    method, _, digits = given.partition("=")
    if method not in _METHODS:
        return False
    expected = hmac.new(secret.encode(), body, method).hexdigest()
    return hmac.compare_digest(expected.encode(), digits.encode("utf-8", "replace"))
