"""The opaque cursor of a list: a place in the order, and which order it was."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, Literal, TypeAlias

import msgspec

from services.query.search import Position

Order: TypeAlias = Literal["desc", "asc"]

_DECODER: Final = msgspec.json.Decoder(tuple[int, str, Order])


def encode_cursor(position: Position, order: Order) -> str:
    return urlsafe_b64encode(msgspec.json.encode((*position, order))).rstrip(b"=").decode()


def decode_cursor(cursor: str, order: Order) -> Position:
    """The place to go on from. Raises ValueError when it is no cursor of this order."""
    try:
        encoded = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        published_at, mention_id, ordered = _DECODER.decode(encoded)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise ValueError("not a cursor that this list gave out") from error
    if ordered != order:
        raise ValueError(f"this cursor belongs to order={ordered}")
    if not -(2**63) <= published_at < 2**63 or "\0" in mention_id:
        raise ValueError("not a cursor that this list gave out")
    return Position(published_at, mention_id)
