"""Which partition a key belongs to: the rule of Kafka's Java clients, so that both logs spread
alike and other clients find a key where ours put it."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

_MASK: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C
_MIX: Final = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """MurmurHash2 by Austin Appleby, 32 bit, with the seed that Kafka uses; unsigned."""
    length = len(data)
    whole = length & ~3
    state = _SEED ^ length
    for word in struct.unpack(f"<{whole >> 2}I", data[:whole]):
        mixed = word * _MIX & _MASK
        state = (state * _MIX & _MASK) ^ ((mixed ^ mixed >> 24) * _MIX & _MASK)
    if whole < length:
        state = (state ^ int.from_bytes(data[whole:], "little")) * _MIX & _MASK
    state = (state ^ state >> 13) * _MIX & _MASK
    return state ^ state >> 15


@lru_cache(maxsize=4096)
def partition_of(key: str, partitions: int) -> int:
    """The partition, 0 to `partitions` - 1, of the key's UTF-8 bytes."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
