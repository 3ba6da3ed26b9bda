"""A platform that answers by script, and remembers what it was asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx

from services.ingest.collector import Tools
from tests.unit.ingest.building import SetClock, Unconfined


class Scripted:
    """Gives one answer after the other; a dictionary is JSON with status 200."""

    def __init__(self, *answers: dict[str, Any] | httpx.Response) -> None:
        self._left = list(answers)
        self.requests: list[httpx.Request] = []

    def then(self, *answers: dict[str, Any] | httpx.Response) -> None:
        self._left += answers

    @property
    def asked(self) -> list[dict[str, str]]:
        """The parameters of every question."""
        return [dict(request.url.params) for request in self.requests]

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._left.pop(0)
        given = answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)
        # As it comes over a connection: a body that is still to be read.
        return as_sent(given)


def tools_for(scripted: Scripted, clock: SetClock, *keywords: str) -> Tools:
    client = httpx.AsyncClient(transport=httpx.MockTransport(scripted))
    return Tools(client, client, clock, Unconfined(), keywords)


def unix(at: datetime) -> int:
    return int(at.timestamp())


def as_sent(given: httpx.Response) -> httpx.Response:
    """The same as it comes over a network: not read yet."""
    return httpx.Response(given.status_code, headers=given.headers, stream=given.stream)
