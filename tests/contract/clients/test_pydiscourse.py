"""pydiscourse, a client that others wrote, reads the stand-in of Discourse."""

from __future__ import annotations

import asyncio

import pytest
from pydiscourse import DiscourseClient
from pydiscourse.exceptions import DiscourseClientError
from starlette.applications import Starlette

from sandbox.platforms import discourse
from sandbox.platforms.board import Board
from sandbox.server import serving
from tests.unit.ingest.building import SetClock


@pytest.fixture
def board() -> Board:
    board = Board(SetClock(), page_size=2)
    first = board.write("Mein Motorrad springt nicht an", title="Startet nicht")
    board.write("Batterie geprüft?", answers=first.number, author="bob")
    board.write("Ein anderes Thema", title="Etwas anderes", author="cleo")
    return board


def client(address: str) -> DiscourseClient:
    return DiscourseClient(address, api_username="ann", api_key="geheim")


async def test_the_list_of_all_posts_is_read_page_by_page(board: Board) -> None:
    async with serving(Starlette(routes=discourse.routes(board))) as address:
        reader = client(address)
        newest = (await asyncio.to_thread(reader.latest_posts))["latest_posts"]
        before = newest[-1]["id"] - 1
        oldest = (await asyncio.to_thread(reader.latest_posts, before))["latest_posts"]
    assert [(post["username"], post["raw"]) for post in [*newest, *oldest]] == [
        ("cleo", "Ein anderes Thema"),
        ("bob", "Batterie geprüft?"),
        ("ann", "Mein Motorrad springt nicht an"),
    ]


async def test_what_a_search_finds_is_looked_up(board: Board) -> None:
    async with serving(Starlette(routes=discourse.routes(board))) as address:
        reader = client(address)
        found = await asyncio.to_thread(reader.search, "Motorrad order:latest")
        number = found["posts"][0]["id"]
        post = await asyncio.to_thread(reader.post_by_id, number)
        topic = await asyncio.to_thread(reader.topic_posts, post["topic_id"])
    assert found["grouped_search_result"]["post_ids"] == [number]
    assert post["cooked"] == "<p>Mein Motorrad springt nicht an</p>"
    assert [each["username"] for each in topic["post_stream"]["posts"]] == ["ann", "bob"]


async def test_a_forum_for_members_says_so(board: Board) -> None:
    board.refuses = True
    async with serving(Starlette(routes=discourse.routes(board))) as address:
        with pytest.raises(DiscourseClientError, match="logged in"):
            await asyncio.to_thread(client(address).latest_posts)
