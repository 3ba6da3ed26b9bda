"""What Algolia and Firebase send, as they send it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from libs.common.events import Engagement
from services.ingest.collectors import hacker_news
from services.ingest.failure import Rejected
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for, unix


def a_hit(number: int, minutes: float = 1, **fields: object) -> dict[str, Any]:
    at = unix(NOW - timedelta(minutes=minutes))
    hit = {"objectID": str(number), "created_at_i": at, "author": "ann", "title": f"Acme {number}"}
    return {**hit, **fields}


def a_page(*hits: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"hits": list(hits), "page": 0, "hitsPerPage": 2, "nbHits": len(hits), **fields}


def a_collector(
    scripted: Scripted, *terms: str, clock: SetClock | None = None
) -> hacker_news.HackerNews:
    config = hacker_news.Config.model_validate({"id": "hn", "per_page": 2})
    collector = config.build(tools_for(scripted, clock or SetClock(), *(terms or ("Acme",))))
    assert isinstance(collector, hacker_news.HackerNews)
    return collector


async def test_a_story_without_text_and_a_comment_without_title_are_read_whole() -> None:
    story = a_hit(10, 5, url="https://acme.example/", points=7, num_comments=2, story_id=10)
    comment = a_hit(
        11,
        2,
        title=None,
        comment_text="<p>I sold mine.<p>The <i>brakes</i> &amp; all",
        story_id=10,
        parent_id=10,
        story_title="Acme 10",
    )
    page = await a_collector(Scripted(a_page(comment, story))).collect(None)
    ann = PostAuthor(id="ann", handle="ann", url="https://news.ycombinator.com/user?id=ann")
    item = "https://news.ycombinator.com/item?id="
    assert page.posts == (
        Post(
            platform="hacker_news",
            native_id="11",
            kind="comment",
            url=f"{item}11",
            text="I sold mine.\nThe brakes & all",
            author=ann,
            published_at=NOW - timedelta(minutes=2),
            thread=f"{item}10",
            in_reply_to="10",
            engagement=Engagement(),
        ),
        Post(
            platform="hacker_news",
            native_id="10",
            kind="post",
            url=f"{item}10",
            title="Acme 10",
            text="Acme 10",
            author=ann,
            published_at=NOW - timedelta(minutes=5),
            thread=f"{item}10",
            engagement=Engagement(likes=7, replies=2),
        ),
    )


async def test_the_question_is_exact_and_for_the_last_day_at_first() -> None:
    scripted = Scripted(a_page())
    await a_collector(scripted, 'Acme "Super" 3').collect(None)
    assert scripted.asked == [
        {
            "query": '"Acme  Super  3"',
            "tags": "(story,comment)",
            "typoTolerance": "false",
            "numericFilters": f"created_at_i>{unix(NOW - timedelta(hours=24))}",
            "hitsPerPage": "2",
        }
    ]


async def test_behind_a_full_page_it_asks_for_what_is_older_and_never_for_a_second_page() -> None:
    scripted = Scripted(
        a_page(a_hit(9, 1), a_hit(8, 2), nbHits=4000),
        a_page(a_hit(8, 2), a_hit(7, 3), nbHits=3999),
        a_page(a_hit(7, 3)),
    )
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    third = await collector.collect(second.cursor)
    assert [page.more for page in (first, second, third)] == [True, True, False]
    found = [post.native_id for page in (first, second, third) for post in page.posts]
    assert found == ["9", "8", "7"]
    bounds = [asked["numericFilters"].rpartition(",")[2] for asked in scripted.asked[1:]]
    oldest = [unix(NOW - timedelta(minutes=minutes)) for minutes in (2, 3)]
    assert bounds == [f"created_at_i<={second}" for second in oldest]
    assert not any("page" in asked for asked in scripted.asked)


async def test_a_server_that_gives_less_than_was_asked_for_is_not_through() -> None:
    page = await a_collector(Scripted(a_page(a_hit(9), hitsPerPage=1, nbHits=5))).collect(None)
    assert page.more


async def test_a_second_that_fills_a_page_is_passed_and_told() -> None:
    full = a_page(a_hit(9, 3), a_hit(8, 3))
    collector = a_collector(Scripted(full, full, a_page()))
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    third = await collector.collect(second.cursor)
    complete = [page.complete for page in (first, second, third)]
    assert complete == [True, False, True]
    assert not third.more


async def test_every_term_is_asked_and_what_both_find_comes_once() -> None:
    scripted = Scripted(a_page(a_hit(9)), a_page(a_hit(9)))
    collector = a_collector(scripted, "Acme", "Acme AG")
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert [asked["query"] for asked in scripted.asked] == ['"Acme"', '"Acme AG"']
    assert (first.more, second.more) == (True, False)
    assert [len(page.posts) for page in (first, second)] == [1, 0]


async def test_what_is_written_while_a_sweep_was_interrupted_for_hours_is_read() -> None:
    clock = SetClock()
    scripted = Scripted(a_page(a_hit(9, 1)), a_page(a_hit(19, -600, author=None)), a_page())
    collector = a_collector(scripted, "Acme", "Acme AG", clock=clock)
    first = await collector.collect(None)
    clock.forward(hours=11)
    second = await collector.collect(first.cursor)
    await collector.collect(second.cursor)
    since = int(scripted.asked[2]["numericFilters"].removeprefix("created_at_i>"))
    assert since <= unix(NOW)


async def test_other_terms_in_the_middle_of_a_sweep_begin_it_anew() -> None:
    scripted = Scripted(a_page(a_hit(9)), a_page())
    first = await a_collector(scripted, "Acme", "Acme AG").collect(None)
    await a_collector(scripted, "Bolt", "Acme AG").collect(first.cursor)
    assert scripted.asked[1]["query"] == '"Bolt"'
    assert scripted.asked[1]["numericFilters"] == scripted.asked[0]["numericFilters"]


async def test_what_did_not_change_does_not_come_again_and_an_edit_does() -> None:
    scripted = Scripted(
        a_page(a_hit(9, story_text="zuerst")),
        a_page(a_hit(9, story_text="zuerst", points=50)),
        a_page(a_hit(9, story_text="danach")),
    )
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    third = await collector.collect(second.cursor)
    assert [[post.text for post in page.posts] for page in (first, second, third)] == [
        ["zuerst"],
        [],
        ["danach"],
    ]
    assert [page.health for page in (first, second, third)] == ["ok", "unchanged", "ok"]


@pytest.mark.parametrize(
    "broken",
    [
        {"objectID": None},
        {"created_at_i": 10**20},
        {"created_at_i": "nan"},
        {"points": 10**30},
        {"title": None},
    ],
)
async def test_a_broken_hit_costs_none_of_the_others(broken: dict[str, Any]) -> None:
    page = await a_collector(Scripted(a_page(a_hit(8, **broken), a_hit(9)))).collect(None)
    assert [post.native_id for post in page.posts] == ["9"]


async def test_a_cursor_does_not_grow_with_the_past() -> None:
    hits = [a_hit(number, number, title="Acme" * 200) for number in range(5000, 0, -1)]
    scripted = Scripted(a_page(*hits, hitsPerPage=10_000))
    page = await a_collector(scripted).collect(
        a_collector(scripted).since(NOW - timedelta(days=30))
    )
    assert len(page.posts) == 5000
    assert page.cursor is not None
    assert len(page.cursor) < 5000


async def test_missing_deleted_and_dead_items_are_gone() -> None:
    scripted = Scripted(
        httpx.Response(200, text="null"), {"deleted": True}, {"dead": True}, {"id": 4}
    )
    gone = await a_collector(scripted).deleted(["1", "2", "3", "4", "../5"])
    assert gone == [Deletion("hacker_news", number, NOW) for number in ("1", "2", "3")]
    assert scripted.paths == [f"/v0/item/{number}.json" for number in (1, 2, 3, 4)]


async def test_without_a_word_nothing_is_asked() -> None:
    config = hacker_news.Config.model_validate({"id": "hn"})
    collector = config.build(tools_for(Scripted(), SetClock()))
    assert isinstance(collector, hacker_news.HackerNews)
    with pytest.raises(Rejected, match="terms"):
        await collector.collect(None)
