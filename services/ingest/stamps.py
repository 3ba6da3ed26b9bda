"""Times as the tables of ingest hold them: whole microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def stamp(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def stamp_or_none(time: datetime | None) -> int | None:
    return None if time is None else stamp(time)


def time_of(stamped: int) -> datetime:
    return _EPOCH + stamped * _MICROSECOND


def time_or_none(stamped: int | None) -> datetime | None:
    return None if stamped is None else time_of(stamped)
