"""praw, Reddit's well-known Python client, reads the stand-in: what it cannot read is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import praw
import prawcore
import pytest
from starlette.applications import Starlette

from sandbox.platforms import reddit
from sandbox.platforms.board import Board
from sandbox.server import serving
from tests.unit.ingest.building import SetClock

T = TypeVar("T")


async def asked(board: Board, question: Callable[[praw.Reddit], T]) -> T:
    """What praw makes of the board."""

    def ask(address: str) -> T:
        client = praw.Reddit(
            client_id=reddit.CLIENT[0],
            client_secret=reddit.CLIENT[1],
            user_agent="linux:brandmelder-test:1.0 (by /u/brandmelder_test)",
            check_for_updates=False,
            oauth_url=address,
            reddit_url=address,
        )
        return question(client)

    async with serving(Starlette(routes=reddit.routes(board))) as address:
        return await asyncio.to_thread(ask, address)


def a_board(page_size: int = 10) -> Board:
    return Board(SetClock(), page_size)


async def test_it_pages_through_what_the_search_finds() -> None:
    board = a_board(page_size=10)
    start = board.clock()
    for number in range(25):
        board.write(f"Motorrad {number}", at=start - timedelta(minutes=number))
    board.write("Fahrrad")
    texts = await asked(
        board,
        lambda client: [
            post.selftext for post in client.subreddit("all").search("Motorrad", sort="new")
        ],
    )
    assert list(dict.fromkeys(texts)) == [f"Motorrad {number}" for number in range(25)]


async def test_it_reads_comments_with_their_posts() -> None:
    board = a_board()
    post = board.write("Die Bremse quietscht", title="Neue Maschine")
    board.write("Bei mir auch <3 & laut", author="bob", answers=post.number)

    def comments(client: praw.Reddit) -> list[tuple[str, str, str, str, str]]:
        return [
            (each.body, each.author.name, each.link_title, each.link_id, each.parent_id)
            for each in client.subreddit("motorrad+bikes").comments(limit=None)
        ]

    name = f"t3_{reddit.base36(post.number)}"
    expected = ("Bei mir auch <3 & laut", "bob", "Neue Maschine", name, name)
    assert await asked(board, comments) == [expected]


async def test_it_sees_edits_and_graves() -> None:
    board = a_board()
    edited = board.write("Zuerst").number
    gone = board.write("Bereut").number
    board.edit(edited, "Danach")
    board.delete(gone)
    names = [f"t3_{reddit.base36(number)}" for number in (edited, gone)]

    def posts(client: praw.Reddit) -> list[tuple[str, object, bool]]:
        return [
            (each.selftext, each.edited, each.author is None)
            for each in client.info(fullnames=names)
        ]

    at = board.clock().timestamp()
    assert await asked(board, posts) == [("Danach", at, False), ("[deleted]", False, True)]


async def test_it_is_told_that_its_credentials_are_refused() -> None:
    board = a_board()
    board.refuses = True
    with pytest.raises(prawcore.ResponseException) as raised:
        await asked(board, lambda client: list(client.subreddit("all").new()))
    assert raised.value.response.status_code == 401


async def test_it_counts_down_the_requests_that_are_left() -> None:
    board = a_board()
    board.write("Motorrad")

    def left(client: praw.Reddit) -> object:
        list(client.subreddit("all").new())
        return client.auth.limits["remaining"]

    assert await asked(board, left) == 597.0
