"""How the posts of each source come in, read or delivered: put together once, at the start."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from libs.common.service import Loop
from services.ingest.collector import Collector, SourceConfig, Stream, Tools
from services.ingest.hook import Hook
from services.ingest.hooks.deliveries import Hooked
from services.ingest.hooks.feed_hook import FeedHook
from services.ingest.hooks.subscriber import Delivered, Subscriber, Wish
from services.ingest.post import Post


@runtime_checkable
class MayHaveHub(Protocol):
    """The configuration of a feed. See `collectors/feed.py`."""

    url: str
    websub: bool
    websub_every: timedelta


@runtime_checkable
class ReadsDeliveries(Protocol):
    """A collector that can read a part of its feed."""

    async def delivered(self, body: bytes, content_type: str) -> tuple[Post, ...]: ...


@dataclass(frozen=True, slots=True)
class WaysIn:
    """collectors: what is read; a feed that is to be delivered attends its hub meanwhile. hooked:
    what is delivered. farewell: a service loop that ends what is no longer wanted of hubs."""

    collectors: Mapping[str, Collector | Stream]
    hooked: Mapping[str, Hooked]
    farewell: Loop

    @property
    def only_delivered(self) -> set[str]:
        return {source for source, each in self.hooked.items() if not each.polled}


async def ways_in(
    sources: Sequence[SourceConfig],
    built: Mapping[str, Collector | Stream | Hook],
    subscriber: Subscriber,
    tools: Tools,
) -> WaysIn:
    """built: what each source's configuration describes. Raises Retryable when the store does not
    answer."""
    wishes = {source.id: wish for source in sources if (wish := _wish(source)) is not None}
    leaving = await subscriber.store.leave_all_but(wishes, tools.clock())
    kinds = {source.id: source.kind for source in sources}
    private = {source.id for source in sources if source.allow_private}
    collectors: dict[str, Collector | Stream] = {}
    hooked: dict[str, Hooked] = {}
    for each in leaving:
        hook = FeedHook(each.source, subscriber.store)
        hooked[each.source] = Hooked(kinds.get(each.source, "feed"), hook, polled=True)
    for source, way in built.items():
        if isinstance(way, Hook):
            hooked[source] = Hooked(kinds[source], way)
        elif source in wishes and isinstance(way, Collector) and isinstance(way, ReadsDeliveries):
            client = tools.private_client if source in private else tools.client
            collectors[source] = Delivered(way, wishes[source], subscriber, client)
            hook = FeedHook(source, subscriber.store, way.delivered)
            hooked[source] = Hooked(kinds[source], hook, polled=True)
        else:
            collectors[source] = way

    async def say_farewell() -> None:
        at_home = [each for each in leaving if each.source in private]
        elsewhere = [each for each in leaving if each.source not in private]
        await subscriber.leave(at_home, tools.private_client)
        await subscriber.leave(elsewhere, tools.client)

    async def farewell(stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            saying = group.create_task(say_farewell())
            await stop.wait()
            saying.cancel()

    return WaysIn(collectors, hooked, farewell)


def _wish(source: SourceConfig) -> Wish | None:
    if isinstance(source, MayHaveHub) and source.websub:
        return Wish(source.id, source.url, source.websub_every)
    return None
