"""What people say an incident was worth, and what comes of it in `/v1/rules`, over both stores."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from services.alert.signal import MEASURING
from tests.integration.alert.crowds import a_crowd
from tests.integration.alert.house import House, a_house
from tests.unit.alert.builders import a_mention

BURNS: dict[str, Any] = {
    "rules": [{"id": "burns", "when": "brennt", "level": 3, "budget": 1}],
    "detection": {"budget": 2},
}


async def pages(house: House, number: int, severity: float = 0.5) -> str:
    """Opens an incident of its own by the rule `burns`; its id."""
    text = "Es brennt schon wieder bei euch, und keiner geht ans Telefon."
    mention = a_mention(
        str(number),
        text=text,
        watch=f"watch-{number}",
        label="complaint",
        severity=severity,
        author=f"a{number}",
        reasons=(),
    )
    await house.sees(mention)
    (incident,) = [each for each in await house.all() if each.watch == mention.watch]
    return incident.id


async def rate(client: httpx.AsyncClient, incident: str, **body: Any) -> httpx.Response:
    return await client.post(f"/v1/incidents/{incident}/rating", json={"by": "anna", **body})


async def cost(client: httpx.AsyncClient, rule: str, **asked: int) -> dict[str, Any]:
    answer = await client.get("/v1/rules", params=asked)
    assert answer.status_code == 200, answer.text
    (found,) = [item for item in answer.json()["items"] if item["rule"] == rule]
    return dict(found)


async def test_what_people_said_stands_at_the_incident(database_url: str) -> None:
    async with a_house(database_url, **BURNS) as house, house.client() as client:
        incident = await pages(house, 1)
        assert (await client.get(f"/v1/incidents/{incident}")).json()["noise"] is None
        said = await rate(client, incident, noise=True, why="Werbung")
        assert (said.status_code, said.json()["noise"]) == (200, True)
        last = said.json()["timeline"][-1]
        assert (last["event"], last["by"], last["why"]) == ("rated", "anna", "Werbung")
        assert (await rate(client, incident, noise=False)).json()["noise"] is False


async def test_what_is_over_can_still_be_rated(database_url: str) -> None:
    async with a_house(database_url, **BURNS) as house, house.client() as client:
        incident = await pages(house, 1)
        await client.post(f"/v1/incidents/{incident}/resolve", json={"by": "anna"})
        said = await rate(client, incident, noise=False)
        assert (said.status_code, said.json()["state"]) == (200, "resolved")


@pytest.mark.parametrize(
    "body",
    [{"noise": True}, {"noise": True, "why": "  "}, {}, {"noise": "maybe"}, {"noise": 1, "x": 2}],
)
async def test_noise_needs_a_reason(body: dict[str, Any], database_url: str) -> None:
    async with a_house(database_url, **BURNS) as house, house.client() as client:
        incident = await pages(house, 1)
        assert (await rate(client, incident, **body)).status_code == 422
        assert (await house.the_one()).noise is None


async def test_what_is_not_there_cannot_be_rated(database_url: str) -> None:
    async with a_house(database_url, **BURNS) as house, house.client() as client:
        assert (await rate(client, "none", noise=False)).status_code == 404


async def test_every_rule_and_detector_stands_there_with_its_budget(database_url: str) -> None:
    async with a_house(database_url, **BURNS) as house, house.client() as client:
        items = (await client.get("/v1/rules")).json()["items"]
        assert {item["rule"]: item["budget"] for item in items} == {
            "burns": 1,
            "danger": 2,
            **dict.fromkeys(MEASURING, 2),
        }
        assert {tuple(item["weeks"]) for item in items} == {(0, 0, 0, 0)}


async def test_pages_count_against_the_budget_of_the_week(database_url: str) -> None:
    async with a_house(database_url, **BURNS) as house, house.client() as client:
        await pages(house, 1)
        house.time.passes(days=8)
        assert (await cost(client, "burns"))["over_budget"] is False
        await pages(house, 2)
        await rate(client, await pages(house, 3), noise=True, why="Grillfest")
        found = await cost(client, "burns", weeks=2)
        assert found == {
            "rule": "burns",
            "budget": 1,
            "over_budget": True,
            "weeks": [2, 1],
            "noise": 1,
            "useful": 0,
            "unrated": 2,
            "proposal": None,
        }
        assert (await cost(client, "burns", weeks=1))["weeks"] == [2]


async def test_what_the_detectors_opened_counts_for_them(database_url: str) -> None:
    async with a_house(database_url, rules=[]) as house, house.client() as client:
        for mention in a_crowd(30):
            house.time.now = mention.collected_at
            await house.sees(mention)
        await rate(client, (await house.the_one()).id, noise=False)
        told = [cause for _, cause, *_ in await house.pages()]
        found = await cost(client, "level")
        assert found["weeks"][0] == found["useful"] == len(told) >= 1


async def test_a_threshold_is_proposed_that_spares_noise_and_keeps_what_was_worth_it(
    database_url: str,
) -> None:
    async with a_house(database_url, **BURNS) as house, house.client() as client:
        for number, severity in enumerate((0.2, 0.3, 0.4, 0.7, 0.9)):
            incident = await pages(house, number, severity)
            noise = severity < 0.5
            await rate(client, incident, noise=noise, why="Grillfest" if noise else "")
        assert (await cost(client, "burns"))["proposal"] == {
            "measure": "severity",
            "at_least": 0.7,
            "spared": 3,
            "of_noise": 3,
            "kept": 2,
        }


@pytest.mark.parametrize("weeks", ["0", "54", "many"])
async def test_weeks_that_cannot_be_counted_are_refused(weeks: str, database_url: str) -> None:
    async with a_house(database_url, **BURNS) as house, house.client() as client:
        answer = await client.get("/v1/rules", params={"weeks": weeks})
        assert answer.status_code == 422


async def test_strangers_learn_nothing_of_the_rules(database_url: str) -> None:
    async with a_house(database_url, **BURNS) as house, house.client() as client:
        answer = await client.get("/v1/rules", headers={"Authorization": "Bearer no"})
        assert answer.status_code == 401
