"""A position in the stream of classified mentions as short text: the id of a live event.

It says for every partition which record comes next, so any copy of this service can go on from it
exactly, after a restart too: a version byte, then one LEB128 number per partition in order, as
unpadded base64url.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

from libs.common.bus import CLASSIFIED, Offsets, TopicPartition

_VERSION: Final = 1
_MOST_PARTITIONS: Final = 10_000
_LARGEST_OFFSET: Final = 2**63 - 1


def encode_position(offsets: Offsets) -> str:
    """The position as text. Partitions that are not named count as unread."""
    partitions = 1 + max((place.partition for place in offsets), default=-1)
    encoded = bytearray([_VERSION])
    for partition in range(partitions):
        number = offsets.get(TopicPartition(CLASSIFIED, partition), 0)
        while number > 0x7F:
            encoded.append(number & 0x7F | 0x80)
            number >>= 7
        encoded.append(number)
    return urlsafe_b64encode(encoded).rstrip(b"=").decode()


def decode_position(text: str) -> Mapping[TopicPartition, int]:
    """The offsets in `text`. Raises ValueError when it is no position."""
    try:
        encoded = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise ValueError("not a position") from error
    if not encoded or encoded[0] != _VERSION or len(encoded) > 10 * _MOST_PARTITIONS:
        raise ValueError("not a position of this version")
    offsets: dict[TopicPartition, int] = {}
    number = shift = 0
    for byte in encoded[1:]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if number > _LARGEST_OFFSET:
            raise ValueError("an offset is out of range")
        if byte < 0x80:
            offsets[TopicPartition(CLASSIFIED, len(offsets))] = number
            number = shift = 0
    if shift:
        raise ValueError("the position is cut off")
    return offsets
