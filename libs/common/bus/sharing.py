"""How the members of a group share partitions: evenly, and moving as few as possible.

Every member computes the same answer from the same state, so no leader is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from libs.common.bus import TopicPartition

_MOVE_FROM: Final = 2
"""Moving a partition pays when its owner has at least this many more than the other."""


def fair_owners(
    topics: Mapping[str, frozenset[str]],
    partitions: Iterable[TopicPartition],
    owners: Mapping[TopicPartition, str],
) -> dict[TopicPartition, str]:
    """Who should own each partition.

    topics: what each member reads; owners: who owns what now (members that are gone may be in
    it). A partition whose topic nobody reads is left out.
    """
    ordered = sorted(set(partitions))
    target: dict[TopicPartition, str] = {}
    count = dict.fromkeys(sorted(topics), 0)
    for place in ordered:
        owner = owners.get(place)
        if owner in count and place.topic in topics[owner]:
            target[place] = owner
            count[owner] += 1
    for place in ordered:
        readers = [member for member in count if place.topic in topics[member]]
        if place not in target and readers:
            least = min(readers, key=lambda member: count[member])
            target[place] = least
            count[least] += 1
    while _move_one(topics, target, count):
        pass
    return target


def _move_one(
    topics: Mapping[str, frozenset[str]],
    target: dict[TopicPartition, str],
    count: dict[str, int],
) -> bool:
    """Moves one partition from the most to the least loaded of those who can read it."""
    for place, owner in sorted(target.items(), key=lambda item: (-count[item[1]], item)):
        readers = [member for member in count if place.topic in topics[member]]
        least = min(readers, key=lambda member: count[member])
        if count[owner] - count[least] >= _MOVE_FROM:
            target[place] = least
            count[owner] -= 1
            count[least] += 1
            return True
    return False
