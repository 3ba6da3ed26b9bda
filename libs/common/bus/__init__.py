"""The event log: what the services meet in.

A topic has partitions; a partition is an ordered, durable list of records with offsets. Two
implementations keep the same promises, and one suite (`tests/contract/bus_behaviours.py`) holds
both to them: `sqlite/` (one file, embedded) and `kafka/` (Apache Kafka).

Promises:
- `publish` returns when every message is durable, and raises when one is not; what it published
  before raising may stay. Messages of one key keep their order in one partition.
- A group's consumer gets every record after the group's committed offset at least once. Several
  consumers of a group share the partitions; a dead one's partitions move to the living.
- A commit counts for the group, not for the consumer. It is refused (`PartitionLost`) when the
  partition belongs to another consumer by now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

Headers: TypeAlias = tuple[tuple[str, bytes], ...]


class Topic(NamedTuple):
    """How a topic is laid out.

    retention: how long records stay at least; None for ever.
    compacted: keep only the last record of each key (a null value removes the key).
    """

    name: str
    partitions: int
    retention: timedelta | None = None
    compacted: bool = False


class Message(msgspec.Struct, frozen=True, gc=False):
    """What a publisher hands in. `key` None spreads messages over the partitions."""

    topic: str
    key: str | None
    value: bytes | None
    headers: Headers = ()


class Record(msgspec.Struct, frozen=True, gc=False):
    """What a reader gets. `timestamp` is the publishing time in milliseconds since 1970, UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str | None
    value: bytes | None
    headers: Headers = ()

    @property
    def published_at(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp / 1000, UTC)


class TopicPartition(NamedTuple):
    topic: str
    partition: int


Offsets: TypeAlias = Mapping[TopicPartition, int]
"""The next offset to read, per partition."""

Start: TypeAlias = Literal["beginning", "end"] | datetime | Offsets
"""Where reading begins: an end of the log, the first record published at or after a time, or
given offsets (partitions not named begin at their beginning)."""


class Rebalance(NamedTuple):
    """Told when partitions come and go, before records of new ones are handed out. What was lost
    or is left with the context counts as revoked; an empty set is never told."""

    assigned: Callable[[frozenset[TopicPartition]], Awaitable[None]]
    revoked: Callable[[frozenset[TopicPartition]], Awaitable[None]]


class Reader(Protocol):
    """Reads on its own, without a group: it sees every record and commits nothing."""

    async def poll(self, limit: int, wait: float) -> list[Record]:
        """Up to `limit` records; an empty list after `wait` seconds without any.

        Raises BusUnavailable when the log cannot be reached for longer than `wait`.
        """
        ...

    async def start(self) -> Offsets:
        """The offsets before which nothing is left, of every partition, now."""
        ...

    async def position(self) -> Offsets:
        """How far reading has come in every partition: what is before these offsets was handed
        out, or is not in the log. Offsets may have gaps, where records were removed or never
        stood, so this tells what the last record does not: whether an `end` is reached."""
        ...

    async def end(self) -> Offsets:
        """The offsets after the last record of every partition, now."""
        ...


class Consumer(Protocol):
    """A member of a group."""

    async def poll(self, limit: int, wait: float) -> list[Record]:
        """As `Reader.poll`, from the partitions this member owns. Not polling for longer than
        the session lasts makes the group give them away."""
        ...

    async def commit(self, offsets: Offsets) -> None:
        """Everything before these offsets is done. Durable on return.

        Raises PartitionLost when another member owns one of the partitions by now (then none
        of the offsets is committed in the embedded log, and some may be in Kafka).
        """
        ...

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions this member owns now."""
        ...


class Bus(Protocol):
    """An event log."""

    async def create_topics(self, topics: Iterable[Topic]) -> None:
        """Creates what is missing; leaves what exists as it is."""
        ...

    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns when all are durable. Raises BusUnavailable, MessageTooLarge."""
        ...

    def consumer(
        self,
        group: str,
        topics: Sequence[str],
        *,
        start: Start = "beginning",
        rebalance: Rebalance | None = None,
    ) -> AbstractAsyncContextManager[Consumer]:
        """Joins a group; leaving the context leaves it. `start` is for partitions of which the
        group has committed nothing yet; a start at the end or at a time is settled for good when
        a member first owns the partition."""
        ...

    def reader(
        self, topics: Sequence[str], start: Start = "beginning"
    ) -> AbstractAsyncContextManager[Reader]: ...

    async def lag(self, group: str, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """How many records of each partition the group has not committed yet."""
        ...

    async def ready(self) -> None:
        """Returns when the log answers. Raises BusUnavailable with the reason otherwise."""
        ...

    async def close(self) -> None:
        """Hands over what is under way and lets go of every resource. Safe to call twice."""
        ...


RAW: Final = "mentions.raw"
CLASSIFIED: Final = "mentions.classified"
INCIDENTS: Final = "incidents"
SOURCES: Final = "sources.health"
DEAD_SUFFIX: Final = ".dead"
DEAD_RETENTION: Final = timedelta(days=30)


def streams(partitions: int, retention: timedelta = timedelta(days=7)) -> tuple[Topic, ...]:
    """The topics of Brandmelder. Incidents are kept for ever: they are the audit log."""
    return (
        Topic(RAW, partitions, retention),
        Topic(CLASSIFIED, partitions, retention),
        Topic(INCIDENTS, partitions),
        Topic(SOURCES, 1, retention),
        *(
            Topic(name + DEAD_SUFFIX, 1, timedelta(days=30))
            for name in (RAW, CLASSIFIED, INCIDENTS, SOURCES)
        ),
    )


def header(record: Record, name: str) -> str | None:
    """The first header of that name, as text."""
    for key, value in record.headers:
        if key == name:
            return value.decode("utf-8", "replace")
    return None


def after(records: Iterable[Record]) -> dict[TopicPartition, int]:
    """The offsets to commit when these records are done."""
    offsets: dict[TopicPartition, int] = {}
    for record in records:
        place = TopicPartition(record.topic, record.partition)
        offsets[place] = max(offsets.get(place, 0), record.offset + 1)
    return offsets
