"""Groups in the file: who is a member, who owns which partition, what is done.

Every change of ownership raises the group's generation in the same transaction, so whoever
reads an unchanged generation still owns what it owned.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from libs.common.bus import Start, TopicPartition
from libs.common.bus.sharing import fair_owners
from libs.common.bus.sqlite.records import ends, seek
from libs.common.errors import PartitionLost


class View(NamedTuple):
    """The group as one member sees it. Partitions are ids.

    alive: the member still belongs to the group; owned: what it owns; wanted: what it should.
    claimable: what it should own and nobody owns.
    """

    generation: int
    alive: bool
    owned: Mapping[int, TopicPartition]
    wanted: frozenset[int]
    claimable: frozenset[int]


class MemberRow(NamedTuple):
    """process: whose member it is; expires_ms: until when it counts as alive."""

    id: str
    group: str
    process: str
    expires_ms: int


def generation(connection: sqlite3.Connection, group: str) -> int:
    row = connection.execute("SELECT generation FROM groups WHERE name = ?", (group,)).fetchone()
    return 0 if row is None else int(row[0])


def _advance(connection: sqlite3.Connection, group: str) -> None:
    connection.execute(
        "INSERT INTO groups (name, generation) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET generation = generation + 1",
        (group,),
    )


def advance_all(connection: sqlite3.Connection) -> None:
    """Every member looks again what there is to share."""
    connection.execute("UPDATE groups SET generation = generation + 1")


def join(
    connection: sqlite3.Connection,
    group: str,
    member: str,
    topics: Sequence[str],
    process: str,
    expires_ms: int,
) -> None:
    connection.execute(
        "INSERT INTO members (id, group_name, topics, process, expires_ms) VALUES (?, ?, ?, ?, ?)",
        (member, group, json.dumps(sorted(topics)), process, expires_ms),
    )
    _advance(connection, group)


def leave(connection: sqlite3.Connection, group: str, member: str) -> None:
    """Takes the member out; what it owned is free."""
    gone = connection.execute("DELETE FROM members WHERE id = ?", (member,)).rowcount
    connection.execute("DELETE FROM claims WHERE group_name = ? AND member = ?", (group, member))
    if gone:
        _advance(connection, group)


def prolong(connection: sqlite3.Connection, members: Iterable[str], expires_ms: int) -> None:
    connection.executemany(
        "UPDATE members SET expires_ms = ? WHERE id = ?", [(expires_ms, each) for each in members]
    )


def members(connection: sqlite3.Connection, group: str) -> list[MemberRow]:
    rows = connection.execute(
        "SELECT id, group_name, process, expires_ms FROM members WHERE group_name = ?", (group,)
    )
    return [MemberRow(*row) for row in rows]


def members_of(connection: sqlite3.Connection, process: str) -> list[MemberRow]:
    rows = connection.execute(
        "SELECT id, group_name, process, expires_ms FROM members WHERE process = ?", (process,)
    )
    return [MemberRow(*row) for row in rows]


def view(connection: sqlite3.Connection, group: str, member: str) -> View:
    """What the member owns and what it should own."""
    topics = {
        each: frozenset(json.loads(names))
        for each, names in connection.execute(
            "SELECT id, topics FROM members WHERE group_name = ?", (group,)
        )
    }
    rows = connection.execute(
        "SELECT partitions.id, topics.name, partitions.number, claims.member"
        " FROM partitions JOIN topics ON topics.id = partitions.topic"
        " LEFT JOIN claims ON claims.partition = partitions.id AND claims.group_name = ?",
        (group,),
    ).fetchall()
    places = {partition: TopicPartition(name, number) for partition, name, number, _ in rows}
    owners = {places[partition]: owner for partition, _, _, owner in rows if owner is not None}
    target = fair_owners(topics, places.values(), owners)
    wanted = frozenset(each for each, place in places.items() if target.get(place) == member)
    return View(
        generation(connection, group),
        member in topics,
        {each: place for each, place in places.items() if owners.get(place) == member},
        wanted,
        frozenset(each for each in wanted if places[each] not in owners),
    )


def claim(connection: sqlite3.Connection, group: str, member: str, start: Start) -> None:
    """Takes what the member should own and nobody owns.

    Where the group has committed nothing yet, its start is settled here for good: a group that
    begins at the end must not begin at a later end when it comes back.
    """
    state = view(connection, group, member)
    for partition in sorted(state.claimable) if state.alive else ():
        connection.execute(
            "INSERT INTO claims (group_name, partition, member) VALUES (?, ?, ?)",
            (group, partition, member),
        )
    if state.claimable and state.alive:
        _advance(connection, group)
        if start != "beginning":
            _settle_start(connection, group, state.claimable, start)


def _settle_start(
    connection: sqlite3.Connection, group: str, partitions: Iterable[int], start: Start
) -> None:
    for partition in partitions:
        name, number = connection.execute(
            "SELECT topics.name, partitions.number FROM partitions"
            " JOIN topics ON topics.id = partitions.topic WHERE partitions.id = ?",
            (partition,),
        ).fetchone()
        position = seek(connection, TopicPartition(name, number), partition, start)
        connection.execute(
            "INSERT INTO commits (group_name, partition, next_offset) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (group, partition, position),
        )


def release(
    connection: sqlite3.Connection, group: str, member: str, partitions: Collection[int]
) -> None:
    connection.executemany(
        "DELETE FROM claims WHERE group_name = ? AND partition = ? AND member = ?",
        [(group, partition, member) for partition in partitions],
    )
    _advance(connection, group)


def commit(
    connection: sqlite3.Connection, group: str, member: str, positions: Mapping[int, int]
) -> None:
    """Raises PartitionLost, before it writes, when the member does not own all of them."""
    owned = {
        partition
        for (partition,) in connection.execute(
            "SELECT partition FROM claims WHERE group_name = ? AND member = ?", (group, member)
        )
    }
    if not owned.issuperset(positions):
        raise PartitionLost(f"group {group!r} gave these partitions to another member")
    connection.executemany(
        "INSERT INTO commits (group_name, partition, next_offset) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
        [(group, partition, position) for partition, position in positions.items()],
    )


def position(connection: sqlite3.Connection, group: str, partition: int) -> int:
    """Where the group goes on: after what it committed, and never before the oldest record."""
    row = connection.execute(
        "SELECT next_offset FROM commits WHERE group_name = ? AND partition = ?",
        (group, partition),
    ).fetchone()
    first = ends(connection, partition).first
    return first if row is None else max(first, int(row[0]))


def positions(
    connection: sqlite3.Connection, group: str, partitions: Collection[int]
) -> dict[int, int]:
    return {each: position(connection, group, each) for each in partitions}
