"""The API of incidents, as the first page and other tools use it."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from libs.common.db import open_engine
from libs.common.errors import Retryable
from services.alert.playbook import load_playbooks
from services.alert.service import check_outbox
from services.alert.settings import AlertSettings
from tests.integration.alert.house import House, Taking, a_house
from tests.unit.alert.builders import BRAKES, a_mention

PEOPLE: dict[str, Any] = {
    "people": [{"id": "anna", "name": "Anna Beispiel"}, {"id": "bela", "name": "Bela Muster"}]
}
OPENED = "2026-11-22T02:12:00Z"


async def test_an_incident_in_the_list(database_url: str) -> None:
    async with a_house(database_url) as house, house.client() as client:
        await house.sees(a_mention("1"), a_mention("2"))
        incident = await house.the_one()
        answer = await client.get("/v1/incidents", params={"state": "open"})
        body = answer.json()
        steps = body["items"][0].pop("steps")
        assert body == {
            "items": [
                {
                    "id": incident.id,
                    "watch": "motorrad-ag",
                    "theme": "product-safety",
                    "title": "Motorrad AG: Produkt gefährdet Menschen",
                    "headline": {
                        "de": (
                            "Motorrad AG: Bremse, Tempo 120 versagt, Todesangst "
                            "(Produkt gefährdet Menschen)"
                        ),
                        "en": (
                            "Motorrad AG: Bremse, Tempo 120 versagt, Todesangst "
                            "(Product puts people at risk)"
                        ),
                    },
                    "level": 3,
                    "level_name": {"de": "frische Brise", "en": "fresh breeze"},
                    "state": "open",
                    "opened_at": OPENED,
                    "updated_at": OPENED,
                    "acknowledged_by": None,
                    "acknowledged_at": None,
                    "assigned_to": None,
                    "resolved_by": None,
                    "resolved_at": None,
                    "paged": True,
                    "noise": None,
                    "rank": 3.559,
                    "mentions": 2,
                    "playbook": {
                        "id": "product-safety",
                        "title": {
                            "de": "Produkt gefährdet Menschen",
                            "en": "Product puts people at risk",
                        },
                    },
                    "url": f"https://melder.example/?incident={incident.id}",
                }
            ],
            "next": None,
        }
        first = load_playbooks().get("product-safety").steps[0]
        assert len(steps) == 8
        assert steps[0] == {
            "id": "people-first",
            "text": {"de": first.text.de, "en": first.text.en},
            "owner": {"de": "Bereitschaft", "en": "On call"},
            "within": "10m",
            "due_at": "2026-11-22T02:22:00Z",
            "done_by": None,
            "done_at": None,
        }


async def test_one_incident_with_all_about_it(database_url: str) -> None:
    async with a_house(database_url, **PEOPLE) as house, house.client() as client:
        mention = a_mention("1")
        await house.sees(mention)
        incident = await house.the_one()
        await house.delivery({"log": Taking()}).deliver_due("log")
        house.time.passes(minutes=2)
        await house.sees(*(a_mention(str(number), severity=0.7) for number in (2, 3, 4)))
        for command, body in (
            ("ack", {"by": "anna"}),
            ("steps/people-first", {"by": "anna"}),
            ("assign", {"by": "anna", "to": "bela"}),
            ("note", {"by": "Cem", "text": "Werkstatt angerufen"}),
            ("level", {"by": "anna", "level": 2, "why": "Einzelfall"}),
            ("resolve", {"by": "bela", "why": "Rückruf läuft"}),
        ):
            answer = await client.post(f"/v1/incidents/{incident.id}/{command}", json=body)
            assert answer.status_code == 200, answer.text
        found = (await client.get(f"/v1/incidents/{incident.id}")).json()
        assert [(entry["event"], entry["text"]["de"]) for entry in found["timeline"]] == [
            ("opened", "Vorfall eröffnet, Stufe 3, frische Brise"),
            ("paged", "log wird benachrichtigt"),
            ("page_delivered", "Nachricht an log zugestellt"),
            ("signal_joined", "3 weitere Beiträge dazugekommen"),
            ("acknowledged", "Anna Beispiel hat übernommen"),
            ("paged", "log wird benachrichtigt"),
            (
                "step_done",
                "Anna Beispiel hat erledigt: Ist jemand verletzt oder in Gefahr? "
                "Die Person sofort ansprechen und um eine private Nachricht bitten.",
            ),
            ("assigned", "Anna Beispiel hat den Vorfall an Bela Muster übergeben"),
            ("noted", "Cem: Werkstatt angerufen"),
            ("level_changed", "Jetzt Stufe 2, schwache Brise"),
            ("resolved", "Bela Muster hat den Vorfall beendet"),
            ("paged", "log wird benachrichtigt"),
        ]
        assert found["timeline"][3] == {
            "seq": 6,
            "at": "2026-11-22T02:14:00Z",
            "event": "signal_joined",
            "by": None,
            "why": "rule danger: label:crisis_candidate severity>=0.7",
            "count": 3,
            "text": {"de": "3 weitere Beiträge dazugekommen", "en": "3 more posts joined"},
        }
        assert found["evidence"][0] == {
            "id": mention.id,
            "text": BRAKES,
            "url": "https://forum.example/1",
            "source": "bikeforum",
            "platform": "forum",
            "published_at": "2026-11-22T02:09:00Z",
            "label": "crisis_candidate",
            "severity": 0.82,
            "reasons": ["Bremse", "versagt"],
            "edited_at": None,
            "health": None,
        }
        assert len(found["evidence"]) == found["mentions"] == 4
        page = found["pages"][0]
        assert page.pop("id").startswith("page_")
        assert page == {
            "cause": "opened",
            "to": "channel:log",
            "channel": "log",
            "state": "delivered",
            "created_at": OPENED,
            "attempts": 1,
            "ended_at": OPENED,
            "reason": None,
        }
        assert (found["state"], found["resolved_by"], found["resolution"]) == (
            "resolved",
            "bela",
            "Rückruf läuft",
        )
        assert {"de": "Kritik nie löschen.", "en": "Never delete criticism."} in found["dont"]
        assert found["do"]
        assert "[Uhrzeit]" in found["holding_statement"]["de"]


async def test_taking_it_twice_is_harmless_and_taking_it_from_another_is_refused(
    database_url: str,
) -> None:
    async with a_house(database_url) as house, house.client() as client:
        await house.sees(a_mention("1"))
        incident = await house.the_one()
        address = f"/v1/incidents/{incident.id}/ack"
        first = await client.post(address, json={"by": "anna"})
        again = await client.post(address, json={"by": "anna"})
        assert first.status_code == again.status_code == 200
        assert again.json() == first.json()
        refused = await client.post(address, json={"by": "bela"})
        assert refused.status_code == 409
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json() == {
            "type": "about:blank",
            "title": "Already acknowledged",
            "status": 409,
            "detail": "anna has taken it; assign it to hand it over.",
            "refusal": "already_acknowledged",
        }


async def test_two_people_who_take_it_at_once_are_one_and_a_refusal(database_url: str) -> None:
    async with a_house(database_url) as house, house.client() as client:
        await house.sees(a_mention("1"))
        incident = await house.the_one()
        answers = await asyncio.gather(
            *(
                client.post(f"/v1/incidents/{incident.id}/ack", json={"by": by})
                for by in ("anna", "bela")
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_note_sent_again_with_its_key_is_written_once(database_url: str) -> None:
    async with a_house(database_url) as house, house.client() as client:
        await house.sees(a_mention("1"))
        incident = await house.the_one()
        address = f"/v1/incidents/{incident.id}/note"
        key = {"Idempotency-Key": "4711"}
        for _ in range(2):
            answer = await client.post(
                address, json={"by": "anna", "text": "Werkstatt angerufen"}, headers=key
            )
            assert answer.status_code == 200
        events = [entry["event"] for entry in answer.json()["timeline"]]
        assert events.count("noted") == 1
        other = await client.post(address, json={"by": "anna", "text": "anders"}, headers=key)
        assert other.status_code == 422
        assert other.json()["title"] == "Idempotency-Key used twice"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "title"),
    [
        ("GET", "/v1/incidents/none", None, 404, "No such incident"),
        ("POST", "/v1/incidents/none/ack", {"by": "anna"}, 404, "No such incident"),
        ("POST", "/v1/incidents/{id}/steps/dance", {"by": "anna"}, 404, "Unknown step"),
        ("POST", "/v1/incidents/{id}/ack", {}, 422, "The request does not fit"),
        ("POST", "/v1/incidents/{id}/ack", {"by": " "}, 422, "The request does not fit"),
        ("POST", "/v1/incidents/{id}/ack", {"by": "a\nb"}, 422, "The request does not fit"),
        ("POST", "/v1/incidents/{id}/level", {"by": "a", "level": 9}, 422, "The request does not"),
        ("POST", "/v1/incidents/{id}/note", {"by": "a", "text": ""}, 422, "The request does not"),
        ("GET", "/v1/incidents?state=burning", None, 422, "The request does not fit"),
        ("GET", "/v1/incidents?cursor=%21", None, 400, "The cursor is wrong"),
        ("GET", "/v1/incidents?limit=0", None, 422, "The request does not fit"),
    ],
)
async def test_what_cannot_be_done_is_a_problem_with_a_name(
    tmp_path: Any, method: str, path: str, body: Any, status: int, title: str
) -> None:
    async with a_house(f"sqlite:///{tmp_path / 'alert.db'}") as house, house.client() as client:
        await house.sees(a_mention("1"))
        incident = await house.the_one()
        answer = await client.request(method, path.replace("{id}", incident.id), json=body)
        assert answer.status_code == status
        assert answer.json()["title"].startswith(title)


async def test_nobody_gets_in_without_a_token(tmp_path: Any) -> None:
    async with a_house(f"sqlite:///{tmp_path / 'alert.db'}") as house, house.client() as client:
        client.headers.pop("Authorization")
        assert (await client.get("/v1/incidents")).status_code == 401
        answer = await client.post("/v1/incidents/x/ack", json={"by": "anna"})
        assert answer.status_code == 401


async def test_lists_page_through_everything_the_newest_first(database_url: str) -> None:
    async with a_house(database_url) as house, house.client() as client:
        for number in range(5):
            await house.sees(a_mention(str(number), watch=f"watch-{number}"))
            house.time.passes(minutes=number % 2)
        seen: list[str] = []
        address = "/v1/incidents?limit=2&state=open&state=acknowledged"
        while address:
            answer = await client.get(address)
            seen += [item["watch"] for item in answer.json()["items"]]
            assert (answer.json()["next"] is None) == ("next" not in answer.links)
            address = answer.links.get("next", {}).get("url", "")
        assert sorted(seen) == [f"watch-{number}" for number in range(5)]
        assert seen.index("watch-4") < seen.index("watch-1")


async def test_the_list_is_filtered_by_watch_and_state(database_url: str) -> None:
    async with a_house(database_url) as house, house.client() as client:
        await house.sees(a_mention("1"), a_mention("2", watch="board"))
        incident = next(i for i in await house.all() if i.watch == "board")
        await client.post(f"/v1/incidents/{incident.id}/ack", json={"by": "anna"})

        async def watches(**params: str) -> list[str]:
            answer = await client.get("/v1/incidents", params=params)
            return [item["watch"] for item in answer.json()["items"]]

        assert await watches(watch="board") == ["board"]
        assert await watches(state="open") == ["motorrad-ag"]
        assert await watches(state="acknowledged") == ["board"]
        assert await watches(state="resolved") == []


@pytest.mark.parametrize(
    "said",
    [
        '["2026-11-22T02:12:00Z","a\\u0000"]',
        '["2026-11-22T02:12:00","a"]',
        '["0001-01-01T00:00:00+14:00","a"]',
        "[]",
    ],
)
async def test_a_cursor_that_is_none_of_ours_is_refused(database_url: str, said: str) -> None:
    async with a_house(database_url) as house, house.client() as client:
        cursor = base64.urlsafe_b64encode(said.encode()).decode()
        answer = await client.get("/v1/incidents", params={"cursor": cursor})
        assert answer.status_code == 400
        assert answer.json()["errors"] == [{"pointer": "cursor", "detail": "not a cursor of ours"}]


async def test_without_its_store_the_api_asks_to_come_back() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    house = House(engine, AlertSettings())
    async with house.client() as client:
        for answer in (
            await client.get("/v1/incidents"),
            await client.get("/v1/incidents/a"),
            await client.post("/v1/incidents/a/ack", json={"by": "anna"}),
        ):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert "the store does not answer" in answer.json()["detail"]
    with pytest.raises(Retryable, match="the store does not answer"):
        await check_outbox(engine, house.time)
    await engine.dispose()
