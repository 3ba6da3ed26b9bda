"""What Trustpilot's public API sends, as it sends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from libs.common.events import Engagement, Rating
from services.ingest.collectors import trustpilot
from services.ingest.failure import AuthFailed, Blocked, Unreadable
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for


def a_review(number: int, *, age: timedelta = timedelta(hours=1), **fields: object) -> Any:
    created = (NOW - age).isoformat().replace("+00:00", "Z")
    return {
        "id": f"64aa{number}",
        "consumer": {"id": "5f1", "displayName": "Ann", "displayLocation": "Bonn, DE"},
        "stars": 1,
        "title": "Nie wieder",
        "text": f"Bremse &amp; Kette Nummer {number}",
        "language": "de",
        "createdAt": created,
        "updatedAt": None,
        "companyReply": {"text": "Danke", "createdAt": created},
        "numberOfLikes": 3,
        "location": None,
        **fields,
    }


def reviews(*found: Any) -> dict[str, Any]:
    return {"links": [], "reviews": list(found)}


def a_collector(
    scripted: Scripted, clock: SetClock | None = None, **fields: object
) -> trustpilot.Trustpilot:
    given = {"id": "tp", "business_unit": "unit1", "api_key": "geheim", "per_page": 2, **fields}
    config = trustpilot.Config.model_validate(given)
    collector = config.build(tools_for(scripted, clock or SetClock()))
    assert isinstance(collector, trustpilot.Trustpilot)
    return collector


async def test_a_review_is_read_whole_and_the_companys_reply_is_not() -> None:
    scripted = Scripted(reviews(a_review(1)), reviews())
    page = await a_collector(scripted).collect(None)
    assert page.posts == (
        Post(
            platform="trustpilot",
            native_id="64aa1",
            kind="review",
            url="https://www.trustpilot.com/reviews/64aa1",
            title="Nie wieder",
            text="Bremse & Kette Nummer 1",
            lang="de",
            author=PostAuthor(id="5f1", name="Ann"),
            published_at=NOW - timedelta(hours=1),
            rating=Rating(value=1, best=5),
            engagement=Engagement(likes=3),
            place="Bonn, DE",
        ),
    )
    assert scripted.requests[0].headers["apikey"] == "geheim"
    assert scripted.asked == [{"orderBy": "createdat.desc", "perPage": "2", "page": "1"}]


async def test_pages_are_read_until_one_is_older_than_what_is_wanted() -> None:
    old = a_review(3, age=timedelta(hours=30))
    scripted = Scripted(reviews(a_review(1), a_review(2)), reviews(old))
    collector = a_collector(scripted)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert (len(first.posts), first.more) == (2, True)
    assert (second.posts, second.more, second.health) == ((), False, "unchanged")
    assert [question["page"] for question in scripted.asked] == ["1", "2"]


async def test_the_empty_page_behind_the_last_ends_the_reading() -> None:
    collector = a_collector(Scripted(reviews(a_review(1), a_review(2)), reviews()))
    first = await collector.collect(None)
    assert (await collector.collect(first.cursor)).more is False


async def test_a_review_edited_the_day_after_comes_again() -> None:
    clock = SetClock()
    edited_at = datetime(2026, 9, 19, 9, tzinfo=UTC)
    edited = a_review(1, text="doch gut", stars=5, updatedAt="2026-09-19T09:00:00Z")
    scripted = Scripted(reviews(a_review(1)), reviews(), reviews(edited), reviews())
    collector = a_collector(scripted, clock)
    page = await collector.collect(None)
    page = await collector.collect(page.cursor)
    clock.now = edited_at + timedelta(hours=1)
    again = await collector.collect(page.cursor)
    assert [(p.native_id, p.text, p.edited_at) for p in again.posts] == [
        ("64aa1", "doch gut", edited_at)
    ]


async def test_a_business_is_found_by_its_domain_once() -> None:
    unit = {"id": "46d6", "displayName": "Acme"}
    scripted = Scripted(unit, reviews(a_review(1)), reviews())
    collector = a_collector(scripted, business_unit="acme.example")
    page = await collector.collect(None)
    await collector.collect(page.cursor)
    assert scripted.paths == [
        "/v1/business-units/find",
        "/v1/business-units/46d6/reviews",
        "/v1/business-units/46d6/reviews",
    ]


async def test_a_unit_whose_id_is_none_is_not_asked_for() -> None:
    with pytest.raises(Unreadable):
        await a_collector(Scripted({"id": "../x\0"}), business_unit="acme.example").collect(None)


async def test_without_a_good_key_the_answer_is_403() -> None:
    refused = httpx.Response(403, json={"message": "Access denied"})
    with pytest.raises(AuthFailed):
        await a_collector(Scripted(refused)).collect(None)


async def test_a_403_with_a_page_for_browsers_is_no_matter_of_keys() -> None:
    page = httpx.Response(403, html="<html><title>Just a moment...</title></html>")
    with pytest.raises(Blocked):
        await a_collector(Scripted(page)).collect(None)


async def test_a_review_that_is_gone_is_told() -> None:
    scripted = Scripted(a_review(1), httpx.Response(404, json={"message": "Not found"}))
    gone = await a_collector(scripted).deleted(["64aa1", "64aa2"])
    assert gone == [Deletion("trustpilot", "64aa2", NOW)]
