"""What Meta delivers, byte by byte."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from pydantic import TypeAdapter

from services.ingest.collectors import Source
from services.ingest.collectors.meta.hook import MetaHook
from services.ingest.failure import AuthFailed, RateLimited, TooSlow, Unreadable
from services.ingest.hook import Call, Change, Delivery, Denied
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, tools_over

SECRET = "ein Geheimnis"
COMMENT = (
    rb'{"object":"page","entry":[{"id":"108","time":1790000000,"changes":[{"field":"feed","value":'
    rb'{"item":"comment","verb":"add","post_id":"108_1","comment_id":"1_2","parent_id":"108_1",'
    rb'"from":{"id":"9","name":"Ann"},"message":"Die Bremse \u00e4chzt \/ laut",'
    rb'"created_time":1789999990}}]}]}'
)
SIGNATURE = "sha256=f4f624b004a81e16726af925c91a065adeb69f8014002252787b4f0ddf99402c"
AT = datetime.fromtimestamp(1_790_000_000, UTC)
WRITTEN = datetime.fromtimestamp(1_789_999_990, UTC)
LATER = AT + timedelta(minutes=1)
Answer = Callable[[httpx.Request], httpx.Response]


def a_hook(answer: Answer | None = None, **fields: object) -> MetaHook:
    given = {"app_secret": SECRET, "verify_token": "unser Wort", **fields}
    if answer is not None:
        given["access_token"] = "ein Zugang"
    config = TypeAdapter[Source](Source).validate_python({"id": "meta", "kind": "meta", **given})
    hook = config.build(tools_over(answer or _nobody))
    assert isinstance(hook, MetaHook)
    return hook


def as_sent(status: int, content: dict[str, Any]) -> httpx.Response:
    """As it comes over a connection: a body that is still to be read."""
    return httpx.Response(status, stream=httpx.ByteStream(msgspec.json.encode(content)))


def _nobody(_request: httpx.Request) -> httpx.Response:
    raise AssertionError("nothing is to be looked up")


async def delivered(
    hook: MetaHook, body: bytes, given: str | None = None, *, header: str = "x-hub-signature-256"
) -> Delivery:
    return await hook.receive(Call({}, {header: given} if given is not None else {}, body, LATER))


async def told(
    *changes: Mapping[str, Any],
    about: str = "page",
    hook: MetaHook | None = None,
    at: float = 1_790_000_000,
) -> Delivery:
    """What the hook makes of changes, well signed."""
    entry = {"id": "108", "time": at, "changes": changes}
    body = msgspec.json.encode({"object": about, "entry": [entry]})
    good = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return await delivered(hook or a_hook(), body, good)


def on_page(**value: Any) -> dict[str, Any]:
    given = {"item": "post", "verb": "add", "post_id": "108_7", "message": "Motorrad", **value}
    return {"field": "feed", "value": {k: v for k, v in given.items() if v is not None}}


async def test_the_signature_is_over_the_bytes_with_their_escapes() -> None:
    delivery = await delivered(a_hook(), COMMENT, SIGNATURE)
    post = Post(
        platform="facebook",
        native_id="1_2",
        kind="comment",
        url="https://www.facebook.com/1_2",
        text="Die Bremse ächzt / laut",
        author=PostAuthor(id="9", name="Ann"),
        published_at=WRITTEN,
        thread="108_1",
        in_reply_to="108_1",
    )
    assert delivery == Delivery((Change(post, AT),))


@pytest.mark.parametrize(
    ("body", "given", "header"),
    [
        (COMMENT, None, "x-hub-signature-256"),
        (COMMENT, "", "x-hub-signature-256"),
        (COMMENT, SIGNATURE.removeprefix("sha256="), "x-hub-signature-256"),
        (COMMENT, SIGNATURE.upper(), "x-hub-signature-256"),
        (COMMENT, SIGNATURE + "0", "x-hub-signature-256"),
        (COMMENT, "sha256=" + "ä" * 64, "x-hub-signature-256"),
        (COMMENT, SIGNATURE, "x-hub-signature"),
        (COMMENT.replace(rb"\u00e4", "ä".encode()), SIGNATURE, "x-hub-signature-256"),
    ],
)
async def test_any_other_signature_is_refused(body: bytes, given: str | None, header: str) -> None:
    with pytest.raises(Denied) as raised:
        await delivered(a_hook(), body, given, header=header)
    assert (raised.value.status, raised.value.reason) == (401, "signature")


async def test_the_handshake_echoes_the_challenge_for_the_right_word_only() -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
    hook = a_hook()
    good = await hook.handshake(Call({**query, "hub.verify_token": "unser Wort"}, {}, b"", NOW))
    assert (good.status, good.body, good.content_type) == (
        200,
        b"1158201444",
        "text/plain; charset=utf-8",
    )
    for wrong in ({}, {"hub.verify_token": "unser"}, {"hub.verify_token": ""}):
        with pytest.raises(Denied) as raised:
            await hook.handshake(Call({**query, **wrong}, {}, b"", NOW))
        assert raised.value.status == 403


@pytest.mark.parametrize("verb", ["edited", "edit", "update"])
async def test_an_edit_says_when(verb: str) -> None:
    (change,) = (await told(on_page(verb=verb, created_time=1_789_999_990))).changes
    assert isinstance(change.what, Post)
    assert (change.what.published_at, change.what.edited_at, change.at) == (WRITTEN, AT, AT)


@pytest.mark.parametrize("sender", ["9", "108"])
async def test_a_removal_is_a_deletion_whoever_did_it(sender: str) -> None:
    value = on_page(verb="remove", message=None, **{"from": {"id": sender}})
    assert (await told(value)).changes == (Change(Deletion("facebook", "108_7", AT), AT),)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (on_page(item="reaction", reaction_type="angry"), "no post"),
        (on_page(item="like"), "no post"),
        (on_page(verb="hide"), "hidden"),
        (on_page(verb="block"), "no post"),
        (on_page(message=None), "no text"),
        (on_page(item="comment", comment_id=None), "no post"),
        (on_page(**{"from": {"id": "108", "name": "Motorrad AG"}}), "own"),
        ({"field": "leadgen", "value": {"x": 1}}, "no post"),
    ],
)
async def test_what_is_left_out_has_a_reason(value: dict[str, Any], reason: str) -> None:
    assert await told(value) == Delivery(skipped=(reason,))  # type: ignore[arg-type]


async def test_what_the_page_shows_again_comes_again() -> None:
    (change,) = (await told(on_page(verb="unhide"))).changes
    assert isinstance(change.what, Post)
    assert change.what.edited_at is None


async def test_own_posts_are_taken_when_they_are_wanted() -> None:
    value = on_page(**{"from": {"id": "108"}})
    assert len((await told(value, hook=a_hook(own_posts=True))).changes) == 1


async def test_a_time_in_milliseconds_is_understood() -> None:
    (change,) = (await told(on_page(created_time=1_789_999_990_000))).changes
    assert isinstance(change.what, Post)
    assert change.what.published_at == WRITTEN


async def test_a_comment_on_instagram() -> None:
    value = {
        "id": "17865799348089039",
        "text": "Motorrad!",
        "from": {"id": 5, "username": "biker77"},
        "media": {"id": "17918", "media_product_type": "FEED"},
        "parent_id": "1231231234",
    }
    delivery = await told({"field": "comments", "value": value}, about="instagram")
    post = Post(
        platform="instagram",
        native_id="17865799348089039",
        kind="comment",
        text="Motorrad!",
        author=PostAuthor(id="5", handle="biker77"),
        published_at=AT,
        thread="17918",
        in_reply_to="1231231234",
    )
    assert delivery.changes == (Change(post, AT),)


MENTION = {"field": "mentions", "value": {"media_id": "17918", "comment_id": "17894"}}


async def test_a_mention_told_by_its_id_is_looked_up() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        comment = {
            "id": "17894",
            "text": "@motorrad_ag die Bremse!",
            "timestamp": "2026-09-18T10:00:00+0000",
            "username": "biker77",
            "like_count": 3,
        }
        return as_sent(200, {"mentioned_comment": comment, "id": "108"})

    delivery = await told(MENTION, about="instagram", hook=a_hook(answer))
    (request,) = asked
    assert request.url.path == "/v23.0/108"
    assert request.url.params["fields"] == (
        "mentioned_comment.comment_id(17894){id,text,timestamp,username,like_count}"
    )
    assert request.headers["authorization"] == "Bearer ein Zugang"
    assert len(request.url.params["appsecret_proof"]) == 64
    (change,) = delivery.changes
    assert isinstance(change.what, Post)
    assert (change.what.native_id, change.what.text, change.what.kind) == (
        "17894",
        "@motorrad_ag die Bremse!",
        "comment",
    )
    assert change.what.published_at == datetime(2026, 9, 18, 10, tzinfo=UTC)
    assert change.what.engagement is not None
    assert change.what.engagement.likes == 3


async def test_without_a_token_an_id_is_left_out_and_counted() -> None:
    assert await told(MENTION, about="instagram") == Delivery(skipped=("no access token",))


@pytest.mark.parametrize(
    ("status", "code", "failure"),
    [(400, 190, AuthFailed), (403, 4, RateLimited), (400, 613, RateLimited)],
)
async def test_what_cannot_be_looked_up_now_is_to_be_delivered_again(
    status: int, code: int, failure: type[Exception]
) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return as_sent(status, {"error": {"code": code, "message": "no"}})

    delivery = await told(MENTION, about="instagram", hook=a_hook(answer))
    assert delivery.changes == ()
    assert isinstance(delivery.failure, failure)
    assert "ein Zugang" not in str(delivery.failure)


async def test_the_rest_of_a_delivery_is_taken_when_a_part_cannot_be_looked_up() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    mention = {"field": "mention", "value": {"item": "post", "verb": "add", "post_id": "5_6"}}
    delivery = await told(mention, on_page(), hook=a_hook(answer))
    assert [change.what.native_id for change in delivery.changes] == ["108_7"]
    assert isinstance(delivery.failure, TooSlow)


@pytest.mark.parametrize(("code", "reason"), [(100, "gone"), (10, "not allowed")])
async def test_what_we_cannot_see_is_left_out(code: int, reason: str) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return as_sent(400, {"error": {"code": code, "message": "does not exist"}})

    delivery = await told(MENTION, about="instagram", hook=a_hook(answer))
    assert delivery == Delivery(skipped=(reason,))  # type: ignore[arg-type]


@pytest.mark.parametrize("identity", ["1){x}", "../me", "", "1" * 101])
async def test_an_id_that_is_none_is_never_asked_for(identity: str) -> None:
    value = {"media_id": identity, "comment_id": identity}
    delivery = await told(
        {"field": "mentions", "value": value}, about="instagram", hook=a_hook(_nobody)
    )
    assert delivery.changes == ()


async def test_what_is_signed_and_no_json_is_told() -> None:
    good = "sha256=8b3299d7f2ee85a73768b0c3c7d712c09ce2a3b7183a17cfed9d087ae84250a7"
    with pytest.raises(Unreadable):
        await delivered(a_hook(), b"", good)


async def test_what_is_of_the_future_has_happened_when_it_is_told() -> None:
    (edit,) = (await told(on_page(verb="edited"), at=4_000_000_000)).changes
    assert isinstance(edit.what, Post)
    assert (edit.at, edit.what.published_at, edit.what.edited_at) == (LATER, LATER, LATER)
    gone = on_page(verb="remove")
    (deletion,) = (await told(gone, at=4_000_000_000)).changes
    assert deletion == Change(Deletion("facebook", "108_7", LATER), LATER)
