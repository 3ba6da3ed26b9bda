"""Numbers as platforms write them in JSON, bounded so that whatever comes can be computed with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

LATEST: Final = 4_102_444_800
"""The year 2100, in seconds since 1970."""

UnixTime: TypeAlias = Annotated[float, Meta(ge=0, le=LATEST)]
"""Seconds since 1970, whole or with a fraction."""
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=LATEST)]
"""Whole seconds since 1970."""
Count: TypeAlias = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""How many; scores may be below zero."""
Number: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
"""An id that is a number."""


def time_at(seconds: UnixTime) -> datetime:
    """The time so many seconds after 1970, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def unix_seconds(at: datetime) -> int:
    """Whole seconds since 1970."""
    return int(at.timestamp())
