"""Two ingest processes share the sources; one is killed, and the other takes over."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.common.bus import RAW
from libs.common.bus.open import open_bus
from libs.common.clock import utc_now
from libs.common.events import Mention, from_record
from sandbox.platforms import board_feed
from sandbox.platforms.board import Board
from sandbox.server import serving
from tests.support.deployment import Process
from tests.support.processes import free_ports

FEEDS = 8
TAKEN_OVER_WITHIN = 30.0
"""Seconds, promised to operators: a claim ends 15 s after its owner's death."""


class Door:
    """Counts who reads a feed, and how many do at the same time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._inside = 0
        self.most = 0
        self.readers: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._inside += 1
        self.most = max(self.most, self._inside)
        try:
            # Long enough that two readers at once would meet.
            await asyncio.sleep(0.05)
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1
            self.readers[dict(scope["headers"])[b"user-agent"].decode()] += 1


class Site(msgspec.Struct, frozen=True):
    """A forum with a server of its own."""

    board: Board
    door: Door
    address: str


@asynccontextmanager
async def sites() -> AsyncIterator[list[Site]]:
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(FEEDS):
            board = Board(utc_now)
            door = Door(Starlette(routes=board_feed.routes(board)))
            found.append(Site(board, door, await stack.enter_async_context(serving(door))))
        yield found


def a_copy(name: str, folder: Path, found: list[Site], port: int) -> Process:
    """An ingest process over the files they share, which names itself to the sites."""
    sources = "".join(
        f"  - {{id: s{n}, kind: feed, every: 1s, allow_private: true,"
        f' url: "{site.address}{board_feed.ATOM}"}}\n'
        for n, site in enumerate(found)
    )
    config = folder / f"{name}.yaml"
    config.write_text(
        "watches: [{id: motorrad, name: M, query: Motorrad}]\n"
        f"ingest: {{user_agent: {name}}}\nsources:\n{sources}",
        encoding="utf-8",
    )
    environment = {
        **os.environ,
        "BRANDMELDER_TOKEN": "a-token-for-tests",
        "BRANDMELDER_AUTHOR_KEY": "an-author-key-for-tests",
        "BRANDMELDER_CONFIG": str(config),
        "BRANDMELDER_DATA": str(folder / "data"),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    return Process(name, ["run", "ingest"], port, folder, environment)


def read_by(name: str, found: list[Site]) -> int:
    """How many sites this copy has read."""
    return sum(site.door.readers[name] > 0 for site in found)


async def until(reached: Callable[[], bool], patience: float = 60.0) -> None:
    async with asyncio.timeout(patience):
        while not reached():
            await asyncio.sleep(0.05)


async def texts_on_the_log(folder: Path) -> list[str]:
    bus = await open_bus(f"sqlite:///{folder / 'data' / 'log.db'}")
    try:
        async with bus.reader([RAW], start="beginning") as reader:
            found: list[str] = []
            while records := await reader.poll(1000, 0.5):
                events = [from_record(record) for record in records]
                found += [event.text for event in events if isinstance(event, Mention)]
            return found
    finally:
        await bus.close()


async def test_a_killed_copys_sources_are_taken_over_and_nothing_is_lost(tmp_path: Path) -> None:
    async with sites() as found:
        first, second = (
            a_copy(name, tmp_path, found, port)
            for name, port in zip(("copy-a", "copy-b"), free_ports(2), strict=True)
        )
        try:
            first.start()
            await asyncio.to_thread(first.wait_until_ready)
            second.start()
            await asyncio.to_thread(second.wait_until_ready)
            await until(lambda: min(read_by("copy-a", found), read_by("copy-b", found)) > 0)
            for number, site in enumerate(found):
                site.board.write(f"Motorrad vor dem Ende {number}")
            first.kill()
            for site in found:
                site.door.readers.clear()
            for number, site in enumerate(found):
                site.board.write(f"Motorrad nach dem Ende {number}")
            await until(lambda: read_by("copy-b", found) == FEEDS, TAKEN_OVER_WITHIN)
            read_twice = [site.door.readers["copy-b"] + 1 for site in found]
            await until(
                lambda: all(
                    site.door.readers["copy-b"] > times
                    for site, times in zip(found, read_twice, strict=True)
                )
            )
        finally:
            first.stop()
            second.stop()
        published = set(await texts_on_the_log(tmp_path))
    when = ("vor", "nach")
    assert published >= {f"Motorrad {w} dem Ende {n}" for w in when for n in range(FEEDS)}
    assert [site.door.most for site in found] == [1] * FEEDS
