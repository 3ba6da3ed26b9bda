"""Records in the file: encoding, appending, fetching, seeking."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from libs.common.bus import Headers, Message, Record, Start, Topic, TopicPartition
from libs.common.bus.sqlite.file import create_chunks
from libs.common.errors import MessageTooLarge

FETCH_BYTES: Final = 8 << 20
"""A fetch stops after this much, however many records were asked for."""
CHUNK_BYTES: Final = 1 << 20
"""A row is closed when it has grown to this size."""


class Layout(NamedTuple):
    """Where a topic lies. partitions: the partition ids by number."""

    name: str
    partitions: tuple[int, ...]


class Stored(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A record within a chunk. Its offset follows from its place, its time is the chunk's."""

    key: str | None
    value: bytes | None
    headers: Headers = ()


class Packed(NamedTuple):
    """Encoded records in a row, without the array's head so that they can be joined."""

    number: int
    body: bytes


class Chunk(NamedTuple):
    """A row of a chunks table. published_ms: milliseconds since 1970, UTC."""

    partition: int
    last_offset: int
    first_offset: int
    published_ms: int
    records: bytes


class Ends(NamedTuple):
    """The offsets of the oldest record and of the next one to come."""

    first: int
    next: int


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[Stored | None])


def pack(messages: Sequence[Message], limit: int) -> list[Packed]:
    """Encodes messages of one partition. Raises MessageTooLarge above `limit` bytes each."""
    encoded = _encoder.encode([(each.key, each.value, each.headers) for each in messages])
    if len(encoded) <= limit:
        return [Packed(len(messages), encoded[_head_length(len(messages)) :])]
    if len(messages) > 1:
        middle = len(messages) // 2
        return pack(messages[:middle], limit) + pack(messages[middle:], limit)
    raise MessageTooLarge(
        f"a message for {messages[0].topic!r} has {len(encoded)} bytes; {limit} are allowed"
    )


def unpack(records: bytes) -> list[Stored | None]:
    """The records of a chunk; None where compaction removed one."""
    return _decoder.decode(records)


def repack(records: Sequence[Stored | None]) -> bytes:
    return _encoder.encode(records)


def _head(count: int) -> bytes:
    """MessagePack's head of an array, in the shortest form."""
    if count < 16:
        return bytes((0x90 | count,))
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")


def _head_length(count: int) -> int:
    return 1 if count < 16 else 3 if count < 1 << 16 else 5


def to_records(place: TopicPartition, chunk: Chunk, position: int) -> list[Record]:
    """The chunk's records from `position` on."""
    topic, number = place
    time = chunk.published_ms
    skipped = max(0, position - chunk.first_offset)
    stored = unpack(chunk.records)[skipped:]
    return [
        Record(topic, number, offset, time, each.key, each.value, each.headers)
        for offset, each in enumerate(stored, chunk.first_offset + skipped)
        if each is not None
    ]


def create_topics(connection: sqlite3.Connection, topics: Iterable[Topic]) -> bool:
    """Creates what is missing. Says whether anything was."""
    created = False
    for topic in topics:
        if find(connection, topic.name) is not None:
            continue
        retention = (
            None if topic.retention is None else round(topic.retention.total_seconds() * 1e3)
        )
        row = connection.execute(
            "INSERT INTO topics (name, retention_ms, compacted) VALUES (?, ?, ?)",
            (topic.name, retention, topic.compacted),
        )
        for number in range(topic.partitions):
            partition = connection.execute(
                "INSERT INTO partitions (topic, number) VALUES (?, ?)", (row.lastrowid, number)
            )
            assert partition.lastrowid is not None
            create_chunks(connection, partition.lastrowid)
        created = True
    return created


def find(connection: sqlite3.Connection, topic: str) -> Layout | None:
    """Where the topic lies; None when it does not exist."""
    rows = connection.execute(
        "SELECT partitions.id FROM partitions JOIN topics ON topics.id = partitions.topic"
        " WHERE topics.name = ? ORDER BY partitions.number",
        (topic,),
    ).fetchall()
    return Layout(topic, tuple(partition for (partition,) in rows)) if rows else None


def append(
    connection: sqlite3.Connection, batches: Iterable[Mapping[int, Sequence[Packed]]], now: int
) -> None:
    """Appends what several publishers packed, per partition id and in their order.

    now: milliseconds since 1970. A partition's times never go back, even when the clock does.
    """
    joined: defaultdict[int, list[Packed]] = defaultdict(list)
    for batch in batches:
        for partition, packed in batch.items():
            joined[partition] += packed
    for partition, packed in joined.items():
        _append_to(connection, partition, packed, now)


def _append_to(
    connection: sqlite3.Connection, partition: int, packed: Sequence[Packed], now: int
) -> None:
    offset, newest = connection.execute(
        "SELECT next_offset, newest_ms FROM partitions WHERE id = ?", (partition,)
    ).fetchone()
    now = max(now, newest)
    rows = []
    for records in _rows(packed):
        count = sum(each.number for each in records)
        body = b"".join((_head(count), *(each.body for each in records)))
        rows.append((offset + count - 1, offset, now, body))
        offset += count
    connection.executemany(f"INSERT INTO chunks_{partition} VALUES (?, ?, ?, ?)", rows)
    connection.execute(
        "UPDATE partitions SET next_offset = ?, newest_ms = ? WHERE id = ?",
        (offset, now, partition),
    )


def _rows(packed: Sequence[Packed]) -> Iterable[list[Packed]]:
    """Joins what goes into one row."""
    row: list[Packed] = []
    size = 0
    for each in packed:
        if row and size + len(each.body) > CHUNK_BYTES:
            yield row
            row, size = [], 0
        row.append(each)
        size += len(each.body)
    if row:
        yield row


def fetch(connection: sqlite3.Connection, positions: Mapping[int, int], limit: int) -> list[Chunk]:
    """Chunks from these positions (by partition id, in the order to be served) that hold `limit`
    records together, if there are as many; at most about FETCH_BYTES."""
    chunks: list[Chunk] = []
    count = size = 0
    for partition, position in positions.items():
        cursor = connection.execute(
            "SELECT last_offset, first_offset, published_ms, records"
            f" FROM chunks_{partition} WHERE last_offset >= ? ORDER BY last_offset",
            (position,),
        )
        for last, first, published, records in cursor:
            chunks.append(Chunk(partition, last, first, published, records))
            count += last + 1 - max(first, position)
            size += len(records)
            if count >= limit or size >= FETCH_BYTES:
                cursor.close()
                return chunks
    return chunks


def holds(connection: sqlite3.Connection, partition: int, position: int) -> bool:
    """Whether anything is in the log from this position on."""
    row = connection.execute(
        f"SELECT 1 FROM chunks_{partition} WHERE last_offset >= ? LIMIT 1", (position,)
    ).fetchone()
    return row is not None


def ends(connection: sqlite3.Connection, partition: int) -> Ends:
    row = connection.execute(
        "SELECT first_offset, next_offset FROM partitions WHERE id = ?", (partition,)
    ).fetchone()
    return Ends(*row)


def seek(
    connection: sqlite3.Connection, place: TopicPartition, partition: int, start: Start
) -> int:
    """The offset where reading begins."""
    first, following = ends(connection, partition)
    if start == "beginning":
        return first
    if start == "end":
        return following
    if isinstance(start, datetime):
        row = connection.execute(
            f"SELECT first_offset FROM chunks_{partition} WHERE published_ms >= ?"
            " ORDER BY published_ms, last_offset LIMIT 1",
            (milliseconds(start),),
        ).fetchone()
        return following if row is None else int(row[0])
    return start.get(place, first)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, rounded up, so that nothing published before a moment counts as
    published after it."""
    return -((_EPOCH - moment) // timedelta(milliseconds=1))
