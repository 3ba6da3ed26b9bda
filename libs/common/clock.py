"""Time is passed in: whoever needs "now" asks for a Clock."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Gives the present as an aware datetime in UTC."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
