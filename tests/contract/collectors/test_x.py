"""X over real connections to its stand-in: what the suite over all kinds does not ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import pytest

from sandbox.platforms import x
from services.ingest.collector import Stream
from services.ingest.failure import CollectionFailed, OverBudget, RateLimited, TooSlow, Unreachable
from services.ingest.post import Page
from tests.contract.collectors.cases.x import SEARCH, STREAM
from tests.contract.collectors.conformance import PATIENCE, WORD, Bench, Case, bench


def on(day: x.Day, case: Case = STREAM, **fields: object) -> Case:
    """The case on such a day, with this in its configuration."""
    return replace(
        case,
        routes=lambda board: x.routes(board, day),
        source=lambda address: {**case.source(address), **fields},
    )


def listening(it: Bench, cursor: str | None = None) -> aclosing[AsyncGenerator[Page, None]]:
    stream = it.config.build(it.tools)
    assert isinstance(stream, Stream)
    return aclosing(stream.listen(cursor))


async def until(pages: AsyncGenerator[Page, None], is_enough: Callable[[Page], object]) -> Page:
    async with asyncio.timeout(PATIENCE):
        async for page in pages:
            if is_enough(page):
                return page
    raise AssertionError("the stream ended before")


def has_posts(page: Page) -> bool:
    return bool(page.posts)


async def connected(pages: AsyncGenerator[Page, None], day: x.Day) -> None:
    """Reads on until the platform has a listener."""
    await until(pages, lambda _page: day.listening)


async def test_posts_edits_and_deletions_are_heard_as_they_happen() -> None:
    day = x.Day(keep_alive=0.02, tells_deletions=True)
    async with bench(on(day)) as it, listening(it) as pages:
        await connected(pages, day)
        number = it.board.write(f"{WORD} brennt").number
        it.board.write("Fahrrad brennt")
        (post,) = (await until(pages, has_posts)).posts
        assert post.text == f"{WORD} brennt"
        it.clock.forward(minutes=3)
        it.board.edit(number, f"{WORD} brennt nicht")
        (edited,) = (await until(pages, has_posts)).posts
        assert (edited.native_id, edited.text) == (post.native_id, f"{WORD} brennt nicht")
        assert edited.edited_at == it.clock()
        it.board.delete(number)
        (gone,) = (await until(pages, lambda page: page.deletions)).deletions
        assert (gone.native_id, gone.deleted_at) == (post.native_id, it.clock())


async def test_a_long_post_is_heard_to_its_end() -> None:
    day = x.Day(keep_alive=0.02)
    text = f"{WORD} & " + "sehr lang " * 60 + "Ende"
    async with bench(on(day)) as it, listening(it) as pages:
        await connected(pages, day)
        it.board.write(text)
        (post,) = (await until(pages, has_posts)).posts
    assert post.text == text


async def test_silence_is_a_dead_stream() -> None:
    day = x.Day(silent=True)
    async with bench(on(day, keep_alive="0s", margin="1s")) as it:
        with pytest.raises(TooSlow, match="silent") as raised:
            async with listening(it) as pages:
                await until(pages, lambda _page: False)
    assert raised.value.back_off is not None
    assert raised.value.back_off.wait(0) == timedelta()


async def test_a_quiet_stream_outlives_the_patience_of_the_client() -> None:
    day = x.Day(keep_alive=0.6)
    async with bench(on(day)) as it:
        it.tools.private_client.timeout = 0.3
        async with listening(it) as pages:
            await connected(pages, day)
            await until(pages, lambda page: page.health == "unchanged")
            it.board.write(f"{WORD} danach")
            (post,) = (await until(pages, has_posts)).posts
    assert post.text == f"{WORD} danach"


async def test_after_a_cut_in_the_middle_of_a_post_nothing_is_missing() -> None:
    day = x.Day(keep_alive=0.02)
    async with bench(on(day)) as it:
        it.spoil(route="/2/tweets/search/stream", cut=60, times=1)
        seen: list[Page] = []

        def write_once_it_is_heard(page: Page) -> None:
            seen.append(page)
            if day.listening and not it.board.everything():
                it.board.write(f"{WORD} mittendrin")

        with pytest.raises(Unreachable) as raised:
            async with listening(it) as pages:
                await until(pages, write_once_it_is_heard)
        assert raised.value.back_off is not None
        assert raised.value.back_off.wait(0) == timedelta(milliseconds=250)
        assert not any(page.posts for page in seen)
        async with listening(it, seen[-1].cursor) as pages:
            (post,) = (await until(pages, has_posts)).posts
    assert post.text == f"{WORD} mittendrin"


async def test_what_comes_twice_after_a_new_connection_has_the_same_id() -> None:
    day = x.Day(keep_alive=0.02, repeats=1)
    async with bench(on(day)) as it:
        it.board.write(f"{WORD} doppelt")
        async with listening(it) as pages:
            searched = await until(pages, has_posts)
            heard = await until(pages, has_posts)
    assert heard.posts == searched.posts


async def test_the_end_of_a_stream_is_no_failure_and_a_disconnect_is_told() -> None:
    day = x.Day(ends=True)
    async with bench(on(day)) as it:
        async with listening(it) as pages:
            assert [page.posts async for page in pages] == [()]
        day.sayings.append(
            b'{"errors":[{"title":"operational-disconnect","type":"x/operational-disconnect"}]}'
        )
        with pytest.raises(Unreachable, match="operational-disconnect"):
            async with listening(it) as pages:
                await until(pages, lambda _page: False)


async def test_one_listener_keeps_the_next_one_out() -> None:
    day = x.Day(keep_alive=0.02)
    async with bench(on(day)) as it, listening(it) as pages:
        await connected(pages, day)
        with pytest.raises(RateLimited, match="TooManyConnections"):
            async with listening(it) as others:
                await until(others, lambda _page: False)


async def test_what_search_finds_late_is_read_once_it_does() -> None:
    """Written before anybody listened, and not yet found by the first search."""
    day = x.Day(keep_alive=0.02, search_lag=30)
    async with bench(on(day, search_lag="40s")) as it:
        it.clock.forward(seconds=20)
        it.board.write(f"{WORD} gerade eben", at=it.clock() - timedelta(seconds=10))
        async with listening(it) as pages:
            await connected(pages, day)
            # Its first line.
            await until(pages, lambda page: page.health == "unchanged")
            it.clock.forward(seconds=41)
            (post,) = (await until(pages, has_posts)).posts
    assert post.text == f"{WORD} gerade eben"


@pytest.mark.parametrize("dialect", ["tweet", "post"])
@pytest.mark.parametrize("case", [SEARCH, STREAM], ids=["search", "stream"])
async def test_both_dialects_say_the_same(case: Case, dialect: str) -> None:
    async with bench(on(x.Day(), case, dialect=dialect)) as it:
        parent = it.board.write(f"{WORD} zuerst " + "und weiter " * 40, author="bob")
        it.clock.forward(minutes=1)
        it.board.write(f"{WORD} antwortet", answers=parent.number)
        answer, first = sorted(
            (await it.read(events=2)).posts, key=lambda post: post.kind == "post"
        )
    assert first.text == parent.text
    assert (answer.kind, answer.in_reply_to, answer.thread) == (
        "reply",
        first.native_id,
        first.native_id,
    )
    assert answer.author is not None
    assert (answer.author.handle, answer.author.followers) == ("ann", 10)
    assert answer.engagement is not None
    assert (answer.engagement.reposts, answer.engagement.views) == (1, 90)


@pytest.mark.parametrize("case", [SEARCH, STREAM], ids=["search", "stream"])
async def test_a_used_up_month_is_over_budget_on_both_ways(case: Case) -> None:
    async with bench(on(x.Day(usage_capped=True), case)) as it:
        with pytest.raises(OverBudget, match="UsageCapExceeded"):
            await it.read()


async def test_many_words_are_searched_for_in_several_queries() -> None:
    words = [f"Wort{number:03}" for number in range(150)]
    async with bench(on(x.Day(), SEARCH, terms=words)) as it:
        for word in words[::10]:
            it.board.write(f"{word} hier")
        reading = await it.read(events=15)
        again = await it.read(reading.cursor)
    assert {post.text for post in reading.posts} == {f"{word} hier" for word in words[::10]}
    assert again.posts == []


async def test_an_id_that_is_too_old_is_no_end_of_reading() -> None:
    async with bench(on(x.Day(), SEARCH)) as it:
        it.board.write(f"{WORD} alt")
        cursor = (await it.read()).cursor
        it.clock.forward(days=9)
        it.board.write(f"{WORD} neu")
        reading = await it.read(cursor)
    assert reading.texts == {f"{WORD} neu"}
    assert not reading.pages[0].complete


async def test_a_query_that_x_does_not_take_is_told_in_its_words() -> None:
    async with bench(on(x.Day(), SEARCH, query="motorrad min_faves:3")) as it:
        with pytest.raises(CollectionFailed, match="invalid operator 'min_faves'"):
            await it.read()
