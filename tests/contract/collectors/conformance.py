"""What one kind of source brings to the suite that runs over all of them, and how it is read."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.http import open_client
from sandbox.faults import Fault, Faults
from sandbox.faulty_app import FaultyApp
from sandbox.platforms.board import Board
from sandbox.requests import RecordingApp, Requests
from sandbox.server import serving
from services.ingest.collector import Collector, Limits, SourceConfig, Stream, Tools
from services.ingest.collectors import Source
from services.ingest.post import Deletion, Page, Post
from tests.unit.ingest.building import SetClock, Unconfined

Behaviour: TypeAlias = Literal[
    "paging",
    "resuming",
    "rate limit",
    "server error",
    "challenge page",
    "wrong credentials",
    "connection cut",
    "slow answer",
    "enormous answer",
    "unknown fields",
    "missing fields",
    "time zones",
    "edit",
    "deletion",
]
BEHAVIOURS: Final[tuple[Behaviour, ...]] = get_args(Behaviour)
PATIENCE: Final = 20.0
"""Seconds a test waits for what a stream sends before it fails."""
MOST_PAGES: Final = 60
WORD: Final = "Motorrad"
"""In every post that the suite writes; what a search is asked for."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of source with the stand-in of its platform.

    routes: the stand-in. source: the configuration that reads it at this address, without the id.
    lacks: behaviours the platform or its access does not have, each with the reason for people.
    main: pattern of the path that gives the posts; faults are put there. name: which of the kind's
    modes this is, when there are several cases of one kind. takes_away: asking for the next page
    confirms the last one, and the platform forgets it.
    """

    kind: str
    routes: Callable[[Board], Sequence[BaseRoute]]
    source: Callable[[str], Mapping[str, object]]
    lacks: Mapping[Behaviour, str] = field(default_factory=dict)
    main: str = "/*"
    name: str = ""
    takes_away: bool = False

    @property
    def label(self) -> str:
        """The kind, with the mode where there are several."""
        return f"{self.kind} ({self.name})" if self.name else self.kind


@dataclass(slots=True)
class Reading:
    """What was read, page by page."""

    pages: list[Page] = field(default_factory=list)

    @property
    def posts(self) -> list[Post]:
        return [post for page in self.pages for post in page.posts]

    @property
    def texts(self) -> set[str]:
        """The texts in full; a platform that shows a title apart keeps it apart."""
        return {post.text for post in self.posts}

    @property
    def deletions(self) -> list[Deletion]:
        return [deletion for page in self.pages for deletion in page.deletions]

    @property
    def cursor(self) -> str | None:
        return self.pages[-1].cursor if self.pages else None


@dataclass(slots=True)
class Bench:
    """A stand-in that is served, and the collector that reads it."""

    case: Case
    board: Board
    clock: SetClock
    faults: Faults
    requests: Requests
    config: SourceConfig
    tools: Tools

    def spoil(self, **fault: object) -> None:
        """The next requests for posts go wrong."""
        self.faults.add(Fault.model_validate({"route": self.case.main, **fault}))

    async def read(self, cursor: str | None = None, *, events: int = 1, times: int = 1) -> Reading:
        """Reads from `cursor` to the end as the scheduler does, and then again: so many times in
        all. A stream has no end: it is read until so many posts and deletions came."""
        source = self.config.build(self.tools)
        if isinstance(source, Stream):
            return await _listen(source, cursor, events)
        assert isinstance(source, Collector), "what is delivered has a suite of its own: test_hooks"
        reading = Reading()
        for _ in range(times):
            reading.pages += (await _collect(source, cursor)).pages
            cursor = reading.cursor
        return reading

    async def page(self, cursor: str | None) -> Page:
        """One page of what is read page by page."""
        source = self.config.build(self.tools)
        assert isinstance(source, Collector)
        return await source.collect(cursor)


@asynccontextmanager
async def bench(
    case: Case,
    *,
    page_size: int = 10,
    seconds: float = 10.0,
    size: int = 4 * 1024 * 1024,
    strange: bool = False,
) -> AsyncIterator[Bench]:
    """Serves the stand-in of the case over real connections while the block runs.

    strange: its answers have fields nobody knows.
    """
    clock = SetClock()
    board, faults, requests = Board(clock, page_size), Faults(), Requests(clock)
    app: ASGIApp = Starlette(routes=list(case.routes(board)))
    recorded = RecordingApp(FaultyApp(Strange(app) if strange else app, faults), requests)
    async with (
        serving(recorded, close_seconds=0) as address,
        open_client(user_agent="Brandmelder-Test/1", allow_private=True) as client,
    ):
        config = configured(case, address)
        limits = Limits(size=size, seconds=seconds)
        tools = Tools(client, client, clock, Unconfined(), (WORD,), limits)
        yield Bench(case, board, clock, faults, requests, config, tools)


def configured(case: Case, address: str) -> SourceConfig:
    fields = {"id": case.kind.replace("_", "-"), "allow_private": True, **case.source(address)}
    config: SourceConfig = TypeAdapter(Source).validate_python({"kind": case.kind, **fields})
    return config


async def _collect(collector: Collector, cursor: str | None) -> Reading:
    reading = Reading()
    while len(reading.pages) < MOST_PAGES:
        page = await collector.collect(cursor)
        reading.pages.append(page)
        if not page.more:
            return reading
        cursor = page.cursor
    raise AssertionError(f"no end after {MOST_PAGES} pages")


async def _listen(stream: Stream, cursor: str | None, events: int) -> Reading:
    reading = Reading()
    async with asyncio.timeout(PATIENCE), aclosing(stream.listen(cursor)) as pages:
        async for page in pages:
            reading.pages.append(page)
            if len(reading.posts) + len(reading.deletions) >= events:
                break
    return reading


class Strange:
    """Puts unknown fields at the start of every JSON object of an answer, as it comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_packed = False

        async def strange(message: Message) -> None:
            nonlocal is_packed
            if message["type"] == "http.response.start":
                headers = [h for h in message["headers"] if h[0].lower() != b"content-length"]
                message = {**message, "headers": headers}
                is_packed = any(value == b"gzip" for _, value in headers)
            elif body := message.get("body"):
                plain = gzip.decompress(body) if is_packed else body
                made = _OBJECT.sub(_STRANGE, plain)
                message = {**message, "body": gzip.compress(made) if is_packed else made}
            elif text := message.get("text"):
                message = {**message, "text": _OBJECT.sub(_STRANGE, text.encode()).decode()}
            await send(message)

        await self._app(scope, receive, strange)


_OBJECT: Final = re.compile(rb'\{(?=\s*")')
_STRANGE: Final = rb'{"zz_new": {"a": [1, null]}, '
