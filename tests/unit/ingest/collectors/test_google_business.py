"""What Google's Business Profile sends, as it sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from libs.common.events import Rating
from services.ingest.collectors import google_business
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for
from tests.unit.ingest.collectors.google_samples import TOKEN


def a_review(number: int, *, age: timedelta = timedelta(hours=1), **fields: object) -> Any:
    created = (NOW - age).isoformat().replace("+00:00", ".123456789Z")
    return {
        "name": f"accounts/1/locations/2/reviews/r{number}",
        "reviewId": f"r{number}",
        "reviewer": {"displayName": "Ann", "profilePhotoUrl": "https://lh3.example/a"},
        "starRating": "TWO",
        "comment": f"Lange gewartet {number}",
        "createTime": created,
        "updateTime": created,
        "reviewReply": {"comment": "Danke", "updateTime": created},
        **fields,
    }


def a_collector(
    scripted: Scripted, clock: SetClock | None = None, **fields: object
) -> google_business.GoogleBusiness:
    given = {
        "id": "maps",
        "account": "1",
        "locations": ["2"],
        "client_id": "id",
        "client_secret": "geheim",
        "refresh_token": "geheim",
    }
    config = google_business.Config.model_validate({**given, **fields})
    collector = config.build(tools_for(scripted, clock or SetClock()))
    assert isinstance(collector, google_business.GoogleBusiness)
    return collector


async def test_a_review_is_read_whole() -> None:
    scripted = Scripted(TOKEN, {"reviews": [a_review(1)], "averageRating": 2.0})
    page = await a_collector(scripted).collect(None)
    assert page.posts == (
        Post(
            platform="google_business",
            native_id="2/r1",
            kind="review",
            text="Lange gewartet 1",
            author=PostAuthor(name="Ann"),
            published_at=NOW - timedelta(hours=1) + timedelta(microseconds=123456),
            rating=Rating(value=2, best=5),
        ),
    )
    assert scripted.asked[1] == {"pageSize": "50", "orderBy": "updateTime desc"}


async def test_stars_without_words_and_names_are_a_review_too() -> None:
    anonymous = {"displayName": "A Google User", "isAnonymous": True}
    silent = a_review(1, reviewer=anonymous, starRating="STAR_RATING_UNSPECIFIED", comment=None)
    starred = a_review(2, reviewer=None, starRating="ONE", comment=None)
    scripted = Scripted(TOKEN, {"reviews": [silent, starred]})
    page = await a_collector(scripted).collect(None)
    assert [(post.text, post.author, post.rating) for post in page.posts] == [
        ("", None, None),
        ("", None, Rating(value=1, best=5)),
    ]


@pytest.mark.parametrize(
    ("comment", "written"),
    [
        ("Lange gewartet", "Lange gewartet"),
        ("(Translated by Google) Long wait\n\n(Original)\nLange\ngewartet", "Lange\ngewartet"),
        ("Lange gewartet\n\n(Translated by Google)\nLong wait", "Lange gewartet"),
        ("(Translated by Google) Long wait", "Long wait"),
    ],
)
def test_the_reviewers_own_words_are_kept(comment: str, written: str) -> None:
    assert google_business.as_written(comment) == written


async def test_an_old_review_that_was_changed_today_comes_again() -> None:
    changed = NOW.isoformat().replace("+00:00", "Z")
    old = a_review(1, age=timedelta(days=300), updateTime=changed, comment="doch gut")
    scripted = Scripted(TOKEN, {"reviews": [old, a_review(2)], "nextPageToken": "t2"}, {})
    collector = a_collector(scripted)
    page = await collector.collect(None)
    assert [(post.native_id, post.edited_at) for post in page.posts] == [
        ("2/r1", NOW),
        ("2/r2", None),
    ]
    assert page.more is True
    await collector.collect(page.cursor)
    assert scripted.asked[2]["pageToken"] == "t2"


async def test_one_place_after_the_other_is_read() -> None:
    scripted = Scripted(TOKEN, {"reviews": [a_review(1)]}, {"reviews": [a_review(1)]})
    collector = a_collector(scripted, locations=["2", "3"])
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert [post.native_id for post in (*first.posts, *second.posts)] == ["2/r1", "3/r1"]
    assert (first.more, second.more) == (True, False)


async def test_a_review_that_is_gone_is_told() -> None:
    missing = httpx.Response(404, json={"error": {"code": 404, "status": "NOT_FOUND"}})
    scripted = Scripted(TOKEN, a_review(1), missing)
    gone = await a_collector(scripted).deleted(["2/r1", "2/r2"])
    assert gone == [Deletion("google_business", "2/r2", NOW)]
    assert scripted.paths[2] == "/v4/accounts/1/locations/2/reviews/r2"


async def test_a_page_token_that_has_grown_old_begins_the_list_anew() -> None:
    invalid = httpx.Response(400, json={"error": {"code": 400, "status": "INVALID_ARGUMENT"}})
    first = {"reviews": [a_review(1)], "nextPageToken": "t2"}
    scripted = Scripted(TOKEN, first, invalid, {"reviews": [a_review(2), a_review(1)]})
    collector = a_collector(scripted)
    page = await collector.collect(None)
    page = await collector.collect(page.cursor)
    assert (page.posts, page.more, page.complete) == ((), False, False)
    page = await collector.collect(page.cursor)
    assert [post.native_id for post in page.posts] == ["2/r2"]
    assert "pageToken" not in scripted.asked[-1]
