"""The record of what was asked of the platforms, for tests and for people who wonder."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.clock import Clock
from sandbox.faults import CONTROL

MOST_KEPT: Final = 10_000
"""Requests remembered; older ones are forgotten."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request. status: of the answer; None when the connection ended without one."""

    at: datetime
    method: str
    path: str
    query: str
    headers: dict[str, str]
    status: int | None


class Requests:
    """Remembers the newest requests in the order in which they were answered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: deque[Asked] = deque(maxlen=MOST_KEPT)

    def note(
        self, method: str, path: str, query: str, headers: dict[str, str], status: int | None
    ) -> None:
        self._asked.append(
            Asked(
                at=self._clock(),
                method=method,
                path=path,
                query=query,
                headers=headers,
                status=status,
            )
        )

    def of(self, route: str = "*") -> Sequence[Asked]:
        """Those whose path fits the pattern: `*` stands for anything, also for slashes."""
        return [asked for asked in self._asked if fnmatchcase(asked.path, route)]

    def clear(self) -> None:
        self._asked.clear()


class RecordingApp:
    """An ASGI application that answers as `app` does, and notes every request for a platform.

    What is asked of the sandbox itself (`/_sandbox/…`) is not noted; the hook keeps its own
    record.
    """

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            return await self._app(scope, receive, send)
        answered = False

        async def noting(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._note(scope, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            if not answered:
                self._note(scope, None)
        return None

    def _note(self, scope: Scope, status: int | None) -> None:
        self._requests.note(
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in scope["headers"]
            },
            status,
        )
