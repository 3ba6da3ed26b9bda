"""Keeping critical voices until an incident comes of them, over both stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import select

from libs.common.db import reading, writing
from libs.common.errors import Retryable
from services.alert import kept
from services.alert.detection import KEPT_VOICES
from services.alert.kept import KEPT_FOR, Kept, Tidying
from services.alert.tables import voices
from tests.integration.alert.crowds import a_crowd, a_voice, deletion, kept_voices, outcome
from tests.integration.alert.house import a_house
from tests.unit.alert.builders import NIGHT

ALONE: dict[str, Any] = {"rules": []}
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def test_what_was_deleted_before_the_storm_is_evidence_without_its_text(
    database_url: str,
) -> None:
    async with a_house(database_url, **ALONE) as house:
        crowd = a_crowd(30)
        await house.sees(*crowd[:3])
        await house.sees(deletion(crowd[1]))
        await house.sees(*crowd[3:])
        incident = await house.the_one()
        assert await house.evidence(incident, crowd[1].id) is None
        assert await house.evidence(incident, crowd[2].id) == crowd[2].text


async def test_what_was_deleted_stays_blank_when_it_is_read_again(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        crowd = a_crowd(30)
        await house.sees(crowd[0], deletion(crowd[0]))
        await house.sees(crowd[0])
        await house.sees(*crowd[1:])
        assert await house.evidence(await house.the_one(), crowd[0].id) is None


async def test_what_was_edited_before_the_storm_is_evidence_as_it_is_now(
    database_url: str,
) -> None:
    async with a_house(database_url, **ALONE) as house:
        crowd = a_crowd(30)
        edited = replace(crowd[1], text="Werkstatt Termin geplatzt: hat sich erledigt")
        await house.sees(*crowd[:3])
        await house.sees(edited)
        await house.sees(*crowd[3:])
        assert await house.evidence(await house.the_one(), edited.id) == edited.text


async def test_an_edit_within_the_same_batch_is_what_is_kept(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        crowd = a_crowd(30)
        edited = replace(crowd[1], text="Werkstatt Termin geplatzt: hat sich erledigt")
        await house.sees(crowd[0], crowd[1], edited)
        await house.sees(*crowd[2:])
        assert await house.evidence(await house.the_one(), edited.id) == edited.text


async def test_an_edit_does_not_bring_back_what_was_deleted(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        crowd = a_crowd(30)
        await house.sees(*crowd[:3], deletion(crowd[1]))
        await house.sees(replace(crowd[1], text="Noch einmal ganz anders gesagt"))
        await house.sees(*crowd[3:])
        assert await house.evidence(await house.the_one(), crowd[1].id) is None


async def test_no_more_voices_of_a_story_are_kept_than_anybody_reads(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        crowd = a_crowd(KEPT_VOICES + 200)
        for place in range(0, len(crowd), 400):
            await house.sees(*crowd[place : place + 400])
        assert KEPT_VOICES <= len(await kept_voices(house)) < KEPT_VOICES + 20


async def test_what_nobody_criticises_is_not_kept(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        for number in range(5):
            at = NIGHT + number * HOUR
            await house.sees(a_voice(number, at, label="praise", text=f"Schön, Treffen {number}"))
        assert await kept_voices(house) == set()


async def test_a_voice_that_is_kept_stays_as_it_was(database_url: str) -> None:
    async with a_house(database_url) as house:
        first = a_voice(1)
        async with writing(house.engine) as connection:
            await kept.keep(connection, [Kept(first, "general", None)], NIGHT)
            edited = a_voice(1, text="etwas anderes")
            await kept.keep(connection, [Kept(edited, "other", "c1")], NIGHT)
        assert await kept_voices(house) == {first.id}
        async with reading(house.engine) as connection:
            clusters = list(await connection.scalars(select(voices.c.cluster)))
        assert clusters == [None]


async def test_old_voices_are_let_go_of_and_evidence_stays(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        await house.sees(*a_crowd(30))
        before = (await outcome(house)).evidence
        async with writing(house.engine) as connection:
            await kept.tidy(connection, house.time.now + KEPT_FOR)
        assert len(await kept_voices(house)) == 30
        async with writing(house.engine) as connection:
            await kept.tidy(connection, house.time.now + KEPT_FOR + MINUTE)
        after = await outcome(house)
        assert (after.voices, after.evidence) == (set(), before)
        assert (await house.the_one()).state == "open"


async def test_the_service_lets_go_of_them_by_itself(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        await house.sees(a_voice(1))
        house.time.passes(days=31)
        stop = asyncio.Event()
        running = asyncio.create_task(Tidying(house.engine, house.time).run(stop))
        async with asyncio.timeout(30):
            while await kept_voices(house):
                await asyncio.sleep(0)
            stop.set()
            await running


async def test_a_store_that_does_not_answer_keeps_the_service_going(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        times = iter([Retryable("the store does not answer: gone")])
        asked, stop = asyncio.Event(), asyncio.Event()

        def clock() -> Any:
            asked.set()
            raise next(times)

        running = asyncio.create_task(Tidying(house.engine, clock).run(stop))
        async with asyncio.timeout(30):
            await asked.wait()
            stop.set()
            await running
