"""What the query service reads of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from libs.common.settings import CommonSettings, Strict


class StreamSettings(Strict):
    """Limits of the live stream, per copy of the service."""

    readers: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Open streams at once; more are asked to come back later."""
    waiting: Annotated[int, Field(ge=10, le=100_000)] = 1000
    """Events kept for a reader that is slower than the stream; what is beyond is dropped, and
    the reader is told how many."""


class QuerySettings(CommonSettings):
    """The sections of the file that concern the query service."""

    stream: StreamSettings = StreamSettings()
