"""What App Store Connect sends, and who asks it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from libs.common.events import Rating
from services.ingest.collectors import app_store_connect
from services.ingest.failure import AuthFailed
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for, unix

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
API = "https://api.appstoreconnect.apple.com"


def a_review(number: int, created: str = "2026-09-18T03:00:00-07:00") -> dict[str, Any]:
    return {
        "type": "customerReviews",
        "id": f"0000-{number}",
        "attributes": {
            "rating": 2,
            "title": "Absturz",
            "body": f"Stürzt ab {number}",
            "reviewerNickname": "ann",
            "createdDate": created,
            "territory": "DEU",
        },
        "relationships": {"response": {"links": {}}},
    }


def a_collector(scripted: Scripted, **fields: object) -> app_store_connect.AppStoreConnect:
    given = {"id": "app", "app": "1", "key_id": "K1", "issuer": "I1", "private_key": PEM}
    config = app_store_connect.Config.model_validate({**given, **fields})
    collector = config.build(tools_for(scripted, SetClock()))
    assert isinstance(collector, app_store_connect.AppStoreConnect)
    return collector


async def test_a_review_is_read_whole() -> None:
    page = await a_collector(Scripted({"data": [a_review(1)], "links": {}})).collect(None)
    assert page.posts == (
        Post(
            platform="app_store",
            native_id="0000-1",
            kind="review",
            title="Absturz",
            text="Stürzt ab 1",
            author=PostAuthor(name="ann"),
            published_at=datetime(2026, 9, 18, 10, tzinfo=UTC),
            rating=Rating(value=2, best=5),
            place="DEU",
        ),
    )


async def test_every_request_is_signed_for_ten_minutes() -> None:
    scripted = Scripted({"data": []})
    await a_collector(scripted).collect(None)
    token = scripted.requests[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(
        token,
        KEY.public_key(),
        algorithms=["ES256"],
        audience="appstoreconnect-v1",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": "I1",
        "iat": unix(NOW),
        "exp": unix(NOW) + 600,
        "aud": "appstoreconnect-v1",
    }
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "K1", "typ": "JWT"}


async def test_the_next_page_is_where_apple_says() -> None:
    following = f"{API}/v1/apps/1/customerReviews?cursor=Mg&limit=200"
    scripted = Scripted({"data": [a_review(1)], "links": {"next": following}}, {"data": []})
    collector = a_collector(scripted, territories=["DEU", "AUT"])
    page = await collector.collect(None)
    await collector.collect(page.cursor)
    assert scripted.asked == [
        {"limit": "200", "sort": "-createdDate", "filter[territory]": "DEU,AUT"},
        {"cursor": "Mg", "limit": "200"},
    ]


@pytest.mark.parametrize(
    "following",
    ["https://evil.example/v1", f"{API}.evil.example/v1", "http://[", "/v1/apps", f"{API}/\n"],
)
async def test_the_token_goes_nowhere_else(following: str) -> None:
    scripted = Scripted({"data": [a_review(1)], "links": {"next": following}})
    page = await a_collector(scripted).collect(None)
    assert (len(page.posts), page.more) == (1, False)


async def test_a_key_that_may_not_see_reviews_is_named() -> None:
    refused = httpx.Response(403, json={"errors": [{"status": "403", "code": "FORBIDDEN_ERROR"}]})
    with pytest.raises(AuthFailed):
        await a_collector(Scripted(refused)).collect(None)


async def test_a_review_that_is_gone_is_told() -> None:
    scripted = Scripted({"data": a_review(1)}, httpx.Response(404, json={"errors": []}))
    gone = await a_collector(scripted).deleted(["0000-1", "0000-2"])
    assert gone == [Deletion("app_store", "0000-2", NOW)]


def test_a_key_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(ValidationError) as raised:
        a_collector(Scripted(), private_key="geheim")
    assert ".p8" in str(raised.value)
    assert "geheim" not in str(raised.value)
