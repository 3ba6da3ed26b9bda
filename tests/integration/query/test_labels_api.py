"""`/v1/mentions/{id}/label` over real HTTP, and what the live stream tells of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from libs.common.bus import CLASSIFIED, Bus
from libs.common.events import ClassifiedMention, to_json
from tests.integration.query.serving import (
    a_log,
    a_query_service,
    events,
    position,
    publish,
    take,
)
from tests.unit.query_service.building import a_deletion, a_mention


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with a_log(f"sqlite:///{tmp_path / 'bus.db'}") as bus:
        yield bus


@pytest.fixture
async def client(bus: Bus, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_query_service(bus, database_url) as client:
        yield client


@pytest.fixture
async def mention(bus: Bus, client: httpx.AsyncClient) -> ClassifiedMention:
    """A mention that the service has."""
    mention = a_mention(text="Die Bremse meiner Maschine versagt.", title="Achtung")
    await arrived(bus, client, mention)
    return mention


async def arrived(bus: Bus, client: httpx.AsyncClient, mention: ClassifiedMention) -> None:
    await publish(bus, [mention])
    async with asyncio.timeout(20):
        while (await client.get(f"/v1/mentions/{mention.id}")).status_code != 200:
            await asyncio.sleep(0.01)


def counted(classified: str, said: str) -> float:
    labels = {"from_label": classified, "to_label": said}
    return REGISTRY.get_sample_value("brandmelder_label_corrections_total", labels) or 0.0


async def test_a_person_says_what_it_is_and_takes_it_back(
    client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    before = counted("complaint", "question")
    address = f"/v1/mentions/{mention.id}/label"
    body = {"label": "question", "severity": 0.2, "cues": ["Bremse", "Achtung"], "by": "Anna"}
    answer = await client.put(address, json=body)
    again = await client.put(address, json=body)
    assert answer.status_code == again.status_code == 200
    assert again.content == answer.content
    told = answer.json()
    assert told | {"corrected": None} == json.loads(to_json(mention)) | {"corrected": None}
    at = told["corrected"].pop("at")
    assert at.endswith("Z")
    said = {"label": "question", "severity": 0.2, "by": "Anna", "cues": ["Bremse", "Achtung"]}
    assert told["corrected"] == said
    assert counted("complaint", "question") == before + 1

    assert (await client.get(f"/v1/mentions/{mention.id}")).content == answer.content
    found = (await client.get("/v1/mentions", params={"q": "label:question"})).json()["items"]
    assert [item["id"] for item in found] == [mention.id]
    assert found[0]["classification"]["label"] == "complaint"

    for _ in range(2):
        back = await client.delete(address)
        assert (back.status_code, back.content) == (200, to_json(mention))


async def test_without_a_name_it_is_the_owner_of_the_key(
    client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    answer = await client.put(f"/v1/mentions/{mention.id}/label", json={"label": "praise"})
    assert answer.json()["corrected"]["by"] == "token"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["#/label"]),
        ({"label": "angry"}, ["#/label"]),
        ({"label": "praise", "severity": 1.1}, ["#/severity"]),
        ({"label": "praise", "severity": 0.4}, ["#/severity"]),
        ({"label": "crisis_candidate", "severity": 0.1}, ["#/severity"]),
        ({"label": "crisis_candidate", "theme": "weather"}, ["#/theme"]),
        ({"label": "complaint", "theme": "fire"}, ["#/theme"]),
        ({"label": "praise", "cues": ["Bremse", "Gabel", "gab"]}, ["#/cues/1", "#/cues/2"]),
        ({"label": "praise", "cues": [""]}, ["#/cues/0"]),
        ({"label": "praise", "cues": ["a"] * 21}, ["#/cues"]),
        ({"label": "praise", "note": "a\0b"}, ["#/note"]),
        ({"label": "praise", "by": "a\nb"}, ["#/by"]),
        ({"label": "praise", "colour": "red"}, ["#/colour"]),
    ],
)
async def test_what_does_not_fit_is_named(
    client: httpx.AsyncClient,
    mention: ClassifiedMention,
    body: dict[str, object],
    pointers: list[str],
) -> None:
    refused = await client.put(f"/v1/mentions/{mention.id}/label", json=body)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in refused.json()["errors"]] == pointers
    assert (await client.get(f"/v1/mentions/{mention.id}")).content == to_json(mention)


async def test_a_missing_cue_is_quoted(
    client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    refused = await client.put(
        f"/v1/mentions/{mention.id}/label", json={"label": "praise", "cues": ["Gabel"]}
    )
    [error] = refused.json()["errors"]
    assert error["detail"] == "'Gabel' stands neither in the title nor in the text."


async def test_what_is_unknown_or_deleted_cannot_be_corrected(
    bus: Bus, client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    await publish(bus, [a_deletion(mention)])
    async with asyncio.timeout(20):
        while (await client.get(f"/v1/mentions/{mention.id}")).status_code != 410:
            await asyncio.sleep(0.01)
    for name, status, title in (
        ("nobody", 404, "No such mention"),
        (mention.id, 410, "Mention deleted"),
    ):
        put = await client.put(f"/v1/mentions/{name}/label", json={"label": "praise"})
        deleted = await client.delete(f"/v1/mentions/{name}/label")
        assert (put.status_code, put.json()["title"]) == (status, title)
        assert (deleted.status_code, deleted.json()["title"]) == (status, title)


async def test_corrections_are_for_those_who_may(
    client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    address, headers = f"/v1/mentions/{mention.id}/label", {"Authorization": "Bearer wrong"}
    put = await client.put(address, json={"label": "praise"}, headers=headers)
    assert put.status_code == 401
    assert (await client.delete(address, headers=headers)).status_code == 401


async def test_live_streams_hear_of_it_by_the_label_it_has_now(
    client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    address = f"/v1/mentions/{mention.id}/label"
    async with (
        events(client, q="label:praise") as praise,
        events(client, q="label:complaint") as complaints,
    ):
        before = await position(praise)
        await position(complaints)
        answer = await client.put(address, json={"label": "praise", "by": "Anna"})
        [told] = await take(praise, 1)
        [gone] = await take(complaints, 1)
        await client.put(address, json={"label": "question"})
        [no_praise] = await take(praise, 1)
        [still_gone] = await take(complaints, 1)
        await client.delete(address)
        [back] = await take(complaints, 1)
    known = {"id": mention.id, "watch": mention.watch}
    out = ("corrected", known | {"matches": False})
    assert (told.kind, told.data) == (
        "corrected",
        known | {"matches": True, "mention": answer.json()},
    )
    assert [(event.kind, event.data) for event in (gone, no_praise, still_gone)] == [out] * 3
    shown = json.loads(to_json(mention))
    assert (back.kind, back.data) == ("corrected", known | {"matches": True, "mention": shown})
    # Who comes back hears of each correction, as the mention is shown by then.
    async with events(client, last_id=before) as stream:
        assert [event.data for event in await take(stream, 3)] == [back.data] * 3


async def test_listeners_of_another_watch_hear_nothing_of_it(
    bus: Bus, client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    async with events(client, watch="board") as stream:
        await position(stream)
        await client.put(f"/v1/mentions/{mention.id}/label", json={"label": "praise"})
        await publish(bus, [a_mention(2, watch="board")])
        [told] = await take(stream, 1)
    assert told.number == "2"


async def test_the_log_says_only_that_something_was_said(
    bus: Bus, client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    body = {"label": "praise", "by": "Anna", "note": "Geheimnis"}
    await client.put(f"/v1/mentions/{mention.id}/label", json=body)
    async with bus.reader([CLASSIFIED]) as reader:
        values: list[bytes] = []
        while len(values) < 2:
            values += [record.value or b"" for record in await reader.poll(10, 5)]
    [told] = [event for event in map(json.loads, values) if "text" not in event]
    assert told == {"id": mention.id, "watch": mention.watch, "at": told["at"]}


async def test_a_second_person_takes_nothing_away_by_leaving_it_out(
    client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    address = f"/v1/mentions/{mention.id}/label"
    full = {"label": "crisis_candidate", "severity": 0.9, "theme": "fire", "note": "Bob", "by": "A"}
    first = (await client.put(address, json=full)).json()["corrected"]
    agreed = await client.put(address, json={"label": "crisis_candidate", "by": "Ben"})
    assert agreed.json()["corrected"] | {"at": ""} == first | {"by": "Ben", "at": ""}
    emptied = await client.put(address, json={"label": "crisis_candidate", "note": None})
    assert "note" not in emptied.json()["corrected"]
    assert emptied.json()["corrected"]["theme"] == "fire"


async def test_an_edit_of_a_corrected_mention_is_told_with_the_persons_label(
    bus: Bus, client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    await client.put(f"/v1/mentions/{mention.id}/label", json={"label": "praise"})
    edited = replace(mention, text="Ein neuer Text", collected_at=a_mention(300).collected_at)
    async with events(client, q="label:praise") as stream:
        await position(stream)
        await publish(bus, [a_mention(2), edited])
        [told] = await take(stream, 1)
    assert told.kind == "mention"
    assert told.data is not None
    assert told.data["text"] == "Ein neuer Text"
    assert told.data["corrected"]["label"] == "praise"  # type: ignore[index]


async def test_a_later_verdict_is_no_news(
    bus: Bus, client: httpx.AsyncClient, mention: ClassifiedMention
) -> None:
    verdict = replace(mention.classification, label="praise", reclassified=True)
    async with events(client) as stream:
        await position(stream)
        await publish(bus, [replace(mention, classification=verdict), a_mention(2)])
        [told] = await take(stream, 1)
    assert told.number == "2"
    async with asyncio.timeout(20):
        while not (await client.get("/v1/mentions?q=label:praise")).json()["items"]:
            await asyncio.sleep(0.01)
