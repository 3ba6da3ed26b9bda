"""How to reach the cluster, what things are called there, and what its errors mean to us."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, TypeVar

import aiokafka
from aiokafka.errors import KafkaError

from libs.common.bus import Offsets, TopicPartition
from libs.common.errors import BusUnavailable

Security: TypeAlias = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism: TypeAlias = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

PAUSE: Final = 0.1
"""Seconds between two looks at something that the cluster is about to do."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Connection:
    """servers: host:port of some of the brokers; the others are learned from them.

    prefix: put before the names of topics and groups, for several installations on one cluster.
    ca: file with the certificates of the authorities to trust; None for the system's.
    """

    servers: tuple[str, ...]
    prefix: str = ""
    security: Security = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    user: str | None = None
    secret: str | None = field(default=None, repr=False)
    ca: str | None = None

    def arguments(self) -> dict[str, Any]:
        """What every client of aiokafka is given."""
        encrypted = self.security in ("SSL", "SASL_SSL")
        return {
            "bootstrap_servers": list(self.servers),
            "client_id": "brandmelder",
            "security_protocol": self.security,
            "ssl_context": ssl.create_default_context(cafile=self.ca) if encrypted else None,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.secret,
        }

    def topic(self, name: str) -> str:
        """The topic's name in the cluster."""
        return self.prefix + name

    def name(self, topic: str) -> str:
        """Our name of a topic in the cluster."""
        return topic[len(self.prefix) :]

    def partition(self, place: TopicPartition) -> aiokafka.TopicPartition:
        return aiokafka.TopicPartition(self.topic(place.topic), place.partition)

    def place(self, partition: aiokafka.TopicPartition) -> TopicPartition:
        return TopicPartition(self.name(partition.topic), partition.partition)

    def places(self, partitions: Iterable[aiokafka.TopicPartition]) -> frozenset[TopicPartition]:
        return frozenset(self.place(each) for each in partitions)

    def positions(self, offsets: Offsets) -> dict[aiokafka.TopicPartition, int]:
        return {self.partition(place): offset for place, offset in offsets.items()}


@asynccontextmanager
async def asking(what: str, patience: float) -> AsyncIterator[None]:
    """Bounds a conversation with the cluster, which aiokafka would often go on with for ever.

    Raises BusUnavailable when it fails or takes longer than `patience` seconds.
    """
    try:
        async with asyncio.timeout(patience):
            yield
    except TimeoutError as error:
        raise BusUnavailable(f"Kafka: {what}: no answer within {patience:g} s") from error
    except (KafkaError, OSError) as error:
        raise BusUnavailable(f"Kafka: {what}: {error}") from error


async def persisting(what: str, patience: float, question: Callable[[], Awaitable[T]]) -> T:
    """Asks again while the cluster says that it is not ready: a leader is being elected, a topic
    is being made. Raises BusUnavailable with the last reason after `patience` seconds."""
    reason = f"no answer within {patience:g} s"
    try:
        async with asyncio.timeout(patience):
            while True:
                try:
                    return await question()
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    reason = str(error)
                await asyncio.sleep(PAUSE)
    except TimeoutError as error:
        raise BusUnavailable(f"Kafka: {what}: {reason}") from error
    except (KafkaError, OSError) as error:
        raise BusUnavailable(f"Kafka: {what}: {error}") from error
