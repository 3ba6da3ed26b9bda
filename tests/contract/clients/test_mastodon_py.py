"""Mastodon.py, the well-known client, reads the stand-in: what it cannot read is wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import mastodon
import pytest
import requests
from starlette.applications import Starlette

from sandbox.platforms import mastodon as stand_in
from sandbox.platforms.board import Board
from sandbox.server import serving
from tests.unit.ingest.building import SetClock

T = TypeVar("T")


@contextmanager
def a_client(address: str, token: str = stand_in.TOKEN) -> Iterator[Any]:
    with requests.Session() as session:
        yield mastodon.Mastodon(
            access_token=token,
            api_base_url=address,
            version_check_mode="none",
            ratelimit_method="throw",
            session=session,
        )


async def asked(board: Board, question: Callable[[Any], T], token: str = stand_in.TOKEN) -> T:
    """What Mastodon.py makes of the board."""

    def ask(address: str) -> T:
        with a_client(address, token) as client:
            return question(client)

    async with serving(Starlette(routes=stand_in.routes(board))) as address:
        return await asyncio.to_thread(ask, address)


def a_board() -> Board:
    board = Board(SetClock(), page_size=10)
    for number in range(25):
        board.write(f"Motorrad {number}", at=board.clock() - timedelta(minutes=number))
    board.write("Fahrrad")
    return board


async def test_it_pages_down_a_hashtag_by_the_links() -> None:
    def read(client: Any) -> list[str]:
        return [
            status["content"]
            for status in client.fetch_remaining(client.timeline_hashtag("Motorrad", limit=10))
        ]

    assert await asked(a_board(), read) == [f"<p>Motorrad {number}</p>" for number in range(25)]


async def test_it_walks_upwards_from_an_id() -> None:
    def read(client: Any) -> list[str]:
        newest = client.fetch_remaining(client.timeline_hashtag("Motorrad", limit=10))
        page = client.timeline_hashtag("Motorrad", min_id=newest[20]["id"], limit=10)
        return [status["content"] for status in [*page, *client.fetch_previous(page)]]

    numbers = [*range(10, 20), *range(10)]
    assert await asked(a_board(), read) == [f"<p>Motorrad {number}</p>" for number in numbers]


async def test_it_searches_and_looks_at_single_posts() -> None:
    def read(client: Any) -> tuple[str, str, Any]:
        (found,) = client.search_v2("Fahrrad", result_type="statuses")["statuses"]
        one = client.status(found["id"])
        return one["uri"], one["account"]["acct"], one["created_at"]

    board = a_board()
    uri, acct, created_at = await asked(board, read)
    assert "/users/ann/statuses/" in uri
    assert (acct, created_at) == ("ann", board.clock())


async def test_it_is_told_of_a_wait_and_of_a_wrong_token() -> None:
    board = a_board()
    board.limit(60)
    with pytest.raises(mastodon.MastodonRatelimitError):
        await asked(board, lambda client: client.timeline_hashtag("Motorrad"))
    with pytest.raises(mastodon.MastodonUnauthorizedError):
        await asked(a_board(), lambda client: client.timeline_hashtag("Motorrad"), "another")


class Listener(mastodon.StreamListener):
    """Keeps what it hears, and leaves after a deletion."""

    def __init__(self) -> None:
        self.alive = threading.Event()
        self.heard: list[tuple[str, str]] = []

    def handle_heartbeat(self) -> None:
        self.alive.set()

    def on_update(self, status: Any) -> None:
        self.heard.append(("update", status["content"]))

    def on_status_update(self, status: Any) -> None:
        self.heard.append(("status.update", status["content"]))

    def on_delete(self, status_id: Any) -> None:
        self.heard.append(("delete", str(status_id)))
        raise Left


class Left(Exception):
    """It has heard enough."""


async def test_it_hears_posts_edits_and_deletions_as_they_happen() -> None:
    board = a_board()
    listener = Listener()
    app = Starlette(routes=stand_in.routes(board))
    async with serving(app) as address:
        with a_client(address) as client:
            listening = asyncio.create_task(
                asyncio.to_thread(client.stream_hashtag, "Motorrad", listener)
            )
            assert await asyncio.to_thread(listener.alive.wait, 10)
            number = board.write("Motorrad jetzt").number
            while not listener.heard:
                await asyncio.sleep(0.01)
            board.edit(number, "Motorrad doch nicht")
            while len(listener.heard) < 2:
                await asyncio.sleep(0.01)
            board.delete(number)
            with pytest.raises(Left):
                await asyncio.wait_for(listening, 10)
    (_, id_) = listener.heard.pop()
    assert id_.isdigit()
    assert listener.heard == [
        ("update", "<p>Motorrad jetzt</p>"),
        ("status.update", "<p>Motorrad doch nicht</p>"),
    ]
