"""The ids of X's posts: numbers that hold the time at which they were given.

The upper bits of an id are milliseconds since `_EPOCH`, the lower 22 tell posts of one millisecond
apart. So ids have the order of time, and a moment can stand where an id is asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeAlias

import msgspec

_EPOCH: Final = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)
_SEQUENCE_BITS: Final = 22
LARGEST: Final = 2**63 - 1

Id: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}\Z")]
"""An id as X sends it. Compared as a number: as text, 10 would come before 9."""
IdNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]


def time_of(number: int) -> datetime:
    """When the post with this id was written."""
    return _EPOCH + timedelta(milliseconds=number >> _SEQUENCE_BITS)


def id_at(moment: datetime) -> int:
    """The id before all those of posts written from this moment on."""
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    return min(max(milliseconds, 0) << _SEQUENCE_BITS, LARGEST)


def is_moment(number: int) -> bool:
    """Whether this is the id of a moment rather than that of a post."""
    return number % (1 << _SEQUENCE_BITS) == 0
