"""What YouTube's Data API sends, as it sends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from libs.common.events import Engagement
from services.ingest.collectors import youtube
from services.ingest.collectors.youtube.api import next_quota
from services.ingest.failure import (
    AuthFailed,
    CollectionFailed,
    Missing,
    OverBudget,
    RateLimited,
    Unreachable,
)
from services.ingest.post import Deletion, Page, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for

MIDNIGHT = datetime(2026, 9, 19, 7, tzinfo=UTC)
"""In California, as UTC, on the day of `NOW`."""


def a_collector(
    scripted: Scripted, *terms: str, clock: SetClock | None = None, **fields: object
) -> youtube.YouTube:
    defaults: dict[str, object] = {"id": "yt", "key": "geheim"}
    sources = {} if fields.keys() & {"videos", "channels", "search"} else {"videos": ["v1"]}
    config = youtube.Config.model_validate({**defaults, **sources, **fields})
    collector = config.build(tools_for(scripted, clock or SetClock(), *(terms or ("Acme",))))
    assert isinstance(collector, youtube.YouTube)
    return collector


def ago(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def a_comment(number: str, minutes: float = 1, **fields: Any) -> dict[str, Any]:
    snippet = {
        "videoId": "v1",
        "textDisplay": "The brakes",
        "authorDisplayName": "@ann",
        "authorChannelId": {"value": "UCann"},
        "authorChannelUrl": "https://www.youtube.com/@ann",
        "likeCount": 3,
        "publishedAt": ago(minutes),
        "updatedAt": ago(minutes),
    }
    return {"id": number, "snippet": {**snippet, **fields}}


def a_thread(
    number: str, minutes: float = 1, *inline: dict[str, Any], total: int = 0, **fields: Any
) -> dict[str, Any]:
    top = a_comment(number, minutes, **fields)
    snippet = {"videoId": "v1", "topLevelComment": top, "totalReplyCount": total or len(inline)}
    replies = {"replies": {"comments": list(inline)}} if inline else {}
    return {"id": number, "snippet": snippet, **replies}


def a_page(*items: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    return {"items": list(items), **({"nextPageToken": token} if token else {})}


def refused(reason: str, code: int = 403, message: str = "No.") -> httpx.Response:
    errors = [{"message": message, "domain": "youtube", "reason": reason}]
    body = {"error": {"code": code, "message": message, "errors": errors}}
    return httpx.Response(code, json=body)


def ids(*pages: Page) -> list[str]:
    return [post.native_id for page in pages for post in page.posts]


async def read(collector: youtube.YouTube, cursor: str | None = None) -> list[Page]:
    """Pages until there are no more."""
    pages = [await collector.collect(cursor)]
    while pages[-1].more:
        pages.append(await collector.collect(pages[-1].cursor))
    return pages


async def test_comments_and_replies_are_read_whole() -> None:
    reply = a_comment("top.r1", 1, authorDisplayName="Bob", parentId="top", likeCount=0)
    thread = a_thread("top", 5, reply, updatedAt=ago(2))
    scripted = Scripted(a_page(thread))
    (page,) = await read(a_collector(scripted))
    site, channel = "https://www.youtube.com", "https://www.youtube.com/@ann"
    assert page.posts == (
        Post(
            platform="youtube",
            native_id="top",
            kind="comment",
            url=f"{site}/watch?v=v1&lc=top",
            text="The brakes",
            author=PostAuthor(id="UCann", handle="@ann", url=channel),
            published_at=NOW - timedelta(minutes=5),
            edited_at=NOW - timedelta(minutes=2),
            thread="v1",
            engagement=Engagement(likes=3, replies=1),
        ),
        Post(
            platform="youtube",
            native_id="top.r1",
            kind="comment",
            url=f"{site}/watch?v=v1&lc=top.r1",
            text="The brakes",
            author=PostAuthor(id="UCann", name="Bob", url=channel),
            published_at=NOW - timedelta(minutes=1),
            thread="v1",
            in_reply_to="top",
            engagement=Engagement(likes=0),
        ),
    )
    assert page.reads == 1
    assert scripted.asked == [
        {
            "part": "snippet,replies",
            "videoId": "v1",
            "order": "time",
            "textFormat": "plainText",
            "maxResults": "100",
        }
    ]
    assert scripted.requests[0].headers["x-goog-api-key"] == "geheim"


async def test_replies_that_are_not_shown_are_asked_for() -> None:
    inline = a_comment("top.r1", 1)
    scripted = Scripted(
        a_page(a_thread("top", 5, inline, total=4), token="T2"),
        a_page(a_comment("top.r1", 1), a_comment("top.r2", 2), token="R2"),
        a_page(a_comment("top.r3", 3), a_comment("top.r4", 60 * 30)),
        a_page(a_thread("old", 60 * 25)),
    )
    pages = await read(a_collector(scripted))
    assert scripted.paths == [
        "/youtube/v3/commentThreads",
        "/youtube/v3/comments",
        "/youtube/v3/comments",
        "/youtube/v3/commentThreads",
    ]
    assert [(asked.get("parentId"), asked.get("pageToken")) for asked in scripted.asked] == [
        (None, None),
        ("top", None),
        ("top", "R2"),
        (None, "T2"),
    ]
    assert ids(*pages) == ["top", "top.r1", "top.r2", "top.r3"]
    assert {post.in_reply_to for page in pages for post in page.posts[1:]} == {"top"}


async def test_an_old_thread_costs_nothing_until_somebody_answers_there() -> None:
    old = 60 * 24 * 9
    quiet = a_page(a_thread("top", old, a_comment("top.r1", old), total=3))
    lively = a_page(a_thread("top", old, a_comment("top.r1", old), total=4))
    scripted = Scripted(quiet, quiet, lively, a_page(a_comment("top.r4", 1)), lively)
    collector = a_collector(scripted)
    found: list[list[str]] = []
    cursor = None
    for _ in range(4):
        pages = await read(collector, cursor)
        cursor = pages[-1].cursor
        found.append(ids(*pages))
    assert found == [[], [], ["top.r4"], []]


async def test_an_edit_comes_again_and_likes_do_not() -> None:
    edited = a_thread("top", 5, textDisplay="The engine", updatedAt=ago(0))
    scripted = Scripted(
        a_page(a_thread("top", 5)), a_page(a_thread("top", 5, likeCount=90)), a_page(edited)
    )
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    third = await collector.collect(second.cursor)
    assert [ids(page) for page in (first, second, third)] == [["top"], [], ["top"]]
    assert third.posts[0].edited_at == NOW


async def test_a_used_up_quota_lasts_until_midnight_in_california() -> None:
    with pytest.raises(OverBudget) as raised:
        await a_collector(Scripted(refused("quotaExceeded"))).collect(None)
    assert raised.value.not_before == MIDNIGHT


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        (datetime(2026, 9, 18, 6, 59, tzinfo=UTC), datetime(2026, 9, 18, 7, tzinfo=UTC)),
        (datetime(2026, 9, 18, 7, 0, tzinfo=UTC), datetime(2026, 9, 19, 7, tzinfo=UTC)),
        (datetime(2026, 10, 31, 12, tzinfo=UTC), datetime(2026, 11, 1, 7, tzinfo=UTC)),
        (datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC)),
        (datetime(2026, 12, 31, 20, tzinfo=UTC), datetime(2027, 1, 1, 8, tzinfo=UTC)),
    ],
)
def test_midnight_in_california_knows_summer_time(now: datetime, midnight: datetime) -> None:
    assert next_quota(now) == midnight


@pytest.mark.parametrize("reason", ["commentsDisabled", "videoNotFound", "forbidden"])
async def test_a_video_without_comments_does_not_stop_the_others(reason: str) -> None:
    clock = SetClock()
    good = a_page(a_thread("top"))
    scripted = Scripted(refused(reason), good, good, refused(reason), good)
    collector = a_collector(scripted, clock=clock, videos=["v0", "v1"])
    first = await read(collector)
    assert ids(*first) == ["top"]
    second = await read(collector, first[-1].cursor)
    assert [asked["videoId"] for asked in scripted.asked] == ["v0", "v1", "v1"]
    clock.forward(days=1)
    await read(collector, second[-1].cursor)
    assert [asked["videoId"] for asked in scripted.asked[3:]] == ["v0", "v1"]


async def test_when_no_video_has_comments_that_is_a_failure_without_a_question() -> None:
    scripted = Scripted(refused("commentsDisabled"))
    collector = a_collector(scripted)
    first = await collector.collect(None)
    with pytest.raises(Missing, match="disabled"):
        await collector.collect(first.cursor)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (refused("badRequest", 400, "API key not valid. Please pass a valid API key."), AuthFailed),
        (refused("accessNotConfigured"), AuthFailed),
        (refused("rateLimitExceeded"), RateLimited),
        (refused("processingFailure", 400), Unreachable),
    ],
)
async def test_refusals_are_named(answer: httpx.Response, failure: type[Exception]) -> None:
    with pytest.raises(failure) as raised:
        await a_collector(Scripted(answer)).collect(None)
    assert "geheim" not in str(raised.value)


async def test_a_page_mark_that_is_not_good_any_more_begins_the_video_anew() -> None:
    page = a_page(a_thread("top"), token="T2")
    scripted = Scripted(page, refused("invalidPageToken", 400), a_page(a_thread("top")))
    collector = a_collector(scripted)
    first = await collector.collect(None)
    stale = await collector.collect(first.cursor)
    third = await collector.collect(stale.cursor)
    assert (first.more, stale.more, third.more) == (True, False, False)
    assert "pageToken" not in scripted.asked[2]


async def test_channels_are_read_as_videos_are() -> None:
    scripted = Scripted(a_page(a_thread("top")))
    await read(a_collector(scripted, channels=["UCacme"]))
    assert scripted.asked[0]["allThreadsRelatedToChannelId"] == "UCacme"
    assert "videoId" not in scripted.asked[0]


def a_video(number: str, minutes: float = 1) -> dict[str, Any]:
    snippet = {
        "publishedAt": ago(minutes),
        "channelId": "UCbob",
        "channelTitle": "Bob &amp; Co",
        "title": "Acme&#39;s end",
        "description": "Brakes &lt;3",
    }
    return {"id": {"kind": "youtube#video", "videoId": number}, "snippet": snippet}


async def test_found_videos_are_posts_and_their_comments_are_read() -> None:
    scripted = Scripted(a_page(a_video("vid-0000001")), a_page(a_thread("top")))
    first, second = await read(a_collector(scripted, search=True))
    assert first.posts == (
        Post(
            platform="youtube",
            native_id="vid-0000001",
            kind="post",
            url="https://www.youtube.com/watch?v=vid-0000001",
            title="Acme's end",
            text="Brakes <3",
            author=PostAuthor(
                id="UCbob", name="Bob & Co", url="https://www.youtube.com/channel/UCbob"
            ),
            published_at=NOW - timedelta(minutes=1),
            thread="vid-0000001",
        ),
    )
    assert ids(second) == ["top"]
    assert scripted.asked[0]["publishedAfter"] == "2026-09-17T09:30:00Z"
    assert (scripted.asked[0]["q"], scripted.asked[0]["type"]) == ('"Acme"', "video")
    assert scripted.asked[1]["videoId"] == "vid-0000001"


async def test_searches_are_spread_over_the_day_and_the_terms() -> None:
    clock = SetClock()
    scripted = Scripted(*(a_page() for _ in range(100)))
    collector = a_collector(scripted, "Acme", "Acme AG", clock=clock, search=True)
    cursor = None
    for _ in range(60):
        cursor = (await read(collector, cursor))[-1].cursor
        clock.forward(minutes=1)
    searched = [asked["q"] for asked in scripted.asked]
    assert searched == ['"Acme"', '"Acme AG"', '"Acme"', '"Acme AG"']


async def test_when_the_searches_are_used_up_comments_are_still_read() -> None:
    clock = SetClock()
    good = a_page(a_thread("top"))
    scripted = Scripted(refused("quotaExceeded"), good, good)
    collector = a_collector(scripted, clock=clock, search=True, videos=["v1"])
    pages = await read(collector)
    assert ids(*pages) == ["top"]
    clock.forward(hours=5)
    await read(collector, pages[-1].cursor)
    assert [path.rpartition("/")[2] for path in scripted.paths] == [
        "search",
        "commentThreads",
        "commentThreads",
    ]


async def test_when_no_found_video_has_comments_it_goes_on_searching() -> None:
    clock = SetClock()
    closed = refused("commentsDisabled")
    scripted = Scripted(a_page(a_video("vid-0000001")), closed, a_page(), a_page())
    collector = a_collector(scripted, clock=clock, search=True)
    cursor = None
    for _ in range(4):
        pages = await read(collector, cursor)
        cursor = pages[-1].cursor
        clock.forward(minutes=8)
    assert [path.rpartition("/")[2] for path in scripted.paths] == [
        "search",
        "commentThreads",
        "search",
    ]


async def test_when_only_searches_are_wanted_their_quota_is_the_sources() -> None:
    with pytest.raises(OverBudget) as raised:
        await a_collector(Scripted(refused("quotaExceeded")), search=True).collect(None)
    assert raised.value.not_before == MIDNIGHT


async def test_what_youtube_does_not_give_any_more_is_deleted() -> None:
    scripted = Scripted(a_page({"id": "UgxAAAAAAAAAA1"}), a_page())
    wanted = ["UgxAAAAAAAAAA1", "UgxAAAAAAAAAA2.r", "vid-0000001", "no/id"]
    assert await a_collector(scripted).deleted(wanted) == [
        Deletion("youtube", "UgxAAAAAAAAAA2.r", NOW),
        Deletion("youtube", "vid-0000001", NOW),
    ]
    assert [(asked["part"], asked["id"]) for asked in scripted.asked] == [
        ("id", "UgxAAAAAAAAAA1,UgxAAAAAAAAAA2.r"),
        ("id", "vid-0000001"),
    ]


async def test_a_broken_thread_costs_none_of_the_others() -> None:
    broken = a_thread("bad", likeCount="many")
    (page,) = await read(a_collector(Scripted(a_page(broken, a_thread("top")))))
    assert ids(page) == ["top"]


@pytest.mark.parametrize("body", ["[]", "{", '{"items": 3}', "nothing"])
async def test_what_is_no_answer_is_a_failure(body: str) -> None:
    with pytest.raises(CollectionFailed):
        await a_collector(Scripted(httpx.Response(200, text=body))).collect(None)


def test_there_must_be_something_to_read() -> None:
    with pytest.raises(ValidationError, match="channels"):
        youtube.Config.model_validate({"id": "yt", "key": "geheim"})
