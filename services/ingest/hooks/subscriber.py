"""Asks the hubs of feeds to deliver, and feeds that a hub delivers less often than others.

The copy that reads a feed also asks its hub, at the first reading and again before the lease ends.
Whatever goes wrong with a hub costs no reading.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import httpx
import structlog

from libs.common import metrics
from libs.common.clock import Clock
from libs.common.errors import Retryable
from services.ingest.collector import Collector, Limits
from services.ingest.failure import CollectionFailed
from services.ingest.hooks.subscriptions import SubscriptionStore
from services.ingest.hooks.websub import (
    Offer,
    Subscription,
    ask,
    discover,
    next_after_denial,
    next_retry,
)
from services.ingest.post import Page

logger = structlog.get_logger(__name__)

_RANDOM_BYTES: Final = 32
"""Of keys and secrets, which nobody can guess."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A feed whose hub shall deliver. every: time between two readings while it does."""

    source: str
    url: str
    every: timedelta


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Asks hubs. public_url: where they reach us."""

    store: SubscriptionStore
    public_url: str
    clock: Clock
    limits: Limits

    async def attend(self, wish: Wish, client: httpx.AsyncClient) -> timedelta | None:
        """Asks the hub of this feed when it is time to. How long the feed may be left alone now;
        None while no hub delivers."""
        known = await self.store.of_source(wish.source)
        if known is None or known.ask_at <= self.clock():
            known = await self._ask(wish, known, client)
        now = self.clock()
        if not known.is_active(now):
            return None
        return min(wish.every, max(known.ask_at - now, timedelta()))

    async def leave(self, leaving: Sequence[Subscription], client: httpx.AsyncClient) -> None:
        """Asks the hubs to deliver no more; each asks back, as at the beginning."""
        for each in leaving:
            try:
                await ask(client, each, "unsubscribe", self._callback(each), self.limits)
            except CollectionFailed as failure:
                # It is over when the lease ends; until then deliveries are turned away.
                logger.warning("a hub was not reached", source=each.source, reason=str(failure))

    async def _ask(
        self, wish: Wish, known: Subscription | None, client: httpx.AsyncClient
    ) -> Subscription:
        """What is known after asking: the hub may have confirmed already."""
        now = self.clock()
        asked = known or _nothing_known(wish.source, now)
        again = next_retry(asked.failures, now)
        asked = replace(asked, ask_at=again, failures=asked.failures + 1)
        # Kept before anything is sent: whatever happens, it is not asked again at once.
        await self.store.keep(asked)
        try:
            offer = await discover(client, wish.url, self.limits)
            asked = await self._taken_up(asked, offer, client)
            if asked.hub:
                await ask(client, asked, "subscribe", self._callback(asked), self.limits)
        except CollectionFailed as failure:
            metrics.SUBSCRIPTIONS.labels("failed").inc()
            logger.warning("a hub was not asked", source=wish.source, reason=str(failure))
            return asked
        metrics.SUBSCRIPTIONS.labels("asked" if asked.hub else "no hub").inc()
        return await self.store.by_key(asked.key) or asked

    async def _taken_up(
        self, asked: Subscription, offer: Offer | None, client: httpx.AsyncClient
    ) -> Subscription:
        """The subscription that fits the offer, kept. One at another hub ends."""
        if offer is not None and offer == (asked.hub, asked.topic):
            return asked
        if asked.hub:
            await self.store.keep(replace(asked, wanted=False))
            await self.leave([asked], client)
            asked = replace(_nothing_known(asked.source, asked.ask_at), failures=asked.failures)
        if offer is None:
            asked = replace(asked, ask_at=next_after_denial(self.clock()))
        else:
            asked = replace(asked, hub=offer.hub, topic=offer.topic)
        # The hub asks back at once, and perhaps another copy.
        await self.store.keep(asked)
        return asked

    def _callback(self, subscription: Subscription) -> str:
        base = self.public_url.rstrip("/")
        return f"{base}/v1/hooks/{subscription.source}/{subscription.key}"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A feed that is read as its collector does, and whose hub is attended after each reading."""

    collector: Collector
    wish: Wish
    subscriber: Subscriber
    client: httpx.AsyncClient

    async def collect(self, cursor: str | None) -> Page:
        page = await self.collector.collect(cursor)
        try:
            calm = await self.subscriber.attend(self.wish, self.client)
        except Retryable as error:
            logger.warning("a hub was not attended", source=self.wish.source, reason=str(error))
            return page
        return page if calm is None else replace(page, next_in=max(page.next_in or calm, calm))


def _nothing_known(source: str, now: datetime) -> Subscription:
    key, secret = secrets.token_urlsafe(_RANDOM_BYTES), secrets.token_urlsafe(_RANDOM_BYTES)
    return Subscription(key, source, secret, hub="", topic="", ask_at=now)
