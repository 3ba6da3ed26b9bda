"""What the App Store's feed of reviews sends, in each of its shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from libs.common.events import Rating
from services.ingest.collectors import app_store
from services.ingest.failure import Unreachable
from services.ingest.post import Post, PostAuthor
from tests.unit.ingest.building import SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for


def an_entry(number: int, updated: str | None = "2026-09-18T03:00:00-07:00") -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": {"label": str(number)},
        "title": {"label": "Absturz"},
        "content": {"label": f"Stürzt ab {number}", "attributes": {"type": "text"}},
        "im:rating": {"label": "1"},
        "im:version": {"label": "5.2"},
        "author": {
            "name": {"label": "ann"},
            "uri": {"label": "https://itunes.apple.com/de/reviews/id9"},
        },
        "link": {"attributes": {"rel": "related", "href": "https://itunes.apple.com/de/review"}},
    }
    return entry | ({"updated": {"label": updated}} if updated else {})


APP: dict[str, Any] = {"id": {"label": "310633997"}, "im:name": {"label": "Motorrad"}}


def a_feed(**feed: object) -> httpx.Response:
    content = msgspec.json.encode({"feed": {"author": {}, **feed}})
    return httpx.Response(200, content=content, headers={"content-type": "text/javascript"})


def a_collector(scripted: Scripted, **fields: object) -> app_store.AppStore:
    config = app_store.Config.model_validate({"id": "app", "app": "310633997", **fields})
    collector = config.build(tools_for(scripted, SetClock()))
    assert isinstance(collector, app_store.AppStore)
    return collector


async def test_the_first_entry_of_older_answers_is_the_app_and_no_review() -> None:
    scripted = Scripted(a_feed(entry=[APP, an_entry(1)]))
    page = await a_collector(scripted).collect(None)
    assert page.posts == (
        Post(
            platform="app_store",
            native_id="1",
            kind="review",
            url="https://itunes.apple.com/de/review",
            title="Absturz",
            text="Stürzt ab 1",
            author=PostAuthor(
                id="https://itunes.apple.com/de/reviews/id9",
                name="ann",
                url="https://itunes.apple.com/de/reviews/id9",
            ),
            published_at=datetime(2026, 9, 18, 10, tzinfo=UTC),
            rating=Rating(value=1, best=5),
            place="DE",
        ),
    )
    assert scripted.paths == ["/de/rss/customerreviews/page=1/id=310633997/sortby=mostrecent/json"]


async def test_a_single_review_is_an_object_and_no_list() -> None:
    page = await a_collector(Scripted(a_feed(entry=an_entry(1)))).collect(None)
    assert [post.native_id for post in page.posts] == ["1"]


@pytest.mark.parametrize("feed", [{}, {"entry": None}, {"entry": []}, {"entry": APP}])
async def test_an_app_without_reviews_is_empty(feed: dict[str, object]) -> None:
    page = await a_collector(Scripted(a_feed(**feed))).collect(None)
    assert (page.posts, page.more, page.health) == ((), False, "empty")


async def test_every_country_has_its_own_reviews() -> None:
    scripted = Scripted(a_feed(entry=an_entry(1)), a_feed(), a_feed(entry=[an_entry(2)]), a_feed())
    collector = a_collector(scripted, countries=["de", "at"])
    cursor, places, more = None, [], True
    while more:
        page = await collector.collect(cursor)
        cursor, more = page.cursor, page.more
        places += [(post.place, post.native_id) for post in page.posts]
    assert places == [("DE", "1"), ("AT", "2")]
    assert [path[:8] for path in scripted.paths] == ["/de/rss/"] * 2 + ["/at/rss/"] * 2


async def test_reviews_without_a_time_are_the_past_at_first_and_news_later() -> None:
    first = a_feed(entry=[an_entry(1, None), an_entry(2, None)])
    later = a_feed(entry=[an_entry(3, None), an_entry(1, None)])
    collector = a_collector(Scripted(first, later, a_feed()))
    page = await collector.collect(None)
    assert [(post.native_id, post.backfill) for post in page.posts] == [("1", True), ("2", True)]
    assert page.more is False
    page = await collector.collect(page.cursor)
    assert [(post.native_id, post.backfill) for post in page.posts] == [("3", False)]


async def test_an_answer_that_is_empty_by_mistake_makes_nothing_new_again() -> None:
    scripted = Scripted(a_feed(entry=an_entry(1)), a_feed(), a_feed(), a_feed(entry=an_entry(1)))
    collector = a_collector(scripted)
    cursor, found = None, []
    for _ in range(4):
        page = await collector.collect(cursor)
        cursor = page.cursor
        found.append([post.native_id for post in page.posts])
    assert found == [["1"], [], [], []]


async def test_ten_pages_full_of_news_are_not_all_there_was() -> None:
    collector = a_collector(Scripted(*[a_feed(entry=an_entry(n)) for n in range(2)]), pages=2)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert (first.complete, second.complete, second.more) == (True, False, False)


async def test_a_bad_gateway_is_told() -> None:
    with pytest.raises(Unreachable):
        await a_collector(Scripted(httpx.Response(502, text="Bad Gateway"))).collect(None)
