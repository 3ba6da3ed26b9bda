"""A sick source gets somebody out of bed, once; its recovery lets them sleep on. Both stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from libs.common.auth import Gate
from libs.common.bus import SOURCES
from libs.common.db import open_engine
from libs.common.events import (
    Acknowledged,
    IncidentOpened,
    MentionDeleted,
    Paged,
    Resolved,
    SignalJoined,
    SourceHealthChanged,
    to_message,
)
from libs.common.worker import Limits
from services.alert.incident import acknowledge, resolve
from services.alert.service import open_service
from services.alert.settings import AlertSettings
from tests.integration.alert.house import TOKEN, House, Taking, a_bus, a_house
from tests.integration.alert.test_service import running
from tests.unit.alert.builders import NIGHT, a_mention
from tests.unit.alert.test_source import a_change

MINUTE = timedelta(minutes=1)
CREW: dict[str, Any] = {
    "channels": [
        {"id": "mail", "kind": "email", "smtp": "smtp://localhost", "from": "a@example.org"},
        {"id": "crisis-room", "kind": "log"},
    ],
    "people": [
        {"id": "anna", "name": "Anna", "contacts": ["mailto:anna@example.org"]},
        {"id": "olga", "name": "Olga", "contacts": ["mailto:olga@example.org"]},
    ],
}


async def told(house: House) -> list[tuple[str, str]]:
    """Who was told, and why."""
    return [(to, cause) for to, cause, *_ in await house.pages()]


def recovered(minutes: float) -> SourceHealthChanged:
    at = NIGHT + minutes * MINUTE
    return a_change("ok", reason=None, at=at, since=at - 10 * MINUTE)


async def test_those_in_charge_of_operations_are_paged(database_url: str) -> None:
    crew = {**CREW, "operations": {"notify": ["person:olga"]}}
    async with a_house(database_url, **crew) as house:
        await house.sees(a_change())
        incident = await house.the_one()
        assert (incident.watch, incident.theme, incident.level, incident.state) == (
            "operations",
            "source:bikeforum",
            1,
            "open",
        )
        assert incident.title == "Die Quelle bikeforum lehnt unsere Zugangsdaten ab"
        assert await told(house) == [("channel:log", "opened"), ("person:olga", "opened")]
        taking = Taking()
        await house.delivery({"mail": taking}).deliver_due("mail")
        (page,) = taking.taken
        assert page.alarm.watch_name == "bikeforum"
        assert page.alarm.since == NIGHT - 10 * MINUTE
        assert [step.id for step in page.alarm.steps] == ["look", "by-hand", "repair"]


async def test_where_nobody_is_named_everybody_is_paged(database_url: str) -> None:
    async with a_house(database_url, **CREW) as house:
        await house.sees(a_change())
        assert {to for to, _ in await told(house)} == {
            "channel:crisis-room",
            "channel:log",
            "person:anna",
            "person:olga",
        }


async def test_a_repeat_changes_nothing_and_another_illness_joins(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_change("failing"))
        await house.sees(a_change("failing"), a_change("failing"))
        worse = a_change("auth_failed", at=NIGHT + 20 * MINUTE)
        await house.sees(worse)
        await house.sees(worse)
        incident = await house.the_one()
        events = await house.events(incident.id)
        assert [type(event) for event in events] == [IncidentOpened, Paged, SignalJoined]
        assert (incident.signals, incident.level) == (2, 1)


async def test_every_source_has_an_incident_of_its_own(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_change(), a_change(source="presse"), a_mention("1"))
        assert {incident.theme for incident in await house.all()} == {
            "source:bikeforum",
            "source:presse",
            "product-safety",
        }


async def test_recovery_ends_it_and_tells_those_who_were_told(database_url: str) -> None:
    async with a_house(database_url, **CREW) as house:
        await house.sees(a_change())
        incident = await house.the_one()
        await house.commands.run(incident.id, lambda i, now: acknowledge(i, "olga", now))
        house.time.passes(minutes=50)
        await house.sees(recovered(40))
        ended = await house.the_one()
        assert (ended.state, ended.acknowledged_by, ended.resolved_by) == (
            "resolved",
            "olga",
            "Brandmelder",
        )
        assert ended.resolution == (
            "Die Quelle bikeforum wird wieder gelesen, seit Sonntag, 22. November, 03:42 Uhr."
        )
        causes = [cause for to, cause in await told(house) if to == "person:anna"]
        assert causes == ["opened", "acknowledged", "resolved"]


async def test_recovery_of_what_nobody_had_taken_is_one_message(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_change())
        await house.sees(recovered(40))
        events = await house.events((await house.the_one()).id)
        assert [type(event) for event in events] == [
            IncidentOpened,
            Paged,
            Acknowledged,
            Resolved,
            Paged,
        ]


async def test_what_is_told_again_after_a_crash_does_not_hide_a_new_illness(
    database_url: str,
) -> None:
    async with a_house(database_url) as house:
        story = [a_change(), recovered(40), a_change(at=NIGHT + 60 * MINUTE)]
        for change in story:
            await house.sees(change)
        await house.sees(*story)
        newest, oldest = sorted(await house.all(), key=lambda i: i.state)
        assert (newest.state, oldest.state) == ("open", "resolved")


async def test_recovery_without_an_incident_is_nothing(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(recovered(0))
        assert await house.all() == []
        await house.sees(a_change())
        incident = await house.the_one()
        await house.commands.run(incident.id, lambda i, now: resolve(i, "gewollt", "olga", now))
        await house.sees(recovered(40))
        assert (await house.the_one()).resolved_by == "olga"


async def test_the_timeline_and_the_evidence_tell_of_the_source(database_url: str) -> None:
    async with a_house(database_url) as house, house.client() as client:
        await house.sees(a_change("failing", reason="unreachable: no connection"))
        await house.sees(a_change(at=NIGHT + 20 * MINUTE))
        incident = await house.the_one()
        shown = (await client.get(f"/v1/incidents/{incident.id}")).json()
        lines = [entry["text"]["en"] for entry in shown["timeline"]]
        assert lines[-1] == "The source changed: credentials refused: 401"
        assert [(e["text"], e["health"]) for e in shown["evidence"]] == [
            ("unreachable: no connection", "failing"),
            ("credentials refused: 401", "auth_failed"),
        ]
        assert shown["playbook"]["id"] == "source-down"


async def test_a_post_that_is_edited_shows_its_new_text_and_pages_nobody(
    database_url: str,
) -> None:
    async with a_house(database_url) as house, house.client() as client:
        await house.sees(a_mention("1"))
        house.time.passes(minutes=5)
        await house.sees(a_mention("1", text="Bremse doch in Ordnung, mein Fehler.", severity=0.75))
        incident = await house.the_one()
        assert incident.signals == 1
        assert len(await house.pages()) == 1
        (post,) = (await client.get(f"/v1/incidents/{incident.id}")).json()["evidence"]
        assert post["text"] == "Bremse doch in Ordnung, mein Fehler."
        assert post["edited_at"] == "2026-11-22T02:12:00Z"
        assert post["severity"] == 0.75


async def test_an_edit_that_no_rule_wants_is_shown_too(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_mention("1"))
        edited = a_mention("1", text="[vom Autor entfernt]", label="other", severity=0.0)
        await house.sees(edited)
        incident = await house.the_one()
        assert await house.evidence(incident, edited.id) == "[vom Autor entfernt]"


async def test_an_edit_in_the_same_batch_is_shown(database_url: str) -> None:
    async with a_house(database_url) as house:
        edited = a_mention("1", text="Jetzt anders.", label="other", severity=0.0)
        await house.sees(a_mention("1"), edited)
        assert await house.evidence(await house.the_one(), edited.id) == "Jetzt anders."


async def test_an_edit_that_is_graver_than_what_is_known_is_told(database_url: str) -> None:
    rules = [
        {"id": "danger", "when": "severity>=0.7", "level": 3},
        {"id": "storm", "when": "severity>=0.95", "level": 5, "theme": "storm"},
        {"id": "anger", "when": "label:complaint", "level": 2, "theme": "anger"},
    ]
    async with a_house(database_url, rules=rules) as house:
        await house.sees(a_mention("1"))
        await house.sees(a_mention("1", text="Ärgerlich.", label="complaint", severity=0.5))
        assert len(await house.all()) == 1
        await house.sees(a_mention("1", text="Es gibt Tote.", severity=0.99))
        assert {incident.level for incident in await house.all()} == {3, 5}


async def test_a_deleted_post_does_not_come_back_by_an_edit(database_url: str) -> None:
    async with a_house(database_url) as house:
        post = a_mention("1")
        await house.sees(post)
        await house.sees(
            MentionDeleted(
                id=post.id,
                watch=post.watch,
                source=post.source,
                platform=post.platform,
                native_id=post.native_id,
                deleted_at=NIGHT,
            )
        )
        await house.sees(a_mention("1", text="Anderer Text."))
        assert await house.evidence(await house.the_one(), post.id) is None


async def test_from_the_log_to_an_incident_and_its_end(database_url: str, tmp_path: Path) -> None:
    engine = open_engine(database_url)
    try:
        async with (
            a_bus(tmp_path) as bus,
            open_service(
                AlertSettings(), bus, engine, Gate(TOKEN), limits=Limits(wait=0.05)
            ) as service,
            running(service) as client,
            asyncio.timeout(30),
        ):
            for change, state in ((a_change(), "open"), (recovered(40), "resolved")):
                message = to_message(SOURCES, change.source, change, service="ingest")
                await bus.publish([message])
                while [
                    item["state"] for item in (await client.get("/v1/incidents")).json()["items"]
                ] != [state]:
                    await asyncio.sleep(0.02)
    finally:
        await engine.dispose()
