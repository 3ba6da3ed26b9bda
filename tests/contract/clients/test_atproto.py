"""atproto, the well-known client of Bluesky, reads the stand-in: what it cannot read is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, timedelta
from typing import TypeVar

import pytest
from atproto import AtUri, Client  # type: ignore[import-untyped]
from atproto.exceptions import (  # type: ignore[import-untyped]
    RequestException,
    UnauthorizedError,
)
from starlette.applications import Starlette

from sandbox.platforms import bluesky
from sandbox.platforms.board import Board
from sandbox.server import serving
from tests.unit.ingest.building import SetClock

T = TypeVar("T")


async def asked(
    board: Board, question: Callable[[Client], T], password: str = bluesky.PASSWORD
) -> T:
    """What atproto makes of the board, logged in."""

    def ask(address: str) -> T:
        client = Client(base_url=f"{address}/xrpc")
        with closing(client.request):
            client.login(bluesky.IDENTIFIER, password, fetch_bsky_profile=False)
            return question(client)

    async with serving(Starlette(routes=bluesky.routes(board))) as address:
        return await asyncio.to_thread(ask, address)


def a_board() -> Board:
    return Board(SetClock(), page_size=10)


def all_found(client: Client, query: str) -> list[str]:
    texts: list[str] = []
    cursor: str | None = None
    while True:
        found = client.app.bsky.feed.search_posts(
            {"q": query, "sort": "latest", "limit": 10, "cursor": cursor}
        )
        texts += [post.record.text for post in found.posts]
        cursor = found.cursor
        if cursor is None:
            return texts


async def test_it_logs_in_and_pages_through_what_the_search_finds() -> None:
    board = a_board()
    for number in range(25):
        board.write(f"Motorrad {number}", at=board.clock() - timedelta(minutes=number))
    board.write("Fahrrad")
    texts = await asked(board, lambda client: all_found(client, "Motorrad"))
    assert texts == [f"Motorrad {number}" for number in range(25)]


async def test_it_reads_replies_facets_and_followers() -> None:
    board = a_board()
    question = board.write("Wer kennt #Motorrad?", author="ann")
    board.write("🔥 ich, sehr! #Motorrad", author="ben", answers=question.number)

    def read(client: Client) -> tuple[str, str, bytes, int | None]:
        answer, asked_ = client.app.bsky.feed.search_posts({"q": "Motorrad"}).posts
        facet = answer.record.facets[0].index
        marked = answer.record.text.encode()[facet.byte_start : facet.byte_end]
        (profile,) = client.app.bsky.actor.get_profiles({"actors": [answer.author.did]}).profiles
        assert answer.record.reply.parent.uri == asked_.uri
        (one,) = client.app.bsky.feed.get_posts({"uris": [answer.uri]}).posts
        return (
            one.author.handle,
            AtUri.from_str(one.uri).collection,
            marked,
            profile.followers_count,
        )

    assert await asked(board, read) == (
        "ben.bsky.social",
        "app.bsky.feed.post",
        b"#Motorrad",
        103,
    )


async def test_it_is_told_of_a_wait_and_of_a_wrong_password() -> None:
    board = a_board()
    until = board.limit(60)
    with pytest.raises(RequestException) as refused:
        await asked(board, lambda _client: None)
    assert refused.value.response is not None
    assert refused.value.response.status_code == 429
    reset = int(refused.value.response.headers["ratelimit-reset"])
    assert reset == until.astimezone(UTC).timestamp()
    with pytest.raises(UnauthorizedError):
        await asked(a_board(), lambda _client: None, password="wrong")
