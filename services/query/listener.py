"""One listener of the live stream: what waits for it, as Server-Sent Events.

The kinds of events: `mention` (a classified mention), `corrected` (a person labelled a known one,
or no longer does: its id, whether the query `matches` it now, and if so the mention as it is
shown), `deleted` (its id), `gap` (how many events this listener lost, or got without what people
say since the store did not answer: load the list again), `reset` (the position it came back with
is not known here: load the list again). The id of an event is the position after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from libs.common import metrics
from libs.common.bus import Record, TopicPartition
from libs.common.events import ClassifiedMention, MentionDeleted, to_json
from services.query.position import encode_position

RETRY: Final = b"retry: 2000\n\n"
KEEP_ALIVE_SECONDS: Final = 15.0
WAITING_BYTES: Final = 4 * 1024 * 1024


def event_bytes(event: ClassifiedMention | MentionDeleted) -> bytes:
    """The event without its id, to be followed by `position_line`."""
    if isinstance(event, MentionDeleted):
        data = msgspec.json.encode({"id": event.id, "watch": event.watch})
        return b"event: deleted\ndata: " + data + b"\n"
    return b"event: mention\ndata: %b\n" % to_json(event)


def corrected_bytes(mention: ClassifiedMention, matches: bool) -> bytes:
    """As `event_bytes`, of a correction."""
    told: dict[str, object] = {"id": mention.id, "watch": mention.watch, "matches": matches}
    if matches:
        told["mention"] = msgspec.Raw(to_json(mention))
    return b"event: corrected\ndata: %b\n" % msgspec.json.encode(told)


def position_line(offsets: Mapping[TopicPartition, int]) -> bytes:
    """The id line that ends an event; alone it moves a listener's position without an event."""
    return b"id: " + encode_position(offsets).encode() + b"\n\n"


def gap(dropped: int) -> bytes:
    return b'event: gap\ndata: {"dropped":%d}\n\n' % dropped


def reset(why: str) -> bytes:
    """As `event_bytes`: to be followed by the position from which the listener goes on."""
    return b"event: reset\ndata: " + msgspec.json.encode({"why": why}) + b"\n"


class Listener:
    """Holds at most `limit` events of `limit_bytes` together; the rest is counted and told as a
    gap. An event that nothing else waits beside is held however long it is."""

    def __init__(self, limit: int, limit_bytes: int = WAITING_BYTES) -> None:
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._dropped = 0
        self._woken = asyncio.Event()
        self._seen: dict[TopicPartition, int] = {}

    def has_seen(self, seen: Mapping[TopicPartition, int]) -> None:
        """Records before these offsets were told already; they will not be told again."""
        self._seen = dict(seen)

    def position(self, live: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Where this listener stands when the live stream stands at `live`."""
        if not self._seen:
            return live
        self._seen = {p: offset for p, offset in self._seen.items() if offset > live.get(p, 0)}
        return {**live, **self._seen}

    def tell(
        self, record: Record, event: bytes, line: bytes, live: Mapping[TopicPartition, int]
    ) -> None:
        """Hands over an event; `line` is the id line of `live`, the position after the record."""
        if self._seen:
            if record.offset < self._seen.get(TopicPartition(record.topic, record.partition), 0):
                return
            line = position_line(self.position(live))
        self.add(event + line)

    def add(self, chunk: bytes) -> None:
        """Keeps a chunk for the listener, or counts it as lost."""
        too_long = self._bytes > 0 and self._bytes + len(chunk) > self._limit_bytes
        if too_long or len(self._waiting) >= self._limit:
            self._dropped += 1
            metrics.STREAM_DROPPED.inc()
            return
        self._mark_gap()
        self._waiting.append(chunk)
        self._bytes += len(chunk)
        self._woken.set()

    def miss(self, count: int) -> None:
        """So many events were not told, or not in full: a gap."""
        if count:
            self._dropped += count
            self._woken.set()

    def wake(self) -> None:
        """Lets the listener look again whether the stream has ended."""
        self._woken.set()

    async def take(self) -> bytes:
        """What waits, joined; empty after KEEP_ALIVE_SECONDS without any, or when woken."""
        if not self._waiting and not self._dropped:
            self._woken.clear()
            try:
                async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                return b""
        self._mark_gap()
        taken, self._waiting, self._bytes = self._waiting, [], 0
        return b"".join(taken)

    def _mark_gap(self) -> None:
        if self._dropped:
            self._waiting.append(gap(self._dropped))
            self._dropped = 0
