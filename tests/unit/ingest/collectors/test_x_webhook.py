"""What X delivers, byte by byte."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pydantic import TypeAdapter

from libs.common.events import Engagement
from services.ingest.collectors import Source
from services.ingest.collectors.x_webhook import XHook
from services.ingest.hook import Call, Change, Delivery, Denied
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, tools_over

SECRET = "ein Geheimnis"
CREATED = (
    b'{"for_user_id":"2244994945","tweet_create_events":[{"created_at":'
    b'"Sat Aug 01 10:00:00 +0000 2026","id_str":"1850000000000000001","text":'
    b'"Motorrad &amp; Bremse","user":{"id_str":"12","screen_name":"biker77","name":"Ann",'
    b'"followers_count":12},"lang":"de","in_reply_to_status_id_str":null}]}'
)
SIGNATURE = "sha256=nJ17udrQZDuWoOkXxhAxSbti1vtPyaEbWazWrGf8tKo="
WRITTEN = datetime(2026, 8, 1, 10, tzinfo=UTC)
LATER = datetime(2026, 9, 22, tzinfo=UTC)


def a_hook(**fields: object) -> XHook:
    config = TypeAdapter[Source](Source).validate_python(
        {"id": "x", "kind": "x_webhook", "consumer_secret": SECRET, **fields}
    )
    hook = config.build(tools_over(lambda _: pytest.fail("nothing is asked")))
    assert isinstance(hook, XHook)
    return hook


async def delivered(body: bytes, given: str | None, hook: XHook | None = None) -> Delivery:
    headers = {} if given is None else {"x-twitter-webhooks-signature": given}
    return await (hook or a_hook()).receive(Call({}, headers, body, LATER))


async def told(hook: XHook | None = None, **events: Any) -> Delivery:
    body = msgspec.json.encode({"for_user_id": "2244994945", **events})
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
    return await delivered(body, "sha256=" + base64.b64encode(digest).decode(), hook)


def a_tweet(**fields: Any) -> dict[str, Any]:
    given = {"id_str": "77", "text": "Motorrad", "created_at": "Sat Aug 01 10:00:00 +0000 2026"}
    return {**given, "user": {"id_str": "12"}, **fields}


async def written(**fields: Any) -> Post:
    (change,) = (await told(tweet_create_events=[a_tweet(**fields)])).changes
    assert isinstance(change.what, Post)
    return change.what


async def test_a_post_as_it_is_delivered() -> None:
    post = Post(
        platform="x",
        native_id="1850000000000000001",
        kind="post",
        url="https://x.com/biker77/status/1850000000000000001",
        text="Motorrad & Bremse",
        lang="de",
        author=PostAuthor(
            id="12", handle="biker77", name="Ann", url="https://x.com/biker77", followers=12
        ),
        published_at=WRITTEN,
        engagement=Engagement(),
    )
    assert await delivered(CREATED, SIGNATURE) == Delivery((Change(post, WRITTEN),))


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        SIGNATURE.removeprefix("sha256="),
        SIGNATURE.rstrip("="),
        "sha256=" + base64.b64decode(SIGNATURE[7:]).hex(),
    ],
)
async def test_any_other_signature_is_refused(given: str | None) -> None:
    with pytest.raises(Denied) as raised:
        await delivered(CREATED, given)
    assert raised.value.status == 401


async def test_a_challenge_is_answered_in_base64() -> None:
    answer = await a_hook().handshake(Call({"crc_token": "foo"}, {}, b"", NOW))
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.body == (
        b'{"response_token":"sha256=usEEcUOAKYkfccScRkHEciBo2OuXxC1dbv30kemAfH8="}'
    )


@pytest.mark.parametrize("token", ["", "{}", CREATED.decode(), "a b", "ä", "x" * 401])
async def test_nothing_is_signed_that_could_be_a_delivery(token: str) -> None:
    with pytest.raises(Denied) as raised:
        await a_hook().handshake(Call({"crc_token": token}, {}, b"", NOW))
    assert raised.value.status == 400


async def test_a_deletion_says_when() -> None:
    gone = {"status": {"id": "77", "user_id": "12"}, "timestamp_ms": "1790000000123"}
    at = datetime(2026, 9, 21, 14, 13, 20, 123000, tzinfo=UTC)
    delivery = await told(tweet_delete_events=[gone])
    assert delivery.changes == (Change(Deletion("x", "77", at), at),)


async def test_a_long_post_is_taken_whole() -> None:
    whole = "Motorrad " * 40
    post = await written(text="Motorrad…", extended_tweet={"full_text": whole})
    assert post.text == whole


async def test_a_repost_says_what_the_original_says() -> None:
    original = {"id_str": "5", "text": "kurz…", "extended_tweet": {"full_text": "das Ganze"}}
    post = await written(text="RT @ann: kurz…", retweeted_status=original)
    assert (post.kind, post.text) == ("repost", "das Ganze")


async def test_a_reply_names_what_it_answers() -> None:
    post = await written(in_reply_to_status_id_str="5")
    assert (post.kind, post.in_reply_to) == ("reply", "5")


async def test_an_edited_post_keeps_the_id_of_its_first_version() -> None:
    post = await written(id_str="79", edit_history={"initial_tweet_id": "77"})
    assert (post.native_id, post.edited_at) == ("77", WRITTEN)
    assert post.url == "https://x.com/i/status/79"


@pytest.mark.parametrize("code", ["und", "zxx", "qme", None])
async def test_no_language_is_none(code: str | None) -> None:
    assert (await written(lang=code)).lang is None


async def test_own_posts_are_left_out_unless_they_are_wanted() -> None:
    own = a_tweet(user={"id_str": "2244994945"})
    assert await told(tweet_create_events=[own]) == Delivery(skipped=("own",))
    assert len((await told(a_hook(own_posts=True), tweet_create_events=[own])).changes) == 1


async def test_other_events_are_no_posts() -> None:
    assert await told(favorite_events=[{"id": "1"}], user_has_blocked=False) == Delivery()


async def test_a_deletion_of_the_future_has_happened_when_it_is_told() -> None:
    gone = {"status": {"id": "77"}, "timestamp_ms": "4000000000000"}
    delivery = await told(tweet_delete_events=[gone])
    assert delivery.changes == (Change(Deletion("x", "77", LATER), LATER),)
