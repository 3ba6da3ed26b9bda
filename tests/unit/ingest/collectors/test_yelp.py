"""What Yelp sends, as it sends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from libs.common.events import Rating
from services.ingest.collectors import yelp
from services.ingest.failure import OverBudget, RateLimited
from services.ingest.post import Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for


def a_review(**fields: object) -> dict[str, Any]:
    return {
        "id": "x1",
        "url": "https://www.yelp.com/biz/acme?hrid=x1",
        "text": "Lange gewartet und dann...",
        "rating": 2,
        "time_created": "2026-09-18 10:00:00",
        "user": {
            "id": "u1",
            "name": "Ann B.",
            "profile_url": "https://www.yelp.com/user_details?userid=u1",
            "image_url": None,
        },
        **fields,
    }


def a_collector(scripted: Scripted, **fields: object) -> yelp.Yelp:
    given = {"id": "yelp", "business": "acme-bonn", "api_key": "geheim", **fields}
    collector = yelp.Config.model_validate(given).build(tools_for(scripted, SetClock()))
    assert isinstance(collector, yelp.Yelp)
    return collector


async def test_an_excerpt_is_read_whole_and_its_time_is_local() -> None:
    scripted = Scripted({"reviews": [a_review()], "total": 1})
    page = await a_collector(scripted).collect(None)
    assert page.posts == (
        Post(
            platform="yelp",
            native_id="x1",
            kind="review",
            url="https://www.yelp.com/biz/acme?hrid=x1",
            text="Lange gewartet und dann...",
            lang="de",
            author=PostAuthor(
                id="u1", name="Ann B.", url="https://www.yelp.com/user_details?userid=u1"
            ),
            published_at=datetime(2026, 9, 18, 8, tzinfo=UTC),
            rating=Rating(value=2, best=5),
        ),
    )
    assert scripted.asked == [{"locale": "de_DE", "sort_by": "newest"}]
    assert scripted.requests[0].headers["authorization"] == "Bearer geheim"


@pytest.mark.parametrize(
    ("zone", "written", "published"),
    [
        ("America/New_York", "2026-09-18 04:00:00", datetime(2026, 9, 18, 8, tzinfo=UTC)),
        ("Europe/Berlin", "2026-09-18T08:00:00Z", datetime(2026, 9, 18, 8, tzinfo=UTC)),
        ("Europe/Berlin", "gestern", None),
        ("Europe/Berlin", "0001-01-01 00:00:00", None),
    ],
)
async def test_where_a_time_is_true_is_configured(
    zone: str, written: str, published: datetime | None
) -> None:
    scripted = Scripted({"reviews": [a_review(time_created=written)]})
    page = await a_collector(scripted, timezone=zone).collect(None)
    assert [post.published_at for post in page.posts] == [published]


async def test_the_days_end_is_waited_for() -> None:
    headers = {"RateLimit-ResetTime": "2026-09-18T13:00:00+00:00"}
    for code, failure in (
        ("TOO_MANY_REQUESTS_PER_SECOND", RateLimited),
        ("ACCESS_LIMIT_REACHED", OverBudget),
    ):
        error = {"error": {"code": code, "description": "no more"}}
        with pytest.raises(failure) as raised:
            await a_collector(Scripted(httpx.Response(429, json=error, headers=headers))).collect(
                None
            )
        assert raised.value.not_before == NOW + timedelta(hours=2, minutes=30)


def test_a_zone_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="IANA time zone"):
        a_collector(Scripted(), timezone="Europe/Bonn")
