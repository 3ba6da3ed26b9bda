"""What hubs say and deliver for one feed: https://www.w3.org/TR/websub/"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import structlog

from libs.common import metrics
from services.ingest.hook import Answer, Call, Change, Delivery, Denied
from services.ingest.hooks.subscriptions import SubscriptionStore
from services.ingest.hooks.websub import Subscription, is_signed, lease, next_after_denial
from services.ingest.post import Post

logger = structlog.get_logger(__name__)

ReadFeed: TypeAlias = Callable[[bytes, str], Coroutine[Any, Any, tuple[Post, ...]]]
"""From content and its type to posts. Raises CollectionFailed."""
_TAKEN: Final = Answer(202)
_OVER: Final = Answer(410, b"this subscription has ended")


@dataclass(frozen=True, slots=True)
class FeedHook:
    """Implements Hook. read: None when nothing is wanted any more, and only farewells are said."""

    source: str
    store: SubscriptionStore
    read: ReadFeed | None = None

    async def handshake(self, call: Call) -> Answer:
        known = await self._known(call)
        topic, mode = call.query.get("hub.topic", ""), call.query.get("hub.mode", "")
        if mode == "denied":
            return await self._denied(known, call)
        if topic == known.topic and mode == ("subscribe" if known.wanted else "unsubscribe"):
            if known.wanted:
                await self.store.confirm(known.key, *lease(call.query, call.at))
            else:
                await self.store.forget(known.key)
            outcome = "confirmed" if known.wanted else "ended"
            metrics.SUBSCRIPTIONS.labels(outcome).inc()
            logger.info("a hub asked back", source=self.source, outcome=outcome)
            return Answer(body=call.query.get("hub.challenge", "").encode())
        raise Denied("unknown", "this was not asked for", 404)

    async def receive(self, call: Call) -> Delivery:
        known = await self._known(call)
        if not known.wanted or self.read is None:
            return Delivery(answer=_OVER)
        if not is_signed(known.secret, call.body, call.headers.get("x-hub-signature", "")):
            # A better answer than this would tell a stranger whether the secret was right.
            return Delivery(answer=_TAKEN, ignored=True)
        posts = await self.read(call.body, call.headers.get("content-type", ""))
        return Delivery(tuple(map(Change, posts)), answer=_TAKEN)

    async def _known(self, call: Call) -> Subscription:
        known = await self.store.by_key(call.key) if call.key else None
        if known is None or known.source != self.source:
            raise Denied("unknown", "nothing is delivered to this address", 404)
        return known

    async def _denied(self, known: Subscription, call: Call) -> Answer:
        """Hubs may refuse at any time; readings go on as if there were none."""
        metrics.SUBSCRIPTIONS.labels("denied").inc()
        reason = call.query.get("hub.reason", "")[:200]
        logger.warning("a hub refuses to deliver", source=self.source, reason=reason)
        await self.store.keep(replace(known, lease_until=None, ask_at=next_after_denial(call.at)))
        return Answer()
