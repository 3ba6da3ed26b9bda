"""What Google Play sends, as it sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from libs.common.events import Engagement, Rating
from services.ingest.collectors import google_play
from services.ingest.post import Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for, unix
from tests.unit.ingest.collectors.google_samples import TOKEN, key_file


def a_review(number: int, *, minutes: float = 5, **comment: object) -> dict[str, Any]:
    said = {
        "text": f"Stürzt ab {number}",
        "lastModified": {"seconds": str(unix(NOW - timedelta(minutes=minutes))), "nanos": 5},
        "starRating": 1,
        "reviewerLanguage": "de_DE",
        "thumbsUpCount": 4,
        **comment,
    }
    answered = {"text": "Danke", "lastModified": {"seconds": str(unix(NOW))}}
    comments = [{"userComment": said}, {"developerComment": answered}]
    return {"reviewId": f"gp:{number}", "authorName": "Ann", "comments": comments}


def a_page(*reviews: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    return {"reviews": [*reviews]} | (
        {"tokenPagination": {"nextPageToken": after}} if after else {}
    )


def a_collector(scripted: Scripted, clock: SetClock | None = None) -> google_play.GooglePlay:
    given = {"id": "play", "package": "example.app", "service_account": key_file()}
    config = google_play.Config.model_validate(given)
    collector = config.build(tools_for(scripted, clock or SetClock()))
    assert isinstance(collector, google_play.GooglePlay)
    return collector


async def test_a_review_is_read_whole_and_the_developers_answer_is_not() -> None:
    page = await a_collector(Scripted(TOKEN, a_page(a_review(1)))).collect(None)
    assert page.posts == (
        Post(
            platform="google_play",
            native_id="gp:1",
            kind="review",
            url="https://play.google.com/store/apps/details?id=example.app&reviewId=gp%3A1",
            text="Stürzt ab 1",
            lang="de-DE",
            author=PostAuthor(name="Ann"),
            published_at=NOW - timedelta(minutes=5),
            rating=Rating(value=1, best=5),
            engagement=Engagement(likes=4),
        ),
    )


async def test_a_tab_parts_title_and_text() -> None:
    reviews = (a_review(1, text="Absturz\tImmer\twieder"), a_review(2, text="\tNur Text"))
    page = await a_collector(Scripted(TOKEN, a_page(*reviews))).collect(None)
    assert [(post.title, post.text) for post in page.posts] == [
        ("Absturz", "Immer\twieder"),
        (None, "Nur Text"),
    ]


async def test_the_original_counts_not_the_translation() -> None:
    review = a_review(1, text="It crashes", originalText="Stürzt ab")
    page = await a_collector(Scripted(TOKEN, a_page(review))).collect(None)
    assert [post.text for post in page.posts] == ["Stürzt ab"]


async def test_every_page_is_read_since_no_order_is_promised() -> None:
    old = a_review(1, minutes=3 * 24 * 60)
    scripted = Scripted(TOKEN, a_page(old, after="t2"), a_page(a_review(2)))
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert (first.posts, first.more) == ((), True)
    assert ([post.native_id for post in second.posts], second.more) == (["gp:2"], False)
    assert scripted.asked[1:] == [{"maxResults": "100"}, {"maxResults": "100", "token": "t2"}]


async def test_an_app_without_reviews_sends_nothing_at_all() -> None:
    page = await a_collector(Scripted(TOKEN, {})).collect(None)
    assert (page.posts, page.health, page.complete) == ((), "empty", True)


async def test_after_more_than_a_week_reviews_may_be_missing() -> None:
    clock = SetClock()
    collector = a_collector(Scripted(TOKEN, {}, TOKEN, {}, TOKEN, {}), clock)
    page = await collector.collect(None)
    clock.forward(days=6, hours=23)
    page = await collector.collect(page.cursor)
    assert page.complete is True
    clock.forward(days=7, hours=1)
    page = await collector.collect(page.cursor)
    assert page.complete is False


async def test_a_review_of_which_only_the_answer_is_left_is_none() -> None:
    review = {"reviewId": "gp:1", "comments": [{"developerComment": {"text": "Danke"}}]}
    page = await a_collector(Scripted(TOKEN, a_page(review, a_review(2)))).collect(None)
    assert [post.native_id for post in page.posts] == ["gp:2"]
