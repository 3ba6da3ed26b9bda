"""From classified mentions to incidents, pages and events, over both stores."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from libs.common.bus import Bus, Message
from libs.common.db import writing
from libs.common.errors import Retryable
from libs.common.events import (
    ClassifiedMention,
    IncidentOpened,
    LevelChanged,
    MentionDeleted,
    Paged,
    SignalJoined,
)
from services.alert import store
from services.alert.incident import Refusal, acknowledge, fold, note, on_signal, resolve
from services.alert.relay import Relay
from services.alert.store import Conflict
from services.alert.tables import leases
from tests.integration.alert.house import (
    House,
    Taking,
    a_bus,
    a_house,
    incident_events,
    published,
)
from tests.unit.alert.builders import BRAKES, NIGHT, a_mention, a_signal, reclassified

STORM: dict[str, Any] = {
    "rules": [
        {"id": "danger", "when": "label:crisis_candidate severity>=0.7", "level": 3},
        {"id": "storm", "when": "label:crisis_candidate severity>=0.95", "level": 5},
    ]
}


async def test_a_grave_mention_opens_an_incident_and_pages(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_mention("1", label="other", severity=0.0), a_mention("2"))
        incident = await house.the_one()
        assert (incident.watch, incident.theme, incident.level, incident.state) == (
            "motorrad-ag",
            "product-safety",
            3,
            "open",
        )
        assert incident.title == "Motorrad AG: Produkt gefährdet Menschen"
        events = await house.events(incident.id)
        assert [type(event) for event in events] == [IncidentOpened, Paged]
        assert fold(events) == incident
        assert await house.pages() == [("channel:log", "opened", "pending", 0, None)]


async def test_the_same_batch_again_changes_nothing(database_url: str) -> None:
    async with a_house(database_url) as house:
        batch = [a_mention("1"), a_mention("2")]
        await house.sees(*batch)
        before = await house.the_one()
        await house.sees(*batch)
        await house.sees(*reversed(batch))
        assert await house.the_one() == before
        assert len(await house.pages()) == 1


async def test_what_burns_in_one_watch_and_theme_is_one_incident(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_mention("1"))
        await house.sees(a_mention("2"), a_mention("3", watch="board"))
        found = {incident.watch: incident for incident in await house.all()}
        assert {watch: incident.signals for watch, incident in found.items()} == {
            "motorrad-ag": 2,
            "board": 1,
        }


async def test_worsening_pages_again_after_somebody_has_taken_it(database_url: str) -> None:
    async with a_house(database_url, **STORM) as house:
        await house.sees(a_mention("1"))
        incident = await house.the_one()
        await house.commands.run(incident.id, lambda i, now: acknowledge(i, "anna", now))
        house.time.passes(minutes=1)
        await house.sees(a_mention("2", severity=0.8))
        assert [page[1] for page in await house.pages()] == ["opened", "acknowledged"]
        await house.sees(a_mention("3", severity=0.99))
        assert sorted(page[1] for page in await house.pages()) == [
            "acknowledged",
            "opened",
            "worsened",
        ]
        worse = await house.the_one()
        assert (worse.level, worse.state) == (5, "acknowledged")


async def test_after_the_end_the_next_mention_opens_a_new_incident(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_mention("1"))
        first = await house.the_one()
        await house.commands.run(first.id, lambda i, now: resolve(i, "geklärt", "anna", now))
        house.time.passes(hours=1)
        await house.sees(a_mention("1"), a_mention("2"))
        newest, oldest = await house.all()
        assert (oldest.id, oldest.state) == (first.id, "resolved")
        assert (newest.state, newest.signals) == ("open", 1)


async def test_mentions_from_the_past_open_nothing(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_mention("1", backfill=True))
        assert await house.all() == []


async def test_every_hint_is_paged_and_joins_what_burns(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_mention("1"))
        house.time.passes(minutes=1)
        await house.sees(a_mention("2", kind="hint"), a_mention("3", kind="hint"))
        incident = await house.the_one()
        assert incident.signals == 3
        assert [page[1] for page in await house.pages()] == ["opened", "hint", "hint"]


async def test_the_page_tells_how_far_it_reaches(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(
            a_mention("1", author="anton"),
            a_mention("2", author="anton"),
            a_mention("3", author="berta"),
            a_mention("4", author=None),
        )
        taking = Taking()
        await house.delivery({"log": taking}).deliver_due("log")
        (page,) = taking.taken
        alarm = page.alarm
        assert (alarm.mentions, alarm.voices, alarm.sources) == (4, 3, ("bikeforum",))
        assert alarm.quote is not None
        assert alarm.quote.words == ("Bremse", "versagt")
        assert [step.id for step in alarm.steps] == ["people-first", "call-safety", "say-we-care"]
        assert alarm.url == f"https://melder.example/?incident={alarm.incident}"


async def test_a_later_verdict_pages_nobody_and_leaves_the_evidence(database_url: str) -> None:
    async with a_house(database_url, **STORM) as house:
        await house.sees(a_mention("1", severity=0.8))
        before = await house.the_one()
        older = a_mention("1", text="Was früher da stand", severity=0.99)
        await house.sees(reclassified(older), reclassified(a_mention("2", severity=0.99)))
        assert await house.the_one() == before
        assert len(await house.pages()) == 1
        assert await house.evidence(before, older.id) == BRAKES


async def test_a_deleted_post_loses_its_text_everywhere(database_url: str) -> None:
    async with a_house(database_url) as house:
        mention = a_mention("1")
        await house.sees(mention)
        gone = MentionDeleted(
            id=mention.id,
            watch=mention.watch,
            source=mention.source,
            platform=mention.platform,
            native_id=mention.native_id,
            deleted_at=NIGHT,
        )
        await house.sees(gone)
        assert await house.evidence(await house.the_one(), mention.id) is None
        taking = Taking()
        await house.delivery({"log": taking}).deliver_due("log")
        (page,) = taking.taken
        assert page.alarm.quote is not None
        assert page.alarm.quote.text is None


async def _sees_in_turn(house: House, mentions: Sequence[ClassifiedMention]) -> None:
    """As a worker does it: what can be tried again is."""
    for mention in mentions:
        while True:
            try:
                await house.sees(mention)
            except Retryable:
                continue
            break


async def test_two_copies_that_see_the_same_at_once_open_one_incident(database_url: str) -> None:
    async with a_house(database_url) as one, a_house(database_url) as two:
        mentions = [a_mention(str(number)) for number in range(20)]
        await asyncio.gather(*(_sees_in_turn(house, mentions) for house in (one, two)))
        incident = await one.the_one()
        assert incident.signals == 20
        assert fold(await one.events(incident.id)) == incident
        assert [page[1] for page in await one.pages()] == ["opened"]


async def test_who_decided_on_an_old_state_decides_again(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_mention("1"))
        incident = await house.the_one()
        await asyncio.gather(
            *(
                house.commands.run(incident.id, lambda i, now: note(i, "gesehen", "anna", now))
                for _ in range(10)
            )
        )
        after = await house.the_one()
        assert after.seq == incident.seq + 10
        assert fold(await house.events(incident.id)) == after


async def test_two_open_incidents_of_one_watch_and_theme_cannot_be_stored(
    database_url: str,
) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_mention("1"))
        with pytest.raises(IntegrityError):
            async with writing(house.engine) as connection:
                await store.append(connection, None, on_signal(None, a_signal("2"), (), NIGHT))
        assert len(await house.all()) == 1


async def test_an_event_decided_on_an_old_state_cannot_be_stored(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.sees(a_mention("1"))
        stale = await house.the_one()
        await house.sees(a_mention("2"))
        late = note(stale, "zu spät", "anna", NIGHT)
        assert not isinstance(late, Refusal)
        with pytest.raises((IntegrityError, Conflict)):
            async with writing(house.engine) as connection:
                await store.append(connection, stale, late)


async def test_events_reach_the_log_in_order_and_once(database_url: str, tmp_path: Path) -> None:
    async with a_house(database_url, **STORM) as house, a_bus(tmp_path) as bus:
        await house.sees(a_mention("1"))
        relay = house.relay(bus)
        await relay.publish()
        await house.sees(a_mention("2", severity=0.99))
        await relay.publish()
        assert await relay.publish() == 0
        incident = await house.the_one()
        records = await published(bus, incident.seq)
        assert {record.key for record in records} == {incident.id}
        assert incident_events(records) == await house.events(incident.id)
        assert [type(event) for event in incident_events(records)] == [
            IncidentOpened,
            Paged,
            SignalJoined,
            LevelChanged,
            Paged,
        ]


async def test_one_copy_relays_at_a_time_and_another_takes_over(
    database_url: str, tmp_path: Path
) -> None:
    async with a_house(database_url) as house, a_bus(tmp_path) as bus:
        await house.sees(a_mention("1"))
        one, two = house.relay(bus), house.relay(bus)
        assert await one.publish() == 2
        await house.sees(a_mention("2", watch="board"))
        assert await two.publish() == 0
        house.time.passes(seconds=11)
        assert await two.publish() == 2


async def test_incidents_are_published_although_the_clock_was_set_back(
    database_url: str, tmp_path: Path
) -> None:
    async with a_house(database_url) as house, a_bus(tmp_path) as bus:
        await house.sees(a_mention("1"))
        assert await house.relay(bus).publish() == 2
        await house.sees(a_mention("2", watch="board"))
        after = house.relay(bus)
        house.time.passes(seconds=-9)
        assert await after.publish() == 0
        house.time.passes(hours=-1)
        assert await after.publish() == 2


class Late:
    """A log that takes messages when it is told to, and hands them on to a real one."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def publish(self, messages: Sequence[Message]) -> None:
        self.asked.set()
        await self.go.wait()
        await self._bus.publish(messages)


async def test_a_log_slower_than_the_lease_gets_nothing_after_it(
    database_url: str, tmp_path: Path
) -> None:
    async with a_house(database_url) as house, a_bus(tmp_path) as bus:
        late = Late(bus)
        lease = timedelta(seconds=0.2)
        slow = Relay(house.engine, late, house.bell, house.time, "alert", lease=lease)
        await house.sees(a_mention("1"))
        with pytest.raises(Retryable, match="in time"):
            await slow.publish()
        house.time.passes(seconds=0.3)
        incident = await house.the_one()
        await house.commands.run(incident.id, lambda i, now: note(i, "hm", "anna", now))
        assert await house.relay(bus).publish() == 3
        late.go.set()
        assert await slow.publish() == 0
        assert incident_events(await published(bus, 3)) == await house.events(incident.id)


async def test_who_lost_the_lease_marks_nothing_as_published(
    database_url: str, tmp_path: Path
) -> None:
    async with a_house(database_url) as house, a_bus(tmp_path) as bus:
        late = Late(bus)
        await house.sees(a_mention("1"))
        losing = asyncio.create_task(
            Relay(house.engine, late, house.bell, house.time, "alert").publish()
        )
        async with asyncio.timeout(5):
            await late.asked.wait()
            async with writing(house.engine) as connection:
                await connection.execute(update(leases).values(holder="another"))
            late.go.set()
            assert await losing == 0
        house.time.passes(seconds=11)
        assert await house.relay(bus).publish() == 2
