"""The addresses with which tests and demonstrations steer the sandbox."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from standardwebhooks import Webhook

from sandbox.hook import Delivery
from sandbox.server import create_sandbox
from tests.unit.sandbox.playing import (
    ADDRESS,
    SECRET,
    START,
    Hand,
    a_post,
    a_sandbox,
    a_story,
    visiting,
)


async def test_a_feed_gains_a_burning_entry() -> None:
    sandbox = a_sandbox()
    async with visiting(sandbox) as client:
        answer = await client.post(
            "/_sandbox/posts",
            json={
                "feed": "reviews",
                "about": "Lupora 700",
                "title": "Bremse versagt",
                "text": "Der Hebel fiel durch.",
                "author": "Jana",
                "rating": 1,
                "published_at": "2026-05-04T10:00:00+02:00",
            },
        )
        item = (await client.get("/reviews/feed.json")).json()["items"][0]
        page = await client.get(answer.json()["url"])
    assert answer.status_code == 201
    shown = answer.json()
    assert shown == {
        "id": shown["id"],
        "native_id": item["id"],
        "url": f"{ADDRESS}/reviews/t/{shown['id']}/{shown['id']}",
        "feed": "reviews",
        "title": "Lupora 700: Bremse versagt",
        "text": "Der Hebel fiel durch.",
        "author": "Jana",
        "published_at": "2026-05-04T10:00:00+02:00",
    }
    assert (item["title"], item["date_published"]) == (shown["title"], "2026-05-04T08:00:00.000Z")
    assert "★ (1/5)" in page.text


async def test_a_post_is_edited_and_deleted() -> None:
    sandbox = a_sandbox(a_post(text="alt"))
    async with visiting(sandbox) as client:
        [shown] = (await client.get("/_sandbox/posts")).json()
        address = f"/_sandbox/posts/{shown['id']}"
        edited = await client.put(address, json={"text": "neu"})
        assert (edited.json()["id"], edited.json()["text"]) == (shown["id"], "neu")
        assert (await client.delete(address)).status_code == 204
        assert (await client.get("/_sandbox/posts")).json() == []
        assert (await client.delete(address)).status_code == 404
        assert (await client.put(address, json={"text": "neu"})).status_code == 404


async def test_a_wrong_post_is_refused_with_the_field() -> None:
    async with visiting(a_sandbox()) as client:
        answer = await client.post("/_sandbox/posts", json={"feed": "forum", "text": ""})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/text"]


async def test_faults_are_set_listed_and_cleared() -> None:
    async with visiting(a_sandbox()) as client:
        fault = {"route": "/forum/*", "status": 503, "headers": {"retry-after": "7"}, "times": 1}
        assert (await client.post("/_sandbox/faults", json=fault)).status_code == 201
        assert (await client.post("/_sandbox/faults", json={"status": 1})).status_code == 422
        [active] = (await client.get("/_sandbox/faults")).json()
        assert {name: active[name] for name in fault} == fault
        spoiled = await client.get("/forum/feed.atom")
        assert (spoiled.status_code, spoiled.headers["retry-after"]) == (503, "7")
        await client.post("/_sandbox/faults", json=fault)
        await client.delete("/_sandbox/faults")
        assert (await client.get("/forum/feed.atom")).status_code == 200


async def test_requests_are_recorded_with_what_was_sent_and_answered() -> None:
    async with visiting(a_sandbox()) as client:
        await client.get(
            "/forum/feed.atom?x=1", headers={"If-None-Match": "*", "User-Agent": "Ich"}
        )
        await client.get("/nowhere")
        asked = (await client.get("/_sandbox/requests", params={"route": "/forum/*"})).json()
        everything = (await client.get("/_sandbox/requests")).json()
        await client.delete("/_sandbox/requests")
        nothing = (await client.get("/_sandbox/requests")).json()
    assert [(a["at"], a["method"], a["path"], a["query"], a["status"]) for a in asked] == [
        ("2026-05-04T09:30:00Z", "GET", "/forum/feed.atom", "x=1", 304)
    ]
    assert asked[0]["headers"]["if-none-match"] == "*"
    assert asked[0]["headers"]["user-agent"] == "Ich"
    assert [(a["path"], a["status"]) for a in everything][1:] == [("/nowhere", 404)]
    assert nothing == []


def signed(body: str, key: str, secret: str = SECRET) -> dict[str, str]:
    now = datetime.now(UTC)  # the reference library compares with the wall clock
    return {
        "webhook-id": key,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(key, now, body),
    }


async def test_a_page_is_received_checked_and_shown() -> None:
    told: list[Delivery] = []
    sandbox = create_sandbox(
        a_story(), clock=Hand(), webhook_secret=SECRET, on_delivery=told.append
    )
    body = json.dumps({"type": "incident.opened", "data": {"title": "<Bremse> versagt"}})
    async with visiting(sandbox) as client:
        answer = await client.post("/_sandbox/hook", content=body, headers=signed(body, "page-1"))
        [delivery] = (await client.get("/_sandbox/hook")).json()
        first_page = (await client.get("/")).text
    assert answer.status_code == 204
    assert (delivery["signature"], delivery["body"], delivery["at"]) == (
        "valid",
        body,
        "2026-05-04T09:30:00Z",
    )
    assert delivery["headers"]["webhook-id"] == "page-1"
    assert [one.at for one in told] == [START]
    assert "&lt;Bremse&gt; versagt" in first_page


async def test_a_page_with_a_wrong_signature_is_kept_but_refused() -> None:
    sandbox = a_sandbox()
    wrong = signed("{}", "page-1", secret="whsec_" + "A" * 32)
    headers: list[dict[str, str]] = [
        wrong,
        {},
        wrong | {"webhook-signature": "v1"},
        wrong | {"webhook-timestamp": "gestern"},
    ]
    async with visiting(sandbox) as client:
        for each in headers:
            answer = await client.post("/_sandbox/hook", content="{}", headers=each)
            assert answer.status_code == 401
    assert [one.signature for one in sandbox.hook.deliveries] == ["invalid"] * 4


async def test_a_hook_without_a_secret_takes_everything() -> None:
    sandbox = create_sandbox(a_story(), clock=Hand())
    async with visiting(sandbox) as client:
        assert (await client.post("/_sandbox/hook", content=b"\xff")).status_code == 204
        assert [one.signature for one in sandbox.hook.deliveries] == ["unchecked"]
        await client.delete("/_sandbox/hook")
    assert sandbox.hook.deliveries == ()
