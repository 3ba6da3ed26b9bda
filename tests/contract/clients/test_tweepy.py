"""tweepy, X's well-known Python client, reads the stand-in: what it cannot read is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import requests
import tweepy  # type: ignore[import-untyped]
from requests.adapters import HTTPAdapter
from starlette.applications import Starlette

from sandbox.platforms import x
from sandbox.platforms.board import Board
from sandbox.platforms.x_posts import first_id, version_id
from sandbox.server import serving
from tests.unit.ingest.building import SetClock

T = TypeVar("T")
HOST = "https://api.twitter.com"
FIELDS = ["author_id", "conversation_id", "created_at", "lang", "public_metrics"]


class Redirected(HTTPAdapter):
    """Sends to the stand-in what tweepy would send to X: its host is fixed."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def send(
        self, request: requests.PreparedRequest, *args: Any, **named: Any
    ) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace(HOST, self._address, 1)
        return super().send(request, *args, **named)


@asynccontextmanager
async def served(board: Board, day: x.Day | None = None) -> AsyncIterator[str]:
    async with serving(Starlette(routes=x.routes(board, day))) as address:
        yield address


async def asked(board: Board, question: Callable[[tweepy.Client], T]) -> T:
    """What tweepy makes of the board."""

    def ask(address: str) -> T:
        client = tweepy.Client("geheim")
        with client.session as session:
            session.mount(HOST, Redirected(address))
            return question(client)

    async with served(board) as address:
        return await asyncio.to_thread(ask, address)


class Listener(tweepy.StreamingClient):  # type: ignore[misc]
    """Listens until it heard so many posts; keeps what it was told."""

    def __init__(self, address: str, enough: int) -> None:
        super().__init__("geheim", max_retries=0, chunk_size=1)
        self.session.mount(HOST, Redirected(address))
        self._enough = enough
        self.heard: list[tweepy.StreamResponse] = []
        self.kept_alive = 0
        self.statuses: list[int] = []
        self.is_connected = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def on_connect(self) -> None:
        self._loop.call_soon_threadsafe(self.is_connected.set)

    def on_keep_alive(self) -> None:
        self.kept_alive += 1

    def on_response(self, response: tweepy.StreamResponse) -> None:
        self.heard.append(response)
        if len(self.heard) >= self._enough:
            self.disconnect()

    def on_request_error(self, status_code: int) -> None:
        self.statuses.append(status_code)
        self.disconnect()


def a_board(page_size: int = 10) -> Board:
    return Board(SetClock(), page_size)


async def test_it_pages_through_what_recent_search_finds() -> None:
    board = a_board(page_size=10)
    written = [
        board.write(f"Motorrad {n}", at=board.clock() - timedelta(minutes=30 - n))
        for n in range(25)
    ]
    board.write("Fahrrad")

    def pages(client: tweepy.Client) -> list[tuple[int, str]]:
        paginator = tweepy.Paginator(client.search_recent_tweets, "Motorrad", max_results=10)
        return [(tweet.id, tweet.text) for tweet in paginator.flatten()]

    assert await asked(board, pages) == [
        (version_id(post), post.text) for post in reversed(written)
    ]


async def test_it_reads_authors_counts_threads_and_edits() -> None:
    board = a_board()
    post = board.write("Motorrad <steht> & fällt", author="ann")
    answer = board.write("Motorrad bei mir auch", author="bob", answers=post.number)
    board.edit(answer.number, "Motorrad bei mir nicht")

    def found(client: tweepy.Client) -> tweepy.Response:
        return client.search_recent_tweets(
            "Motorrad lang:de",
            tweet_fields=[*FIELDS, "referenced_tweets"],
            expansions="author_id",
            user_fields="public_metrics",
        )

    response = await asked(board, found)
    by_id = {tweet.edit_history_tweet_ids[0]: tweet for tweet in response.data}
    first, reply = by_id[first_id(post)], by_id[first_id(answer)]
    names = {user.id: user.username for user in response.includes["users"]}
    assert (names[first.author_id], names[reply.author_id]) == ("ann", "bob")
    assert response.includes["users"][0].public_metrics["followers_count"] == 10
    assert first.text == "Motorrad &lt;steht&gt; &amp; fällt"
    assert (first.created_at, first.lang) == (post.written_at, "de")
    assert first.public_metrics["like_count"] == 3
    assert reply.text == "Motorrad bei mir nicht"
    assert [(each.type, each.id) for each in reply.referenced_tweets] == [("replied_to", first.id)]
    assert reply.conversation_id == first.id


async def test_nothing_found_is_an_answer_without_data() -> None:
    response = await asked(a_board(), lambda client: client.search_recent_tweets("Motorrad"))
    assert (response.data, response.meta) == (None, {"result_count": 0})


async def test_a_deleted_post_is_an_error_of_the_lookup() -> None:
    board = a_board()
    stays, goes = board.write("Motorrad bleibt"), board.write("Motorrad geht")
    board.delete(goes.number)
    ids = [first_id(stays), first_id(goes)]
    response = await asked(board, lambda client: client.get_tweets(ids))
    assert [tweet.id for tweet in response.data] == ids[:1]
    assert [error["resource_id"] for error in response.errors] == [str(ids[1])]


async def test_refusals_are_its_exceptions() -> None:
    board = a_board()
    with pytest.raises(tweepy.BadRequest, match="min_faves"):
        await asked(board, lambda client: client.search_recent_tweets("a min_faves:3"))
    with pytest.raises(tweepy.BadRequest, match="since_id"):
        await asked(board, lambda client: client.search_recent_tweets("a", since_id=7))
    until = board.limit(60)
    with pytest.raises(tweepy.TooManyRequests) as limited:
        await asked(board, lambda client: client.search_recent_tweets("a"))
    assert limited.value.reset_time == until.timestamp()
    board.limited_until = None
    board.refuses = True
    with pytest.raises(tweepy.Unauthorized):
        await asked(board, lambda client: client.search_recent_tweets("a"))


async def test_it_manages_rules() -> None:
    def manage(client: tweepy.StreamingClient) -> list[object]:
        added = client.add_rules([tweepy.StreamRule("Motorrad lang:de", "brand")])
        twice = client.add_rules(tweepy.StreamRule("Motorrad lang:de", "brand"))
        there = client.get_rules().data
        client.delete_rules([rule.id for rule in there])
        summary = added.meta["summary"]["created"], twice.meta["summary"]["not_created"]
        return [summary, twice.errors[0]["title"], there, client.get_rules().data]

    async with served(a_board()) as address:
        listener = Listener(address, enough=1)
        summary, error, rules, left = await asyncio.to_thread(manage, listener)
        listener.session.close()
    assert (summary, error, left) == ((1, 1), "DuplicateRule", None)
    assert isinstance(rules, list)
    assert [(rule.value, rule.tag) for rule in rules] == [("Motorrad lang:de", "brand")]


async def test_it_hears_what_the_rules_want_and_that_the_stream_lives() -> None:
    board, day = a_board(), x.Day(keep_alive=0.05)
    day.add_rule("Motorrad", "brand")
    board.write("Motorrad vorher")
    async with served(board, day) as address:
        listener = Listener(address, enough=2)
        listening = asyncio.create_task(
            asyncio.to_thread(listener.filter, tweet_fields=FIELDS, expansions="author_id")
        )
        await listener.is_connected.wait()
        while listener.kept_alive == 0:
            await asyncio.sleep(0.01)
        board.write("Fahrrad")
        post = board.write("Motorrad " + "brennt " * 60, author="bob")
        day.sayings.append(b'{"errors": [{"title": "operational-disconnect"}]}')
        await listening
    heard, told = listener.heard
    assert heard.data.id == version_id(post)
    assert heard.data.text.endswith("…")
    assert [user.username for user in heard.includes["users"]] == ["bob"]
    assert [(rule.tag) for rule in heard.matching_rules] == ["brand"]
    assert told.errors == [{"title": "operational-disconnect"}]


async def test_without_rules_and_beside_another_there_is_no_stream() -> None:
    board, day = a_board(), x.Day(keep_alive=0.05)
    async with served(board, day) as address:
        without = Listener(address, enough=1)
        await asyncio.to_thread(without.filter)
        day.add_rule("Motorrad")
        first, second = Listener(address, enough=1), Listener(address, enough=1)
        listening = asyncio.create_task(asyncio.to_thread(first.filter))
        await first.is_connected.wait()
        await asyncio.to_thread(second.filter)
        board.write("Motorrad")
        await listening
    assert (without.statuses, first.statuses, second.statuses) == ([409], [], [429])
