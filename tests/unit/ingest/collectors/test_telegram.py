"""What Telegram's Bot API sends, as it sends it."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from services.ingest.collectors import telegram
from services.ingest.failure import (
    AuthFailed,
    CollectionFailed,
    RateLimited,
    Rejected,
    Unreachable,
)
from services.ingest.post import Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for, unix

TOKEN = "123456:geheim-AbC_1"
CHANNEL = {"id": -1001234, "type": "channel", "title": "Bikers", "username": "bikers"}
GROUP = {"id": -1005678, "type": "supergroup", "title": "Garage"}
BOB = {"id": 7, "is_bot": False, "first_name": "Bob", "last_name": "K.", "language_code": "en"}


def a_config(**fields: object) -> telegram.Config:
    defaults = {"id": "tg", "token": TOKEN, "per_page": 2}
    return telegram.Config.model_validate({**defaults, **fields})


def a_collector(scripted: Scripted, clock: SetClock | None = None) -> telegram.Telegram:
    collector = a_config().build(tools_for(scripted, clock or SetClock()))
    assert isinstance(collector, telegram.Telegram)
    return collector


def an_update(number: int, kind: str = "channel_post", **fields: Any) -> dict[str, Any]:
    message = {"message_id": 5, "date": unix(NOW) - 60, "chat": CHANNEL, "text": "Acme"}
    return {"update_id": number, kind: {**message, **fields}}


def updates(*given: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "result": list(given)}


def refused(code: int, description: str, **parameters: object) -> httpx.Response:
    body = {"ok": False, "error_code": code, "description": description, "parameters": parameters}
    return httpx.Response(code, json=body)


async def the_post(kind: str = "channel_post", **fields: object) -> Post:
    (post,) = (
        await a_collector(Scripted(updates(an_update(1, kind, **fields)))).collect(None)
    ).posts
    return post


async def test_a_post_in_a_channel_is_read_whole() -> None:
    assert await the_post(sender_chat=CHANNEL, author_signature="The editor") == Post(
        platform="telegram",
        native_id="-1001234/5",
        kind="post",
        url="https://t.me/bikers/5",
        text="Acme",
        author=PostAuthor(id="-1001234", handle="bikers", name="Bikers", url="https://t.me/bikers"),
        published_at=NOW - timedelta(minutes=1),
    )


async def test_a_reply_in_a_group_is_read_whole() -> None:
    post = await the_post(
        "message",
        chat=GROUP,
        **{"from": BOB},
        reply_to_message={"message_id": 4, "date": 1, "chat": GROUP, "text": "?"},
        message_thread_id=2,
        entities=[{"type": "bold", "offset": 0, "length": 4}],
    )
    assert post == Post(
        platform="telegram",
        native_id="-1005678/5",
        kind="reply",
        url="https://t.me/c/5678/5",
        text="Acme",
        author=PostAuthor(id="7", name="Bob K."),
        published_at=NOW - timedelta(minutes=1),
        thread="-1005678/2",
        in_reply_to="-1005678/4",
    )


@pytest.mark.parametrize("kind", ["edited_message", "edited_channel_post"])
async def test_an_edit_comes_under_the_same_id(kind: str) -> None:
    post = await the_post(kind, edit_date=unix(NOW))
    assert (post.native_id, post.edited_at) == ("-1001234/5", NOW)


async def test_a_caption_is_text_and_what_is_forwarded_a_repost() -> None:
    origin = {"type": "channel", "date": 1, "chat": CHANNEL, "message_id": 3}
    post = await the_post(text=None, caption="Acme 🏍 brakes", forward_origin=origin)
    assert (post.kind, post.text) == ("repost", "Acme 🏍 brakes")


async def test_a_private_chat_has_no_address() -> None:
    chat = {"id": 7, "type": "private", "first_name": "Bob"}
    assert (await the_post("message", chat=chat, **{"from": BOB})).url is None


async def test_updates_are_confirmed_only_when_their_cursor_came_back() -> None:
    page = updates(an_update(10), an_update(11, message_id=6))
    scripted = Scripted(page, page, updates(an_update(12, message_id=7)), updates())
    collector = a_collector(scripted)
    await collector.collect(None)  # the page is lost
    again = await collector.collect(None)
    third = await collector.collect(again.cursor)
    await collector.collect(third.cursor)
    assert [asked.get("offset") for asked in scripted.asked] == [None, None, "12", "13"]
    assert (again.more, third.more) == (True, False)
    assert {asked["timeout"] for asked in scripted.asked} == {"0"}
    assert json.loads(scripted.asked[0]["allowed_updates"]) == [
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
    ]


async def test_what_has_no_text_or_cannot_be_read_is_confirmed_too() -> None:
    nothing = {"update_id": 10, "my_chat_member": {}}
    picture = an_update(11, text=None)
    broken = an_update(12, date="?")
    scripted = Scripted(updates(nothing, picture, broken), updates())
    collector = a_collector(scripted)
    page = await collector.collect(None)
    await collector.collect(page.cursor)
    assert (page.posts, page.health) == ((), "unchanged")
    assert scripted.asked[1]["offset"] == "13"


async def test_updates_without_a_number_do_not_hold_it_up() -> None:
    page = await a_collector(Scripted(updates({"a": 1}, {"b": 2}))).collect(None)
    assert (page.cursor, page.more) == (None, False)


async def test_after_days_of_silence_an_old_number_is_not_used() -> None:
    """After a week without updates Telegram numbers them anew, perhaps lower."""
    clock = SetClock()
    scripted = Scripted(updates(an_update(900)), updates(), updates(an_update(3)), updates())
    collector = a_collector(scripted, clock)
    first = await collector.collect(None)
    clock.forward(hours=47)
    second = await collector.collect(first.cursor)
    assert second.cursor == first.cursor
    clock.forward(days=7)
    third = await collector.collect(second.cursor)
    await collector.collect(third.cursor)
    assert [asked.get("offset") for asked in scripted.asked] == [None, "901", None, "4"]


async def test_a_second_reader_is_told_with_what_to_do() -> None:
    answer = refused(409, "Conflict: terminated by other getUpdates request")
    with pytest.raises(Rejected, match="another program reads them, or a webhook is set"):
        await a_collector(Scripted(answer)).collect(None)


async def test_too_many_requests_wait_as_the_body_says() -> None:
    with pytest.raises(RateLimited) as raised:
        await a_collector(Scripted(refused(429, "Too Many Requests", retry_after=35))).collect(None)
    assert raised.value.not_before == NOW + timedelta(seconds=35)


@pytest.mark.parametrize("code", [401, 404])
async def test_a_wrong_token_is_named_without_it(code: int) -> None:
    with pytest.raises(AuthFailed):
        await a_collector(Scripted(refused(code, "Unauthorized"))).collect(None)


async def test_a_refusal_with_status_200_is_a_refusal() -> None:
    answer = {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}
    with pytest.raises(Rejected, match="chat not found"):
        await a_collector(Scripted(answer)).collect(None)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(502, text=f"no upstream for /bot{TOKEN}/getUpdates"),
        httpx.Response(405, text=f"/bot{TOKEN}/getUpdates"),
        refused(400, f"bad path bot{TOKEN}"),
        httpx.Response(200, text=f"[{TOKEN!r}"),
    ],
)
async def test_the_token_is_in_no_failure(answer: httpx.Response) -> None:
    with pytest.raises(CollectionFailed) as raised:
        await a_collector(Scripted(answer)).collect(None)
    assert "geheim" not in "".join(traceback.format_exception(raised.value))


async def test_the_token_is_in_no_failure_of_the_connection() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot reach {request.url}", request=request)

    collector = a_config().build(tools_for(broken, SetClock()))  # type: ignore[arg-type]
    assert isinstance(collector, telegram.Telegram)
    with pytest.raises(Unreachable) as raised:
        await collector.collect(None)
    assert "geheim" not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__cause__ is None


async def test_the_token_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await a_collector(Scripted(updates(an_update(1)))).collect(None)
        logging.getLogger("end").warning("the end")
    assert "the end" in caplog.text
    assert "geheim" not in caplog.text


def test_what_is_shown_names_the_bot_and_not_its_token() -> None:
    config = a_config()
    shown = f"{config.address} {config.place} {config.host} {config!r}"
    assert "bot 123456" in shown
    assert "geheim" not in shown


@pytest.mark.parametrize("token", ["", "98765", "98765:ab/../c", "98765:ü", "x:abcdef"])
def test_what_is_no_token_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ValidationError) as raised:
        a_config(token=token)
    assert not token or token not in str(raised.value)
