"""What a Flarum sends, as it sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.ingest.collector import Collector, LooksAgain
from services.ingest.collectors.flarum import Config
from services.ingest.failure import AuthFailed, Blocked
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for

ANN = {"type": "users", "id": "5", "attributes": {"username": "ann", "displayName": "Ann A."}}
TOPIC = {"type": "discussions", "id": "3", "attributes": {"title": "Bremse", "slug": "3-bremse"}}


def a_collector(scripted: Scripted, **fields: object) -> Collector:
    config = Config.model_validate({"id": "kurve", "url": "https://kurve.example/f/", **fields})
    collector = config.build(tools_for(scripted, SetClock()))
    assert isinstance(collector, Collector)
    return collector


def a_written(
    id_: int, minutes: float = 1, user: str | None = "5", **attributes: Any
) -> dict[str, Any]:
    return {
        "type": "posts",
        "id": str(id_),
        "attributes": {
            "number": 1,
            "createdAt": (NOW - timedelta(minutes=minutes)).isoformat(),
            "contentType": "comment",
            "contentHtml": "<p>Die Bremse &amp; der Rest</p>",
            **attributes,
        },
        "relationships": {
            "user": {"data": {"type": "users", "id": user} if user else None},
            "discussion": {"data": {"type": "discussions", "id": "3"}},
        },
    }


def document(*posts: dict[str, Any], following: bool = False) -> dict[str, Any]:
    links = {"next": "https://elsewhere.example/api/posts?page[offset]=50"} if following else {}
    return {"links": links, "data": list(posts), "included": [ANN, TOPIC]}


async def test_a_post_is_joined_with_its_author_and_its_discussion() -> None:
    page = await a_collector(Scripted(document(a_written(7, 10)))).collect(None)
    assert page.posts == (
        Post(
            platform="flarum",
            native_id="kurve.example/f/7",
            kind="post",
            url="https://kurve.example/f/d/3/1",
            title="Bremse",
            text="Die Bremse & der Rest",
            author=PostAuthor(
                id="kurve.example/f/u/5",
                handle="ann",
                name="Ann A.",
                url="https://kurve.example/f/u/ann",
            ),
            published_at=NOW - timedelta(minutes=10),
            thread="https://kurve.example/f/d/3",
        ),
    )


@pytest.mark.parametrize("user", [None, "99"])
async def test_a_deleted_or_left_out_author_costs_only_the_name(user: str | None) -> None:
    reply = a_written(8, user=user, number=2)
    (post,) = (await a_collector(Scripted(document(reply))).collect(None)).posts
    assert (post.author, post.kind, post.title) == (None, "reply", None)


async def test_notes_of_the_forum_itself_are_no_posts() -> None:
    renamed = a_written(9, contentType="discussionRenamed", contentHtml=None)
    scripted = Scripted(document(renamed, a_written(8)))
    page = await a_collector(scripted).collect(None)
    assert [post.native_id for post in page.posts] == ["kurve.example/f/8"]


async def test_the_next_page_is_asked_here_and_overlaps_the_last() -> None:
    scripted = Scripted(document(*(a_written(n) for n in (9, 8, 7)), following=True), document())
    collector = a_collector(scripted, per_page=50)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert [each["page[offset]"] for each in scripted.asked] == ["0", "1"]
    assert {request.url.host for request in scripted.requests} == {"kurve.example"}
    assert (first.more, second.more) == (True, False)


async def test_a_hidden_post_is_no_longer_shown() -> None:
    scripted = Scripted(document(a_written(8)), document(a_written(8, isHidden=True)))
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert (second.posts, second.deletions) == (
        (),
        (Deletion("flarum", "kurve.example/f/8", NOW),),
    )


async def test_posts_are_asked_for_again_one_by_one() -> None:
    missing = httpx.Response(404, json={"errors": [{"status": "404", "code": "not_found"}]})
    scripted = Scripted({"data": a_written(1)}, missing)
    collector = a_collector(scripted)
    assert isinstance(collector, LooksAgain)
    gone = await collector.deleted(["kurve.example/f/1", "kurve.example/f/2", "other.example/3"])
    assert [each.native_id for each in gone] == ["kurve.example/f/2"]


async def test_terms_are_searched_for_one_after_the_other() -> None:
    scripted = Scripted(document(), document())
    collector = a_collector(scripted, terms=("Acme", "Rad GmbH"), api_key="geheim", user_id=1)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert [each["filter[q]"] for each in scripted.asked] == ['"Acme"', '"Rad GmbH"']
    assert (first.more, second.more) == (True, False)
    assert scripted.requests[0].headers["authorization"] == "Token geheim; userId=1"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (httpx.Response(403, json={"errors": [{"code": "permission_denied"}]}), AuthFailed),
        (httpx.Response(401, json={"errors": [{"code": "not_authenticated"}]}), AuthFailed),
        (httpx.Response(403, text="Forbidden"), Blocked),
    ],
)
async def test_refusals_are_told_apart(answer: httpx.Response, failure: type[Exception]) -> None:
    with pytest.raises(failure):
        await a_collector(Scripted(answer)).collect(None)


async def test_a_post_from_the_future_keeps_none_of_the_present_away() -> None:
    ahead = a_written(9, -60 * 24 * 365)
    scripted = Scripted(document(ahead))
    collector = a_collector(scripted)
    first = await collector.collect(None)
    scripted.then(document(ahead, a_written(10, -1)))
    later = await collector.collect(first.cursor)
    assert [post.native_id for post in later.posts] == ["kurve.example/f/10"]
