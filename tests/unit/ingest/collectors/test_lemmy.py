"""What Lemmy's instances send, in both forms of their API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import httpx
import pytest

from libs.common.events import Engagement
from services.ingest.collectors import lemmy
from services.ingest.failure import AuthFailed, Missing, RateLimited, Rejected, Unreachable
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for

HOME = "https://feddit.example"
AWAY = "https://lemmy.example"
NOT_FOUND = httpx.Response(404, json={"error": "not_found"})
SITE: dict[str, Any] = {"site_view": {}, "version": "0.19.5"}


def a_collector(
    scripted: Scripted, *terms: str, clock: SetClock | None = None, **fields: object
) -> lemmy.Lemmy:
    defaults = {"id": "lemmy", "instance": f"{HOME}/", "version": "v3"}
    config = lemmy.Config.model_validate({**defaults, **fields})
    collector = config.build(tools_for(scripted, clock or SetClock(), *(terms or ("Acme",))))
    assert isinstance(collector, lemmy.Lemmy)
    return collector


def a_view(
    number: int,
    minutes: float = 1,
    form: Literal["v3", "v4"] = "v3",
    ap_id: str | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A post as a search shows it."""
    at = (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", ".123456Z")
    creator = {"name": "ann", "display_name": "Ann", "actor_id": f"{AWAY}/u/ann"}
    post: dict[str, Any] = {
        "id": number,
        "ap_id": ap_id or f"{AWAY}/post/{number}",
        "name": "Acme",
        "body": "The **brakes**",
        "published": at,
        "deleted": False,
        "removed": False,
    }
    counts: dict[str, Any] = {"score": -3, "upvotes": 1, "downvotes": 4, "comments": 2}
    view: dict[str, Any] = {"post": post, "creator": creator, "community": {"name": "bikes"}}
    if form == "v3":
        view["counts"] = counts
    else:
        creator["ap_id"] = creator.pop("actor_id")
        post["published_at"] = post.pop("published")
        post |= counts
    post |= fields
    return view


def a_comment(path: str = "0.12", **fields: Any) -> dict[str, Any]:
    view = a_view(9)
    at = (NOW - timedelta(minutes=1)).isoformat()
    comment = {"id": 12, "ap_id": f"{HOME}/comment/12", "content": "Mine too", "path": path}
    return {
        **view,
        "comment": {**comment, "published": at, **fields},
        "counts": {"score": 1, "child_count": 5},
    }


def found(*views: dict[str, Any], **fields: Any) -> dict[str, Any]:
    comments = [view for view in views if "comment" in view]
    posts = [view for view in views if "comment" not in view]
    return {"posts": posts, "comments": comments, "communities": [], **fields}


WHOLE = Post(
    platform="lemmy",
    native_id=f"{AWAY}/post/9",
    kind="post",
    url=f"{AWAY}/post/9",
    title="Acme",
    text="The **brakes**",
    author=PostAuthor(
        id=f"{AWAY}/u/ann", handle="ann@lemmy.example", name="Ann", url=f"{AWAY}/u/ann"
    ),
    published_at=NOW - timedelta(minutes=1) + timedelta(microseconds=123456),
    thread=f"{AWAY}/post/9",
    engagement=Engagement(likes=-3, replies=2),
)


async def test_a_post_is_the_same_in_both_forms_and_in_every_list() -> None:
    new = a_view(9, form="v4")
    answers = [
        ("v3", found(a_view(9))),
        ("v4", found(new)),
        ("v4", {"search": [{"type_": "post", **new}, {"type_": "person", "person": {}}]}),
        ("v4", {"results": [{"type_": "post", **new}]}),
    ]
    for version, answer in answers:
        page = await a_collector(Scripted(answer), version=version).collect(None)
        assert page.posts == (WHOLE,)


async def test_two_instances_name_the_same_post_alike() -> None:
    other = a_view(77, ap_id=f"{AWAY}/post/9")
    for instance, view in ((HOME, a_view(9)), ("https://other.example", other)):
        page = await a_collector(Scripted(found(view)), instance=instance).collect(None)
        assert [post.native_id for post in page.posts] == [f"{AWAY}/post/9"]


@pytest.mark.parametrize(("path", "parent"), [("0.12", f"{AWAY}/post/9"), ("0.3.12", None)])
async def test_a_comment_is_read_with_its_thread(path: str, parent: str | None) -> None:
    scripted = Scripted(found(), found(a_comment(path, updated=NOW.isoformat())))
    collector = a_collector(scripted)
    first = await collector.collect(None)
    (post,) = (await collector.collect(first.cursor)).posts
    assert (post.kind, post.text, post.edited_at) == ("comment", "Mine too", NOW)
    assert (post.thread, post.in_reply_to) == (f"{AWAY}/post/9", parent)
    assert post.engagement == Engagement(likes=1, replies=5)


async def test_version_3_is_asked_page_by_page_until_one_is_empty() -> None:
    scripted = Scripted(found(a_view(9, 1)), found(), found())
    collector = a_collector(scripted, token="geheim", per_page=20)
    cursor = None
    for _ in range(3):
        page = await collector.collect(cursor)
        cursor = page.cursor
    asked = {"q": "Acme", "sort": "New", "listing_type": "All", "limit": "20"}
    assert scripted.asked == [
        {**asked, "type_": "Posts", "page": "1"},
        {**asked, "type_": "Posts", "page": "2"},
        {**asked, "type_": "Comments", "page": "1"},
    ]
    assert scripted.requests[0].headers["authorization"] == "Bearer geheim"
    assert not page.more


async def test_version_4_is_asked_by_its_own_marks() -> None:
    scripted = Scripted(found(a_view(9, form="v4"), next_page="P7"), found(), found())
    collector = a_collector(scripted, version="v4")
    cursor = None
    for _ in range(3):
        page = await collector.collect(cursor)
        cursor = page.cursor
    assert [asked.get("page_cursor") for asked in scripted.asked] == [None, "P7", None]
    assert [asked["type_"] for asked in scripted.asked] == ["posts", "posts", "comments"]
    assert {asked["search_term"] for asked in scripted.asked} == {"Acme"}
    assert not page.more


async def test_what_is_older_than_the_last_sweep_ends_the_question() -> None:
    old = found(a_view(9, 1), a_view(8, 60 * 25), next_page="P7")
    page = await a_collector(Scripted(old)).collect(None)
    assert [post.native_id for post in page.posts] == [f"{AWAY}/post/9"]
    assert page.cursor is not None
    assert '"question":1' in page.cursor


async def test_the_version_is_found_out_once() -> None:
    scripted = Scripted(NOT_FOUND, SITE, found(), found(), found())
    collector = a_collector(scripted, version=None)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    await collector.collect(second.cursor)
    assert scripted.paths == [
        "/api/v4/site",
        "/api/v3/site",
        "/api/v3/search",
        "/api/v3/search",
        "/api/v3/search",
    ]


async def test_an_instance_that_was_upgraded_is_asked_in_its_new_form() -> None:
    scripted = Scripted(
        NOT_FOUND, SITE, found(), NOT_FOUND, SITE, SITE, found(a_view(9, form="v4"))
    )
    collector = a_collector(scripted, version=None)
    old = await collector.collect(None)
    upgraded = await collector.collect(old.cursor)
    page = await collector.collect(upgraded.cursor)
    assert upgraded.more
    assert [post.native_id for post in page.posts] == [f"{AWAY}/post/9"]
    assert scripted.paths[-3:] == ["/api/v4/site", "/api/v4/site", "/api/v4/search"]


async def test_what_is_not_there_in_a_configured_form_is_missing() -> None:
    with pytest.raises(Missing):
        await a_collector(Scripted(NOT_FOUND), version="v4").collect(None)


@pytest.mark.parametrize("status", [400, 429])
async def test_too_many_requests_wait_a_minute(status: int) -> None:
    answer = httpx.Response(status, json={"error": "rate_limit_error"})
    with pytest.raises(RateLimited) as raised:
        await a_collector(Scripted(answer)).collect(None)
    assert raised.value.not_before == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("error", "status", "failure"),
    [
        ("incorrect_login", 400, AuthFailed),
        ("not_logged_in", 401, AuthFailed),
        ("instance_is_private", 400, AuthFailed),
        ("query_term_required", 400, Rejected),
        ("unknown", 500, Unreachable),
    ],
)
async def test_errors_are_named(error: str, status: int, failure: type[Exception]) -> None:
    answer = httpx.Response(status, json={"error": error})
    with pytest.raises(failure, match=error):
        await a_collector(Scripted(answer)).collect(None)


async def test_a_post_that_was_taken_away_is_deleted_if_it_was_seen() -> None:
    gone = found(a_view(9, removed=True, body=""), a_view(8, deleted=True))
    scripted = Scripted(found(a_view(9)), gone)
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert second.posts == ()
    assert second.deletions == (Deletion("lemmy", f"{AWAY}/post/9", NOW),)


async def test_its_own_posts_can_be_asked_for_and_others_are_left_alone() -> None:
    standing = {"post_view": a_view(1, ap_id=f"{HOME}/post/1")}
    removed = {"comment_view": a_comment(removed=True)}
    missing = httpx.Response(400, json={"error": "couldnt_find_post"})
    scripted = Scripted(standing, missing, removed)
    ids = [f"{HOME}/post/1", f"{HOME}/post/2", f"{HOME}/comment/12", f"{AWAY}/post/3", "nonsense"]
    gone = await a_collector(scripted).deleted(ids)
    assert [each.native_id for each in gone] == [f"{HOME}/post/2", f"{HOME}/comment/12"]
    assert scripted.paths == ["/api/v3/post", "/api/v3/post", "/api/v3/comment"]
