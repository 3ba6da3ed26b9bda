"""What a Discourse sends, as it sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from libs.common.events import Engagement
from services.ingest.collector import Collector, LooksAgain
from services.ingest.collectors.discourse import Config
from services.ingest.failure import AuthFailed, RateLimited, Rejected, Unreadable
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for

NOT_FOUND = httpx.Response(404, json={"errors": ["…"], "error_type": "not_found"})


def a_collector(scripted: Scripted, *terms: str, **fields: object) -> Collector:
    config = Config.model_validate({"id": "kurve", "url": "https://kurve.example", **fields})
    collector = config.build(tools_for(scripted, SetClock(), *terms))
    assert isinstance(collector, Collector)
    return collector


def a_written(number: int, minutes: float = 1, **fields: Any) -> dict[str, Any]:
    created = (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", ".000Z")
    return {
        "id": number,
        "username": "ann",
        "name": "Ann A.",
        "user_id": 12,
        "created_at": created,
        "updated_at": created,
        "cooked": "<p>Die Bremse &amp; der Rest</p>",
        "raw": "Die Bremse & der Rest",
        "post_number": 1,
        "reply_to_post_number": None,
        "reply_count": 2,
        "reads": 40,
        "topic_id": 3,
        "topic_slug": "bremse",
        "topic_title": "Bremse defekt",
        "version": 1,
        "hidden": False,
        "user_deleted": False,
        "actions_summary": [{"id": 2, "count": 5}, {"id": 3, "count": 9}],
        **fields,
    }


def latest(*posts: dict[str, Any]) -> dict[str, Any]:
    return {"latest_posts": list(posts)}


def found(*hits: dict[str, Any], more: bool | None = None, **fields: Any) -> dict[str, Any]:
    grouped = {"more_full_page_results": more, "error": None, **fields}
    topics = [{"id": 3, "title": "Bremse defekt"}]
    return {"posts": list(hits), "topics": topics, "grouped_search_result": grouped}


def a_hit(number: int, minutes: float = 1, blurb: str = "…Bremse…") -> dict[str, Any]:
    written = a_written(number, minutes)
    return {key: written[key] for key in ("id", "created_at", "topic_id")} | {"blurb": blurb}


async def test_a_first_post_is_told_with_everything_it_has() -> None:
    scripted = Scripted(latest(a_written(7, 10)), latest())
    page = await a_collector(scripted).collect(None)
    assert page.posts == (
        Post(
            platform="discourse",
            native_id="kurve.example/7",
            kind="post",
            url="https://kurve.example/t/3/1",
            title="Bremse defekt",
            text="Die Bremse & der Rest",
            author=PostAuthor(
                id="kurve.example/u/12",
                handle="ann",
                name="Ann A.",
                url="https://kurve.example/u/ann",
            ),
            published_at=NOW - timedelta(minutes=10),
            thread="https://kurve.example/t/3",
            engagement=Engagement(likes=5, replies=2, views=40),
        ),
    )


async def test_a_reply_names_what_it_answers_and_an_edit_its_time() -> None:
    edited = (NOW - timedelta(minutes=2)).isoformat()
    reply = a_written(8, post_number=4, reply_to_post_number=2, version=2, updated_at=edited)
    (post,) = (await a_collector(Scripted(latest(reply))).collect(None)).posts
    assert (post.kind, post.title) == ("reply", None)
    assert post.in_reply_to == "https://kurve.example/t/3/2"
    assert post.edited_at == NOW - timedelta(minutes=2)


async def test_pages_lead_back_to_the_posts_that_were_read_before() -> None:
    scripted = Scripted(latest(a_written(100, 90), a_written(99, 95)), latest())
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    scripted.then(latest(a_written(103), a_written(102)), latest(a_written(101), a_written(100)))
    third = await collector.collect(second.cursor)
    fourth = await collector.collect(third.cursor)
    assert [each.get("before") for each in scripted.asked] == [None, "98", None, "101"]
    assert [page.more for page in (first, second, third, fourth)] == [True, False, True, False]
    assert [post.native_id for post in fourth.posts] == ["kurve.example/101"]


async def test_what_lies_behind_the_wall_is_told_as_a_gap() -> None:
    scripted = Scripted(latest(a_written(100, 90)), latest())
    collector = a_collector(scripted, pages_at_most=1)
    first = await collector.collect((await collector.collect(None)).cursor)
    scripted.then(latest(a_written(300), a_written(299)))
    second = await collector.collect(first.cursor)
    assert (first.complete, second.complete, second.more) == (True, False, False)


@pytest.mark.parametrize(
    "fields",
    [{"hidden": True}, {"user_deleted": True}, {"deleted_at": "2026-09-18T10:20:00Z"}],
)
async def test_a_post_that_is_hidden_or_deleted_is_no_longer_shown(fields: dict[str, Any]) -> None:
    scripted = Scripted(latest(a_written(8), a_written(7), a_written(1, 3000)))
    collector = a_collector(scripted)
    first = await collector.collect(None)
    scripted.then(latest(a_written(8, **fields), a_written(7), a_written(1, 3000)))
    second = await collector.collect(first.cursor)
    assert second.posts == ()
    assert second.deletions == (Deletion("discourse", "kurve.example/8", NOW),)


async def test_posts_are_asked_for_again_one_by_one() -> None:
    private = httpx.Response(403, json={"errors": ["…"], "error_type": "invalid_access"})
    scripted = Scripted(a_written(1), NOT_FOUND, a_written(3, user_deleted=True), private)
    collector = a_collector(scripted)
    assert isinstance(collector, LooksAgain)
    gone = await collector.deleted([f"kurve.example/{number}" for number in (1, 2, 3, 4)])
    assert [each.native_id for each in gone] == [f"kurve.example/{number}" for number in (2, 3, 4)]
    assert scripted.paths == [f"/posts/{number}.json" for number in (1, 2, 3, 4)]


async def test_a_key_goes_into_the_headers_and_a_refused_one_is_named() -> None:
    refused = httpx.Response(
        403,
        json={"errors": ["The API username or key is invalid."], "error_type": "invalid_access"},
    )
    scripted = Scripted(refused)
    collector = a_collector(scripted, api_key="geheim", api_username="melder")
    with pytest.raises(AuthFailed) as raised:
        await collector.collect(None)
    assert "geheim" not in str(raised.value)
    headers = scripted.requests[0].headers
    assert (headers["api-key"], headers["api-username"]) == ("geheim", "melder")


async def test_a_forum_for_members_needs_a_key() -> None:
    members = httpx.Response(403, json={"errors": ["…"], "error_type": "not_logged_in"})
    collector = a_collector(Scripted(members))
    with pytest.raises(AuthFailed):
        await collector.collect(None)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (
            httpx.Response(
                429,
                text="Slow down, too many requests from this IP address.",
                headers={
                    "Retry-After": "11",
                    "Discourse-Rate-Limit-Error-Code": "ip_10_secs_limit",
                },
            ),
            11,
        ),
        (
            httpx.Response(429, json={"error_type": "rate_limit", "extras": {"wait_seconds": 24}}),
            24,
        ),
        (httpx.Response(429, json={"failed": "FAILED", "message": "Langsamer"}), None),
    ],
)
async def test_all_three_refusals_for_too_many_requests_are_known(
    answer: httpx.Response, seconds: int | None
) -> None:
    with pytest.raises(RateLimited) as raised:
        await a_collector(Scripted(answer)).collect(None)
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert raised.value.not_before == expected


async def test_a_page_of_broken_posts_costs_only_those() -> None:
    scripted = Scripted(latest({"id": 9, "cooked": 7}, a_written(8)), latest({"id": "x"}))
    collector = a_collector(scripted)
    page = await collector.collect(None)
    assert [post.native_id for post in page.posts] == ["kurve.example/8"]
    with pytest.raises(Unreadable, match="no post"):
        await collector.collect(page.cursor)


async def test_a_search_fetches_what_it_finds_as_a_whole() -> None:
    scripted = Scripted(found(a_hit(7), a_hit(8)), a_written(7, topic_title=None), NOT_FOUND)
    page = await a_collector(scripted, "Acme GmbH", mode="search").collect(None)
    assert scripted.asked[0] == {"q": '"Acme GmbH" order:latest after:2026-09-16', "page": "1"}
    assert [(post.title, post.text) for post in page.posts] == [
        ("Bremse defekt", "Die Bremse & der Rest")
    ]
    assert not page.more


async def test_a_search_fetches_again_only_what_changed() -> None:
    scripted = Scripted(found(a_hit(7), a_hit(8)), a_written(7), a_written(8))
    collector = a_collector(scripted, "Acme", mode="search")
    first = await collector.collect(None)
    scripted.then(found(a_hit(7), a_hit(8, blurb="…Bremse heil…")), a_written(8))
    second = await collector.collect(first.cursor)
    assert [post.native_id for post in second.posts] == ["kurve.example/8"]
    assert scripted.paths[-2:] == ["/search.json", "/posts/8.json"]


async def test_a_search_ends_at_its_tenth_page_with_a_gap() -> None:
    scripted = Scripted()
    collector = a_collector(scripted, "Acme", mode="search")
    cursor, complete = None, []
    for number in range(10):
        scripted.then(found(a_hit(100 - number), more=True), a_written(100 - number))
        page = await collector.collect(cursor)
        cursor = page.cursor
        complete.append(page.complete)
    assert complete == [True] * 9 + [False]
    assert not page.more


async def test_an_overloaded_search_is_no_empty_search() -> None:
    collector = a_collector(Scripted(found(error="zu viel los")), "Acme", mode="search")
    with pytest.raises(RateLimited, match="zu viel los"):
        await collector.collect(None)


async def test_a_search_without_a_word_is_told() -> None:
    with pytest.raises(Rejected, match="terms"):
        await a_collector(Scripted(), mode="search").collect(None)


async def test_a_hit_from_the_future_keeps_none_of_the_present_away() -> None:
    ahead = a_hit(7, -60 * 24 * 365)
    scripted = Scripted(found(ahead), a_written(7))
    collector = a_collector(scripted, "Acme", mode="search")
    first = await collector.collect(None)
    scripted.then(found(ahead, a_hit(8, -1)), a_written(8, -1))
    later = await collector.collect(first.cursor)
    assert [post.native_id for post in later.posts] == ["kurve.example/8"]
