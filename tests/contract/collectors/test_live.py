"""What only streams do, over real connections: news as they happen, and servers that end it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.routing import BaseRoute

from sandbox.platforms.board import Board
from sandbox.platforms.jetstream import Firehose
from services.ingest.collector import Stream
from services.ingest.failure import Unreachable
from services.ingest.post import Page
from tests.contract.collectors.cases import jetstream, mastodon
from tests.contract.collectors.conformance import PATIENCE, WORD, Bench, Case, bench

STREAMS = [jetstream.CASE, mastodon.STREAM]


def a_stream(it: Bench) -> Stream:
    stream = it.config.build(it.tools)
    assert isinstance(stream, Stream)
    return stream


async def next_with_news(pages: AsyncGenerator[Page, None]) -> Page:
    async for page in pages:
        if page.posts or page.deletions:
            return page
    raise AssertionError("the stream ended")


async def keep(kept: list[Page], pages: AsyncGenerator[Page, None]) -> None:
    """What came before the end stays, however it ends."""
    async for page in pages:
        kept.append(page)  # noqa: PERF401 -- a comprehension would lose them


@pytest.mark.parametrize("case", STREAMS, ids=[case.label for case in STREAMS])
async def test_posts_edits_and_deletions_are_told_as_they_happen(case: Case) -> None:
    async with (
        bench(case) as it,
        asyncio.timeout(PATIENCE),
        aclosing(a_stream(it).listen(None)) as pages,
    ):
        it.board.write(f"{WORD} von gestern", at=it.clock() - timedelta(hours=20))
        assert [post.text for post in (await next_with_news(pages)).posts] == [
            f"{WORD} von gestern"
        ]
        number = it.board.write(f"{WORD} eben jetzt").number
        (post,) = (await next_with_news(pages)).posts
        it.clock.forward(seconds=30)
        it.board.edit(number, f"{WORD} doch nicht")
        (edited,) = (await next_with_news(pages)).posts
        assert (edited.native_id, edited.text) == (post.native_id, f"{WORD} doch nicht")
        assert edited.edited_at == it.clock()
        it.clock.forward(seconds=30)
        it.board.delete(number)
        (deletion,) = (await next_with_news(pages)).deletions
        assert (deletion.platform, deletion.native_id) == (post.platform, post.native_id)


async def test_jetstream_clamps_in_silence_and_the_reader_notices() -> None:
    async with bench(jetstream.CASE) as it:
        it.board.write(f"{WORD} zuerst", at=it.clock() - timedelta(hours=20))
        cursor = (await it.read()).cursor
        it.clock.forward(hours=30)
        it.board.write(f"{WORD} danach")
        reading = await it.read(cursor)
    assert not reading.pages[0].complete


async def test_who_is_too_slow_is_sent_away_and_goes_on_where_it_was() -> None:
    def impatient(board: Board) -> Sequence[BaseRoute]:
        return Firehose(board, slow_after=2).routes()

    case = replace(jetstream.CASE, routes=impatient)
    kept: list[Page] = []
    async with bench(case) as it, asyncio.timeout(PATIENCE):
        for number in range(4):
            it.board.write(f"{WORD} {number}", at=it.clock() - timedelta(minutes=10 - number))
        for _ in range(3):
            with pytest.raises(Unreachable, match="ConsumerTooSlow"):
                await keep(kept, a_stream(it).listen(kept[-1].cursor if kept else None))
    texts = [post.text for page in kept for post in page.posts]
    assert texts == [f"{WORD} {number}" for number in range(4)]
