"""The way onto the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from libs.common import metrics
from libs.common.bus import RAW, Message
from libs.common.events import Mention, MentionDeleted, to_message


class Publisher(Protocol):
    """The part of the log that ingest needs."""

    async def publish(self, messages: Sequence[Message]) -> None: ...


async def publish(
    log: Publisher,
    events: Sequence[Mention | MentionDeleted],
    way: Literal["source", "api", "hint"],
) -> None:
    """Returns when all of them are durable. Raises Retryable, MessageTooLarge."""
    if events:
        await log.publish([to_message(RAW, event.id, event, service="ingest") for event in events])
    mentions = sum(isinstance(event, Mention) for event in events)
    metrics.MENTIONS_COLLECTED.labels(way).inc(mentions)
