"""What Reddit sends, as it sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from libs.common.events import Engagement
from services.ingest.collectors import reddit
from services.ingest.failure import AuthFailed, Blocked, Missing, RateLimited, Rejected
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for, unix

TOKEN = {"access_token": "geheim-token", "token_type": "bearer", "expires_in": 86400, "scope": "*"}
AGENT = "linux:brandmelder:1.0 (by /u/acme_pr)"
PAGE = httpx.Response(403, html="<!doctype html><html><body>whoa there, pardner!</body></html>")
UNAUTHORIZED = httpx.Response(401, json={"message": "Unauthorized", "error": 401})


def a_config(**fields: object) -> reddit.Config:
    defaults = {
        "id": "reddit",
        "client_id": "app",
        "client_secret": "geheim",
        "user_agent": AGENT,
        "per_page": 2,
    }
    return reddit.Config.model_validate({**defaults, **fields})


def a_collector(
    scripted: Scripted, *terms: str, clock: SetClock | None = None, **fields: object
) -> reddit.Reddit:
    collector = a_config(**fields).build(
        tools_for(scripted, clock or SetClock(), *(terms or ("Acme",)))
    )
    assert isinstance(collector, reddit.Reddit)
    return collector


def a_link(name: str, minutes: float = 1, **fields: Any) -> dict[str, Any]:
    data = {
        "name": f"t3_{name}",
        "created_utc": float(unix(NOW - timedelta(minutes=minutes))),
        "permalink": f"/r/bikes/comments/{name}/_/",
        "author": "ann",
        "author_fullname": "t2_ann",
        "title": "Acme",
        "selftext": "The brakes",
        "edited": False,
    }
    return {"kind": "t3", "data": {**data, **fields}}


def a_listing(*children: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"after": after, "dist": 1, "children": list(children)}}


async def test_a_post_is_read_whole() -> None:
    link = a_link("a1", 5, ups=3, num_comments=2, edited=unix(NOW - timedelta(minutes=2)) + 0.5)
    page = await a_collector(Scripted(TOKEN, a_listing(link))).collect(None)
    assert page.posts == (
        Post(
            platform="reddit",
            native_id="t3_a1",
            kind="post",
            url="https://www.reddit.com/r/bikes/comments/a1/_/",
            title="Acme",
            text="The brakes",
            author=PostAuthor(id="t2_ann", handle="ann", url="https://www.reddit.com/user/ann"),
            published_at=NOW - timedelta(minutes=5),
            edited_at=NOW - timedelta(minutes=1, seconds=59.5),
            thread="t3_a1",
            engagement=Engagement(likes=3, replies=2),
        ),
    )


async def test_comments_of_named_subreddits_are_read_with_their_threads() -> None:
    comment = {
        "kind": "t1",
        "data": {
            "name": "t1_c1",
            "created_utc": unix(NOW) - 60.0,
            "permalink": "/r/bikes/comments/a1/_/c1/",
            "author": "[deleted]",
            "body": "Mine too & louder",
            "link_id": "t3_a1",
            "parent_id": "t1_c0",
            "link_title": "Acme",
            "edited": False,
        },
    }
    scripted = Scripted(TOKEN, a_listing(), a_listing(comment))
    collector = a_collector(scripted, search=False, subreddits=["bikes", "motorrad"])
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert scripted.paths[1:] == ["/r/bikes+motorrad/new", "/r/bikes+motorrad/comments"]
    (post,) = second.posts
    assert (post.kind, post.text, post.author) == ("comment", "Mine too & louder", None)
    assert (post.thread, post.in_reply_to) == ("t3_a1", "t1_c0")


async def test_a_search_is_asked_as_reddit_wants_it() -> None:
    scripted = Scripted(TOKEN, a_listing())
    await a_collector(scripted, "Acme AG").collect(None)
    login, search = scripted.requests
    assert login.method == "POST"
    assert login.headers["authorization"].startswith("Basic ")
    assert login.content == b"grant_type=client_credentials"
    assert {request.headers["user-agent"] for request in scripted.requests} == {AGENT}
    assert search.headers["authorization"] == "bearer geheim-token"
    assert scripted.asked[1] == {
        "q": '"Acme AG"',
        "sort": "new",
        "type": "link",
        "t": "week",
        "limit": "2",
        "raw_json": "1",
    }


async def test_a_token_that_expires_is_asked_for_anew_once() -> None:
    scripted = Scripted(TOKEN, a_listing(), UNAUTHORIZED, TOKEN, a_listing(a_link("a1")))
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert [post.native_id for post in second.posts] == ["t3_a1"]
    assert scripted.paths.count("/api/v1/access_token") == 2


@pytest.mark.parametrize("refusal", [UNAUTHORIZED, httpx.Response(200, json={"error": "no"})])
async def test_a_refused_login_is_not_tried_again(refusal: httpx.Response) -> None:
    scripted = Scripted(refusal)
    with pytest.raises(AuthFailed) as raised:
        await a_collector(scripted).collect(None)
    assert len(scripted.requests) == 1
    assert "geheim" not in str(raised.value)


async def test_a_token_that_is_refused_at_once_is_not_asked_for_again() -> None:
    scripted = Scripted(TOKEN, UNAUTHORIZED)
    with pytest.raises(AuthFailed):
        await a_collector(scripted).collect(None)
    assert len(scripted.requests) == 2


async def test_pages_follow_each_other_and_what_comes_twice_is_taken_once() -> None:
    scripted = Scripted(
        TOKEN,
        a_listing(a_link("a3", 1), a_link("a2", 2), after="t3_a2"),
        a_listing(a_link("a2", 2), a_link("a1", 3)),
    )
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert scripted.asked[2]["after"] == "t3_a2"
    found = [post.native_id for page in (first, second) for post in page.posts]
    assert found == ["t3_a3", "t3_a2", "t3_a1"]
    assert (first.more, second.more, second.complete) == (True, False, True)


async def test_it_stops_where_the_last_sweep_began() -> None:
    old = a_listing(a_link("a2", 1), a_link("a1", 60 * 25), after="t3_a1")
    page = await a_collector(Scripted(TOKEN, old)).collect(None)
    assert [post.native_id for post in page.posts] == ["t3_a2"]
    assert (page.more, page.complete) == (False, True)


async def test_behind_the_thousandth_entry_nothing_is_seen_and_that_is_told() -> None:
    scripted = Scripted(
        TOKEN,
        a_listing(a_link("a4", 1), a_link("a3", 2), after="t3_a3"),
        a_listing(a_link("a2", 3), a_link("a1", 4)),
    )
    collector = a_collector(scripted, deepest=4)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert (first.complete, second.complete, second.more) == (True, False, False)


async def test_a_listing_that_loses_its_way_is_not_taken_for_complete() -> None:
    scripted = Scripted(TOKEN, a_listing(a_link("a1"), after="t3_a1"), a_listing())
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert not second.complete


async def test_when_no_request_is_left_it_waits_for_the_next_period() -> None:
    listing = a_listing(a_link("a1"), after="t3_a1")
    headers = {"X-Ratelimit-Remaining": "0.5", "X-Ratelimit-Reset": "37"}
    scripted = Scripted(TOKEN, httpx.Response(200, json=listing, headers=headers))
    page = await a_collector(scripted).collect(None)
    assert (page.next_in, page.more) == (timedelta(seconds=37), True)
    assert len(page.posts) == 1


async def test_requests_that_are_left_are_used() -> None:
    headers = {"X-Ratelimit-Remaining": "1.0", "X-Ratelimit-Reset": "37"}
    scripted = Scripted(TOKEN, httpx.Response(200, json=a_listing(), headers=headers))
    assert (await a_collector(scripted).collect(None)).next_in is None


async def test_too_many_requests_wait_so_many_seconds() -> None:
    answer = httpx.Response(429, json={"error": 429}, headers={"X-Ratelimit-Reset": "12.5"})
    with pytest.raises(RateLimited) as raised:
        await a_collector(Scripted(TOKEN, answer)).collect(None)
    assert raised.value.not_before == NOW + timedelta(seconds=12.5)


async def test_a_page_instead_of_an_answer_is_blocked() -> None:
    with pytest.raises(Blocked, match="user agent"):
        await a_collector(Scripted(PAGE)).collect(None)


async def test_a_private_subreddit_is_blocked_and_one_that_is_not_there_missing() -> None:
    private = httpx.Response(403, json={"reason": "private", "message": "Forbidden", "error": 403})
    with pytest.raises(Blocked, match="private"):
        await a_collector(Scripted(TOKEN, private)).collect(None)
    away = httpx.Response(302, headers={"location": "/subreddits/search?q=bikes"})
    with pytest.raises(Missing, match="no such subreddit"):
        await a_collector(Scripted(TOKEN, away)).collect(None)


@pytest.mark.parametrize(
    "grave", [{"selftext": "[deleted]", "author": "[deleted]"}, {"removed_by_category": "spam"}]
)
async def test_a_post_that_became_a_grave_is_deleted_once(grave: dict[str, Any]) -> None:
    standing, gone = a_listing(a_link("a1")), a_listing(a_link("a1", **grave))
    collector = a_collector(Scripted(TOKEN, standing, gone, gone))
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    third = await collector.collect(second.cursor)
    assert (second.posts, second.deletions) == ((), (Deletion("reddit", "t3_a1", NOW),))
    assert (third.posts, third.deletions) == ((), ())


async def test_what_is_missing_or_a_grave_is_deleted_a_hundred_at_a_time() -> None:
    names = [f"t3_{number}" for number in range(150)]
    standing = [a_link(str(number)) for number in range(1, 100)]
    grave = a_link("100", selftext="[removed]")
    rest = [a_link(str(number)) for number in range(101, 150)]
    scripted = Scripted(TOKEN, a_listing(*standing), a_listing(grave, *rest))
    gone = await a_collector(scripted).deleted([*names, "no/name"])
    assert [each.native_id for each in gone] == ["t3_0", "t3_100"]
    assert [len(asked["id"].split(",")) for asked in scripted.asked[1:]] == [100, 50]


async def test_what_cannot_be_read_is_not_taken_for_deleted() -> None:
    broken = {"kind": "t3", "data": {"name": 7}}
    scripted = Scripted(TOKEN, a_listing(a_link("a1"), broken))
    assert await a_collector(scripted).deleted(["t3_a1", "t3_a2"]) == []


@pytest.mark.parametrize(
    ("hours", "period"), [(2, "day"), (100, "week"), (500, "month"), (5000, "year"), (9000, "all")]
)
async def test_the_search_reaches_as_far_back_as_is_wanted(hours: int, period: str) -> None:
    scripted = Scripted(TOKEN, a_listing())
    collector = a_collector(scripted)
    await collector.collect(collector.since(NOW - timedelta(hours=hours)))
    assert scripted.asked[1]["t"] == period


@pytest.mark.parametrize("agent", ["python-httpx/0.28", "", "x (by /u/a)\r\nA: b", "ü (by /u/a)"])
def test_a_user_agent_must_say_whose_it_is(agent: str) -> None:
    with pytest.raises(ValidationError):
        a_config(user_agent=agent)


def test_there_must_be_something_to_read() -> None:
    with pytest.raises(ValidationError, match="subreddits"):
        a_config(search=False)


async def test_without_a_word_nothing_is_asked() -> None:
    collector = a_config().build(tools_for(Scripted(), SetClock()))
    assert isinstance(collector, reddit.Reddit)
    with pytest.raises(Rejected, match="terms"):
        await collector.collect(None)
