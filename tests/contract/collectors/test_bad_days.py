"""Bad days that only some platforms have, over real connections to their stand-ins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from sandbox.platforms import reddit, stack_exchange, telegram, youtube
from services.ingest.collector import Collector
from services.ingest.failure import OverBudget, Rejected
from tests.contract.collectors.cases import hacker_news as hacker_news_case
from tests.contract.collectors.cases import reddit as reddit_case
from tests.contract.collectors.cases import stack_exchange as stack_exchange_case
from tests.contract.collectors.cases import telegram as telegram_case
from tests.contract.collectors.cases import youtube as youtube_case
from tests.contract.collectors.conformance import WORD, Bench, Case, bench


def written(it: Bench, many: int) -> None:
    for number in range(many):
        it.board.write(f"{WORD} {number}", at=it.clock() - timedelta(minutes=number))


def with_source(case: Case, **fields: object) -> Case:
    return replace(case, source=lambda address: {**case.source(address), **fields})


async def test_reddit_a_token_that_expires_between_two_readings_is_renewed() -> None:
    async with bench(reddit_case.CASE) as it:
        collector = it.config.build(it.tools)
        assert isinstance(collector, Collector)
        page = await collector.collect(None)
        it.clock.forward(days=2)
        it.board.write(f"{WORD} danach")
        found = list(page.posts)
        while page.more:
            page = await collector.collect(page.cursor)
            found += page.posts
        logins = it.requests.of("/api/v1/access_token")
    assert [post.text for post in found] == [f"{WORD} danach"]
    assert len(logins) == 2


async def test_reddit_comments_of_a_subreddit_come_without_a_search() -> None:
    async with bench(with_source(reddit_case.CASE, search=False)) as it:
        post = it.board.write("Neue Maschine", title="Da ist sie")
        it.board.write(f"Schöne {WORD} & laut", author="bob", answers=post.number)
        reading = await it.read()
        searches = it.requests.of("/search")
    (comment,) = [each for each in reading.posts if each.kind == "comment"]
    assert (comment.text, comment.thread) == (f"Schöne {WORD} & laut", "t3_rt")
    assert comment.in_reply_to == comment.thread
    assert searches == []


async def test_reddit_shows_a_thousand_entries_and_the_rest_is_told_missing() -> None:
    async with bench(with_source(reddit_case.CASE, per_page=100), page_size=100) as it:
        for number in range(reddit.DEEPEST + 50):
            it.board.write(f"{WORD} {number}", at=it.clock() - timedelta(seconds=number))
        reading = await it.read()
    assert not all(page.complete for page in reading.pages)
    assert len({post.native_id for post in reading.posts}) == reddit.DEEPEST


async def test_hacker_news_gives_more_than_its_thousand_hits() -> None:
    async with bench(with_source(hacker_news_case.CASE, per_page=1000), page_size=1000) as it:
        for number in range(1500):
            it.board.write(f"{WORD} {number}", at=it.clock() - timedelta(seconds=number))
        reading = await it.read()
    assert all(page.complete for page in reading.pages)
    assert len({post.native_id for post in reading.posts}) == 1500


async def test_stack_exchange_is_left_alone_between_two_pages_as_it_asks() -> None:
    routes = partial(stack_exchange.routes, backoff=7)
    async with bench(replace(stack_exchange_case.CASE, routes=routes)) as it:
        written(it, 15)
        first = await it.page(None)
        second = await it.page(first.cursor)
    assert (first.next_in, first.more) == (timedelta(seconds=7), True)
    assert len({post.native_id for post in (*first.posts, *second.posts)}) == 15


async def test_stack_exchange_ends_for_the_day_with_the_quota() -> None:
    routes = partial(stack_exchange.routes, quota=1)
    async with bench(replace(stack_exchange_case.CASE, routes=routes)) as it:
        written(it, 15)
        first = await it.page(None)
        with pytest.raises(OverBudget):
            await it.page(first.cursor)
        it.clock.forward(days=1)
        second = await it.page(first.cursor)
    assert len({post.native_id for post in (*first.posts, *second.posts)}) == 15


async def test_telegram_says_that_somebody_else_takes_the_updates() -> None:
    routes = partial(telegram.routes, has_webhook=True)
    async with bench(replace(telegram_case.CASE, routes=routes)) as it:
        with pytest.raises(Rejected, match="webhook"):
            await it.read()


async def test_youtube_reads_past_a_video_whose_comments_are_disabled() -> None:
    routes = partial(youtube.routes, disabled=("closed",))
    case = with_source(youtube_case.CASE, videos=["closed", "gone", youtube.VIDEO])
    async with bench(replace(case, routes=routes)) as it:
        written(it, 3)
        reading = await it.read()
    assert len(reading.posts) == 3


async def test_youtube_shows_some_replies_and_gives_all() -> None:
    async with bench(youtube_case.CASE, page_size=3) as it:
        top = it.board.write(f"{WORD} quietscht")
        texts = {f"{WORD} bei mir {number}" for number in range(7)}
        for text in sorted(texts):
            it.board.write(text, answers=top.number)
        reading = await it.read()
    assert reading.texts == {f"{WORD} quietscht"} | texts


async def test_youtube_finds_videos_and_reads_what_is_said_about_them() -> None:
    source = {"videos": [], "search": True}
    async with bench(with_source(youtube_case.CASE, **source)) as it:
        video = it.board.write("Wir testen.", title=f"{WORD} & Bremsen")
        it.board.write("Meine quietscht", answers=video.number)
        reading = await it.read()
    found = {(post.kind, post.title, post.text) for post in reading.posts}
    assert found == {
        ("post", f"{WORD} & Bremsen", "Wir testen."),
        ("comment", None, "Meine quietscht"),
    }


async def test_youtube_ends_for_the_day_with_the_quota() -> None:
    routes = partial(youtube.routes, quota=1)
    async with bench(replace(youtube_case.CASE, routes=routes)) as it:
        written(it, 15)
        first = await it.page(None)
        with pytest.raises(OverBudget) as raised:
            await it.page(first.cursor)
        assert raised.value.not_before is not None
        it.clock.now = raised.value.not_before
        second = await it.page(first.cursor)
    assert len({post.native_id for post in (*first.posts, *second.posts)}) == 15
