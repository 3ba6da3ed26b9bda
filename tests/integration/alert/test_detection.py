"""What the detectors make of a row of mentions, through the responder, over both stores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from libs.common.db import reading
from libs.common.errors import Retryable
from libs.common.events import ClassifiedMention, Event
from services.alert.coverage import Ledger
from services.alert.detector import seconds
from services.alert.incident import Incident
from services.alert.signal import OPERATIONS
from services.alert.states import States
from tests.integration.alert.crowds import Outcome, a_crowd, a_voice, outcome
from tests.integration.alert.house import House, a_house
from tests.unit.alert.builders import NIGHT, a_mention
from tests.unit.alert.detectors.campaign_posts import a_fake_wave
from tests.unit.alert.test_source import a_change

ALONE: dict[str, Any] = {"rules": []}
"""Only the detectors speak."""
HOUR = timedelta(hours=1)


def a_life() -> list[ClassifiedMention]:
    """A storm, a hint, a campaign, something grave and the calm after it; the last is critical."""
    crowd = a_crowd(30)
    wave = [
        replace(post, watch="motorrad-ag", id=f"wave{number}")
        for number, post in enumerate(a_fake_wave(6, at=NIGHT + timedelta(minutes=12)))
    ]
    hint = a_voice(900, NIGHT + timedelta(minutes=15), kind="hint")
    grave = replace(a_mention("901", severity=0.95), collected_at=NIGHT + timedelta(minutes=50))
    calm = [a_voice(910 + n, NIGHT + (3 + n) * HOUR, label="other", text="Tag") for n in range(5)]
    return [*crowd, hint, *wave, grave, *calm, a_voice(950, NIGHT + 9 * HOUR)]


def the_storm(found: Sequence[Incident]) -> Incident:
    (incident,) = (each for each in found if "level" in each.raised_by)
    return incident


async def test_a_storm_is_one_incident_with_what_was_said_before_it_was_noticed(
    database_url: str,
) -> None:
    async with a_house(database_url, **ALONE) as house:
        crowd = a_crowd(30)
        await house.sees(*crowd[:3])
        assert await house.all() == []
        for place in range(3, 30, 4):
            await house.sees(*crowd[place : place + 4])
        incident = await house.the_one()
        assert incident.level >= 2
        assert {mention for _, mention in (await outcome(house)).evidence} == {
            mention.id for mention in crowd
        }
        assert [page[:2] for page in await house.pages()][:1] == [("channel:log", "opened")]


async def test_the_api_tells_what_it_is_about_and_why_its_level_is_what_it_is(
    database_url: str,
) -> None:
    async with a_house(database_url, **ALONE) as house, house.client() as client:
        await house.sees(*a_crowd(30))
        incident = await house.the_one()
        shown = (await client.get(f"/v1/incidents/{incident.id}")).json()
        assert shown["headline"]["en"] == "Motorrad AG: Werkstatt Termin geplatzt (Critical post)"
        assert shown["level"] <= shown["rank"] < shown["level"] + 1
        assert shown["mentions"] == 30
        assert len(shown["story"]) == 5
        assert len({quote["text"] for quote in shown["story"]}) == 5
        reasons = shown["level_evidence"]
        assert "kritische Stimmen in de" in reasons["holds"][0]["de"]
        assert "critical voices in the last" in reasons["holds"][0]["en"]
        assert reasons["almost"]["de"]
        (listed,) = (await client.get("/v1/incidents")).json()["items"]
        assert (listed["headline"], listed["paged"]) == (shown["headline"], True)


async def test_a_storm_that_is_over_falls_and_pages_nobody(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        await house.sees(*a_crowd(30))
        before, told = await house.the_one(), await house.pages()
        for number in range(20):
            at = NIGHT + (2 + number) * HOUR
            await house.sees(a_voice(500 + number, at, label="other", text=f"Treffen {number}"))
        after = await house.the_one()
        assert (before.level >= 2, after.level <= 1, after.state) == (True, True, "open")
        assert await house.pages() == told


async def test_a_single_complaint_opens_nothing(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        await house.sees(a_voice(1))
        assert await house.all() == []
        assert len((await outcome(house)).voices) == 1


async def test_a_hint_joins_what_the_detectors_have_opened(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        await house.sees(*a_crowd(30))
        told = len(await house.pages())
        house.time.passes(minutes=1)
        await house.sees(a_voice(900, NIGHT + timedelta(minutes=11), kind="hint"))
        incident = await house.the_one()
        assert incident.signals == 2
        assert [page[1] for page in await house.pages()][told:] == ["hint"]


async def test_a_campaign_is_an_incident_of_its_own_with_all_its_copies(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        wave = a_fake_wave(6)
        for post in wave:
            await house.sees(post)
        incident = await house.the_one()
        assert (incident.watch, incident.playbook, incident.level) == ("hotel", "campaign", 1)
        mentions = {mention for _, mention in (await outcome(house)).evidence}
        # The first is not known as a copy when it comes.
        assert {post.id for post in wave[1:]} <= mentions
        assert await house.pages() == []


async def sees_in_batches(house: House, events: Sequence[Event], size: int) -> None:
    for place in range(0, len(events), size):
        await house.sees(*events[place : place + size])


async def whole(database_url: str) -> Outcome:
    """What comes of a life in one batch."""
    async with a_house(database_url, **ALONE) as house:
        await house.sees(*a_life())
        return await outcome(house)


@pytest.fixture
async def expected(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What comes of a life in one batch, in a store of its own."""
    return await whole(f"sqlite:///{tmp_path_factory.mktemp('whole') / 'one.db'}")


@pytest.mark.parametrize("size", [1, 7])
async def test_batches_that_are_split_anywhere_come_to_the_same(
    size: int, database_url: str, expected: Outcome
) -> None:
    async with a_house(database_url, **ALONE) as house:
        await sees_in_batches(house, a_life(), size)
        assert await outcome(house) == expected
    assert {incident.theme for incident in expected.incidents} > {"product-safety"}


async def test_a_restart_between_any_two_batches_comes_to_the_same(
    database_url: str, expected: Outcome
) -> None:
    life = a_life()
    for place in range(0, len(life), 3):
        async with a_house(database_url, **ALONE) as house:
            await house.sees(*life[place : place + 3])
    async with a_house(database_url, **ALONE) as house:
        assert await outcome(house) == expected


class Stumbling:
    """Lets every other transaction that writes fail at its very end."""

    def __init__(self, house: House) -> None:
        self.failed = 0
        self._commits = 0
        self._house = house
        event.listen(house.engine.sync_engine, "commit", self._commit)

    def _commit(self, connection: Any) -> None:
        if not connection.get_execution_options().get("brandmelder_writes"):
            return
        self._commits += 1
        if self._commits % 2:
            self.failed += 1
            raise OperationalError("COMMIT", {}, Exception("the disc is full"))

    async def sees(self, *events: Event) -> None:
        """As the worker does it: the same batch again."""
        with pytest.raises(Retryable, match="the disc is full"):
            await self._house.sees(*events)
        await self._house.sees(*events)


async def test_a_batch_that_could_not_be_written_is_folded_anew(
    database_url: str, expected: Outcome
) -> None:
    async with a_house(database_url, **ALONE) as house:
        stumbling = Stumbling(house)
        life = a_life()
        for place in range(0, len(life), 9):
            await stumbling.sees(*life[place : place + 9])
        assert await outcome(house) == expected
        assert stumbling.failed == 5


async def test_who_was_overtaken_reads_anew_what_the_other_has_folded(
    database_url: str, expected: Outcome
) -> None:
    life = a_life()
    async with a_house(database_url, **ALONE) as one, a_house(database_url, **ALONE) as two:
        for place in range(0, len(life), 5):
            house = one if place % 2 else two
            await house.sees(*life[place : place + 5])
        assert await outcome(one) == expected


async def test_a_batch_that_comes_again_after_a_crash_changes_nothing(database_url: str) -> None:
    crowd = a_crowd(30)
    async with a_house(database_url, **ALONE) as house:
        await house.sees(*crowd)
        before, told = await outcome(house), await house.pages()
    async with a_house(database_url, **ALONE) as house:
        await house.sees(*crowd)
        after = await outcome(house)
        assert after == before
        assert await house.pages() == told


async def test_what_is_known_of_sick_sources_outlives_a_restart(database_url: str) -> None:
    async with a_house(database_url, **ALONE) as house:
        await house.sees(a_change())
        incident = await house.the_one()
        assert (incident.watch, incident.theme) == (OPERATIONS, "source:bikeforum")
    async with a_house(database_url, **ALONE) as house:
        assert await blind(house) == {"bikeforum"}
        well = a_change("ok", reason=None, at=NIGHT + HOUR, since=NIGHT + HOUR)
        await house.sees(well)
    async with a_house(database_url, **ALONE) as house:
        assert await blind(house) == {"bikeforum"}
        assert await blind(house, after=2 * HOUR) == frozenset()
        assert (await house.the_one()).state == "resolved"


async def blind(house: House, after: timedelta = timedelta()) -> frozenset[str]:
    """The sources that were not read so long after `NIGHT`, as the store has it."""
    async with reading(house.engine) as connection:
        ledger = (await States(Ledger).hold(connection, [OPERATIONS]))[OPERATIONS]
    return ledger.blind(seconds(NIGHT + after))
