"""What LinkedIn delivers, byte by byte."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pydantic import TypeAdapter

from services.ingest.collectors import Source
from services.ingest.collectors.linkedin import LinkedInHook
from services.ingest.hook import Call, Change, Delivery, Denied
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, tools_over

SECRET = "ein Geheimnis"
COMMENT = (
    '{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[{"notificationId":'
    '5603453321,"organizationalEntity":"urn:li:organization:96","action":"COMMENT","sourcePost":'
    '"urn:li:activity:70","generatedActivity":"urn:li:comment:(activity:70,71)",'
    '"decoratedGeneratedActivity":{"comment":{"owner":"urn:li:person:z","text":'
    '"Motorrad äußerst laut","entity":"urn:li:comment:(urn:li:activity:70,71)","object":'
    '"urn:li:activity:70"}},"lastModifiedAt":1691574506310,"subscriber":"urn:li:person:s"}]}'
).encode()
SIGNATURE = "ef580ffeb37e62a24aceee5478cce69331fbb70229cc97b810a9372d0bd1c0cc"
AT = datetime(2023, 8, 9, 9, 48, 26, 310000, tzinfo=UTC)
ID = "urn:li:comment:(activity:70,71)"


def a_hook(**fields: object) -> LinkedInHook:
    config = TypeAdapter[Source](Source).validate_python(
        {"id": "li", "kind": "linkedin", "client_secret": SECRET, **fields}
    )
    hook = config.build(tools_over(lambda _: pytest.fail("nothing is asked")))
    assert isinstance(hook, LinkedInHook)
    return hook


async def delivered(body: bytes, given: str | None, hook: LinkedInHook | None = None) -> Delivery:
    headers = {} if given is None else {"x-li-signature": given}
    return await (hook or a_hook()).receive(Call({}, headers, body, NOW))


async def told(hook: LinkedInHook | None = None, **fields: Any) -> Delivery:
    (given,) = msgspec.json.decode(COMMENT)["notifications"]
    body = msgspec.json.encode({"notifications": [{**given, **fields}]})
    signed = hmac.new(SECRET.encode(), b"hmacsha256=" + body, hashlib.sha256).hexdigest()
    return await delivered(body, signed, hook)


@pytest.mark.parametrize("given", [SIGNATURE, f"hmacsha256={SIGNATURE}"])
async def test_a_comment_as_it_is_delivered(given: str) -> None:
    post = Post(
        platform="linkedin",
        native_id=ID,
        kind="comment",
        url="https://www.linkedin.com/feed/update/urn:li:activity:70",
        text="Motorrad äußerst laut",
        author=PostAuthor(id="urn:li:person:z"),
        published_at=AT,
        thread="urn:li:activity:70",
        in_reply_to="urn:li:activity:70",
    )
    assert await delivered(COMMENT, given) == Delivery((Change(post, AT),))


@pytest.mark.parametrize("given", [None, "", SIGNATURE[:-1], hashlib.sha256(COMMENT).hexdigest()])
async def test_any_other_signature_is_refused(given: str | None) -> None:
    with pytest.raises(Denied) as raised:
        await delivered(COMMENT, given)
    assert raised.value.status == 401


async def test_a_challenge_is_answered_in_hex() -> None:
    code = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
    answer = await a_hook().handshake(Call({"challengeCode": code}, {}, b"", NOW))
    assert msgspec.json.decode(answer.body) == {
        "challengeCode": code,
        "challengeResponse": "6211ce2ac883fbf05c7d4faab22504d6317fa87a108a5bc29264167d36f9f791",
    }


@pytest.mark.parametrize("code", ["", "hmacsha256={}", "hmacsha256=", "a=b", "x" * 101])
async def test_nothing_is_signed_that_could_be_a_delivery(code: str) -> None:
    with pytest.raises(Denied):
        await a_hook().handshake(Call({"challengeCode": code}, {}, b"", NOW))


async def test_a_deletion_names_the_comment_however_its_id_is_written() -> None:
    for written in (ID, "urn:li:comment:(urn:li:activity:70,71)"):
        delivery = await told(
            action="COMMENT_DELETE", generatedActivity=written, decoratedGeneratedActivity=None
        )
        assert delivery.changes == (Change(Deletion("linkedin", ID, AT), AT),)


async def test_an_edit_says_when() -> None:
    (change,) = (await told(action="COMMENT_EDIT")).changes
    assert isinstance(change.what, Post)
    assert (change.what.native_id, change.what.edited_at) == (ID, AT)


async def test_a_mention_in_somebodys_post_is_a_post() -> None:
    share = {"entity": "urn:li:share:9", "owner": "urn:li:person:z", "text": "Motorrad AG, ach"}
    delivery = await told(
        action="SHARE_MENTION",
        generatedActivity="urn:li:share:9",
        decoratedGeneratedActivity={"share": share},
    )
    (change,) = delivery.changes
    assert isinstance(change.what, Post)
    assert (change.what.kind, change.what.native_id, change.what.thread) == (
        "post",
        "urn:li:share:9",
        None,
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"action": "LIKE"}, "no post"),
        ({"generatedActivity": None, "decoratedGeneratedActivity": None}, "no post"),
        ({"decoratedGeneratedActivity": None}, "no text"),
        ({"action": "ADMIN_COMMENT"}, "own"),
        ({"organizationalEntity": "urn:li:person:z"}, "own"),
    ],
)
async def test_what_is_left_out_has_a_reason(fields: dict[str, Any], reason: str) -> None:
    assert await told(**fields) == Delivery(skipped=(reason,))  # type: ignore[arg-type]


async def test_a_deletion_of_the_future_has_happened_when_it_is_told() -> None:
    delivery = await told(action="COMMENT_DELETE", lastModifiedAt=4_000_000_000_000)
    assert delivery.changes == (Change(Deletion("linkedin", ID, NOW), NOW),)
