"""Pages on their way: real webhooks and real mail, failures and crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter
from sqlalchemy import text, update

from libs.common.clock import utc_now
from libs.common.db import open_engine, writing
from libs.common.errors import Retryable
from libs.common.events import PageDelivered, PageFailed
from services.alert.deliver import Delivery, Schedule
from services.alert.incident import note
from services.alert.notifier import Notifier, Refused, Surroundings
from services.alert.notifiers import webhook
from services.alert.service import check_outbox
from services.alert.settings import AlertSettings
from services.alert.tables import pages
from tests.integration.alert.house import Failing, House, Taking, a_bus, a_house
from tests.integration.alert.receiver import answer, receiving
from tests.unit.alert.builders import a_mention

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def hook(url: str, **options: Any) -> dict[str, Any]:
    return {"id": "room", "kind": "webhook", "url": url, "secret": SECRET, **options}


@asynccontextmanager
async def a_webhook(url: str, **options: Any) -> AsyncIterator[Notifier]:
    """The real notifier, with the real clock that signatures need."""
    config = TypeAdapter(webhook.Config).validate_python(
        hook(url, **{"allow_private": True, **options})
    )
    async with config.open(Surroundings("M", ZoneInfo("Europe/Berlin"), utc_now)) as notifier:
        yield notifier


@asynccontextmanager
async def a_paged_house(database_url: str) -> AsyncIterator[House]:
    """An incident has been opened, and a page to `room` waits."""
    rules = [{"id": "danger", "when": "severity>=0.7", "level": 3, "notify": ["channel:room"]}]
    async with a_house(
        database_url, channels=[hook("https://hooks.example")], rules=rules
    ) as house:
        await house.sees(a_mention("1"))
        yield house


async def room(house: House) -> tuple[Any, ...]:
    """state, attempts and reason of the page to `room`."""
    (page,) = [page for page in await house.pages() if page[0] == "channel:room"]
    return page[2:]


async def test_a_page_arrives_signed_and_is_written_down(database_url: str) -> None:
    async with (
        a_paged_house(database_url) as house,
        receiving() as receiver,
        a_webhook(receiver.url) as notifier,
    ):
        assert await house.delivery({"room": notifier}).deliver_due("room") == 1
        (received,) = receiver.received
        said = received.verified(SECRET)
        incident = await house.the_one()
        assert (said["type"], said["data"]["id"]) == ("incident.opened", incident.id)
        assert await room(house) == ("delivered", 1, None)
        last = (await house.events(incident.id))[-1]
        assert last == PageDelivered(
            incident=incident.id,
            at=house.time.now,
            channel="room",
            page=received.id,
            attempts=1,
            to="channel:room",
        )
        assert await house.delivery({"room": notifier}).deliver_due("room") == 0


async def test_a_failed_attempt_is_repeated_later_under_the_same_id(database_url: str) -> None:
    async with (
        a_paged_house(database_url) as house,
        receiving(answer(500), answer(503), answer(200)) as receiver,
        a_webhook(receiver.url) as notifier,
    ):
        delivery = house.delivery({"room": notifier})
        assert await delivery.deliver_due("room") == 1
        assert await room(house) == ("pending", 1, "the receiver answered 500")
        assert await delivery.deliver_due("room") == 0
        house.time.passes(seconds=2)
        assert await delivery.deliver_due("room") == 1
        house.time.passes(seconds=3.9)
        assert await delivery.deliver_due("room") == 0
        house.time.passes(seconds=0.1)
        assert await delivery.deliver_due("room") == 1
        assert await room(house) == ("delivered", 3, None)
        assert len({received.id for received in receiver.received}) == 1
        assert len({received.body for received in receiver.received}) == 1
        for received in receiver.received:
            received.verified(SECRET)


async def test_the_receiver_says_when_to_come_back(database_url: str) -> None:
    async with (
        a_paged_house(database_url) as house,
        receiving(answer(429, "Retry-After: 120"), answer(200)) as receiver,
        a_webhook(receiver.url) as notifier,
    ):
        delivery = house.delivery({"room": notifier})
        await delivery.deliver_due("room")
        house.time.passes(seconds=119)
        assert await delivery.deliver_due("room") == 0
        house.time.passes(seconds=3)
        assert await delivery.deliver_due("room") == 1


@pytest.mark.parametrize("header", ["99999999999999", "172800", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_receiver_that_asks_for_ages_is_asked_again_within_minutes(
    database_url: str, header: str
) -> None:
    async with (
        a_paged_house(database_url) as house,
        receiving(answer(503, f"Retry-After: {header}"), answer(200)) as receiver,
        a_webhook(receiver.url) as notifier,
    ):
        delivery = house.delivery({"room": notifier})
        await delivery.deliver_due("room")
        assert await room(house) == ("pending", 1, "the receiver answered 503")
        house.time.passes(minutes=10)
        assert await delivery.deliver_due("room") == 0
        house.time.passes(seconds=2)
        assert await delivery.deliver_due("room") == 1
        assert await room(house) == ("delivered", 2, None)


@pytest.mark.parametrize("status", [410, 404, 301])
async def test_what_the_receiver_refuses_has_failed_where_everybody_sees_it(
    database_url: str, status: int
) -> None:
    async with (
        a_paged_house(database_url) as house,
        receiving(answer(status, "Location: https://elsewhere.example")) as receiver,
        a_webhook(receiver.url) as notifier,
    ):
        delivery = house.delivery({"room": notifier})
        await delivery.deliver_due("room")
        state, attempts, reason = await room(house)
        assert (state, attempts) == ("failed", 1)
        assert str(status) in reason
        failed = (await house.events((await house.the_one()).id))[-1]
        assert isinstance(failed, PageFailed)
        assert (failed.why, failed.to) == (reason, "channel:room")
        house.time.passes(days=1)
        assert await delivery.deliver_due("room") == 0
        assert len(receiver.received) == 1


async def test_a_receiver_that_never_answers_is_left_in_time(database_url: str) -> None:
    async with (
        a_paged_house(database_url) as house,
        receiving(b"", answer(200)) as receiver,
        a_webhook(receiver.url) as notifier,
    ):
        delivery = house.delivery({"room": notifier}, limit=timedelta(seconds=0.2))
        await delivery.deliver_due("room")
        assert await room(house) == ("pending", 1, "not taken within 0.2 s")


async def test_an_answer_whose_body_never_comes_is_an_answer(database_url: str) -> None:
    async with (
        a_paged_house(database_url) as house,
        receiving(answer(200, length=10_000_000)) as receiver,
        a_webhook(receiver.url) as notifier,
    ):
        await house.delivery({"room": notifier}).deliver_due("room")
        assert await room(house) == ("delivered", 1, None)


async def test_a_receiver_that_is_not_there_is_tried_again(database_url: str) -> None:
    async with receiving() as receiver:
        url = receiver.url
    async with a_paged_house(database_url) as house, a_webhook(url) as notifier:
        await house.delivery({"room": notifier}).deliver_due("room")
        state, attempts, reason = await room(house)
        assert (state, attempts) == ("pending", 1)
        assert "ConnectError" in reason


async def test_private_networks_are_out_of_bounds_unless_the_channel_says_so(
    database_url: str,
) -> None:
    async with (
        a_paged_house(database_url) as house,
        receiving() as receiver,
        a_webhook(receiver.url, allow_private=False) as notifier,
    ):
        await house.delivery({"room": notifier}).deliver_due("room")
        state, _, reason = await room(house)
        assert state == "failed"
        assert "127.0.0.1" in reason
        assert "allow_private" in reason
        assert receiver.received == []


async def test_after_a_day_a_page_has_failed(database_url: str) -> None:
    async with a_paged_house(database_url) as house:
        failing = Failing(*(Retryable("busy") for _ in range(500)))
        delivery = house.delivery({"room": failing})
        for _ in range(200):
            await delivery.deliver_due("room")
            house.time.passes(minutes=10)
        state, attempts, reason = await room(house)
        assert state == "failed"
        assert attempts == len(failing.tried) == 145
        assert reason == "given up after 145 attempts: busy"


async def test_a_page_whose_sender_died_before_writing_it_down_goes_out_again(
    database_url: str,
) -> None:
    async with a_paged_house(database_url) as house:
        dying = asyncio.Event()

        class Dying(Taking):
            async def send(self, page: Any) -> Any:
                await super().send(page)
                dying.set()
                await asyncio.Event().wait()

        first, second = Dying(), Taking()
        sending = asyncio.create_task(house.delivery({"room": first}).deliver_due("room"))
        await dying.wait()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        after = house.delivery({"room": second})
        assert await after.deliver_due("room") == 0
        house.time.passes(seconds=23)
        assert await after.deliver_due("room") == 1
        assert second.taken == first.taken
        assert await room(house) == ("delivered", 2, None)


@pytest.mark.parametrize("error", [None, Retryable("busy"), asyncio.CancelledError()])
async def test_pages_go_out_although_the_clock_was_set_back(
    database_url: str, error: BaseException | None
) -> None:
    async with a_paged_house(database_url) as house:

        class Stopping(Taking):
            async def send(self, page: Any) -> Any:
                assert error is not None
                raise error

        if error is not None:
            first = house.delivery({"room": Stopping()}).deliver_due("room")
            await asyncio.gather(asyncio.create_task(first), return_exceptions=True)
            house.time.passes(seconds=-30)
            assert await house.delivery({"room": Taking()}).deliver_due("room") == 0
        house.time.passes(hours=-1)
        assert await house.delivery({"room": Taking()}).deliver_due("room") == 1
        state, _, _ = await room(house)
        assert state == "delivered"


async def test_two_copies_never_hold_the_same_page_at_once(database_url: str) -> None:
    async with a_house(database_url) as one, a_house(database_url) as two:
        await one.sees(*(a_mention(str(n), watch=f"w{n}") for n in range(30)))
        taking = Taking()
        deliveries = [house.delivery({"log": taking}) for house in (one, two) for _ in range(3)]

        async def drain(delivery: Delivery) -> None:
            while await delivery.deliver_due("log"):
                pass

        await asyncio.gather(*map(drain, deliveries))
        keys = [page.key for page in taking.taken]
        assert len(keys) == len(set(keys)) == 30


async def test_who_lost_the_lease_writes_nothing_down(database_url: str) -> None:
    async with a_paged_house(database_url) as house:
        second = Taking()

        class Slow(Taking):
            async def send(self, page: Any) -> Any:
                house.time.passes(seconds=23)
                await house.delivery({"room": second}).deliver_due("room")
                return await super().send(page)

        slow = Slow()
        await house.delivery({"room": slow}).deliver_due("room")
        assert [p.key for p in slow.taken] == [p.key for p in second.taken]
        assert await room(house) == ("delivered", 2, None)
        events = await house.events((await house.the_one()).id)
        assert sum(isinstance(event, PageDelivered) for event in events) == 1


async def test_a_notifier_that_breaks_is_tried_again_and_stops_nobody(database_url: str) -> None:
    async with a_paged_house(database_url) as house:
        delivery = house.delivery({"room": Failing(ZeroDivisionError("oops"))})
        await delivery.deliver_due("room")
        assert await room(house) == ("pending", 1, "ZeroDivisionError: oops")


async def test_a_page_that_breaks_our_own_code_cancels_no_other(database_url: str) -> None:
    async with a_paged_house(database_url) as house:
        await house.sees(a_mention("2", watch="board"))
        broken: list[asyncio.Task[None]] = []

        class Odd(Taking):
            async def send(self, page: Any) -> Any:
                if not broken:
                    task = asyncio.current_task()
                    assert task is not None
                    broken.append(task)
                    raise Retryable("later", retry_after=float("nan"))
                await asyncio.wait(broken)
                return await super().send(page)

        odd = Odd()
        delivery = house.delivery({"room": odd})
        assert await delivery.deliver_due("room") == 2
        assert len(odd.taken) == 1
        house.time.passes(seconds=23)
        second = Taking()
        assert await house.delivery({"room": second}).deliver_due("room") == 1
        assert second.taken != odd.taken


async def test_a_store_that_breaks_while_a_page_is_sent_does_not_lose_it(
    database_url: str,
) -> None:
    async with a_paged_house(database_url) as house:

        async def rename(old: str, new: str) -> None:
            async with writing(house.engine) as connection:
                await connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

        class Breaking(Taking):
            async def send(self, page: Any) -> Any:
                await rename("incident_pages", "elsewhere")
                return await super().send(page)

        assert await house.delivery({"room": Breaking()}).deliver_due("room") == 1
        await rename("elsewhere", "incident_pages")
        house.time.passes(seconds=23)
        assert await house.delivery({"room": Taking()}).deliver_due("room") == 1
        assert await room(house) == ("delivered", 2, None)


async def test_a_page_that_cannot_be_read_keeps_no_other_from_going_out(
    database_url: str,
) -> None:
    async with a_paged_house(database_url) as house:
        async with writing(house.engine) as connection:
            await connection.execute(update(pages).values(payload="{}"))
        await house.sees(a_mention("2", watch="board"))
        taking = Taking()
        await house.delivery({"room": taking}).deliver_due("room")
        assert [page.alarm.watch for page in taking.taken] == ["board"]
        house.time.passes(minutes=2)
        assert (await check_outbox(house.engine, house.time)).startswith("degraded: 3 pages wait")


async def test_pages_of_a_channel_that_has_left_the_configuration_have_failed(
    database_url: str,
) -> None:
    async with a_paged_house(database_url) as house:
        await house.delivery({"log": Taking()}).fail_stranded()
        assert await room(house) == ("failed", 1, "there is no channel 'room' any more")


async def test_a_delivery_is_written_down_although_the_incident_changes_meanwhile(
    database_url: str,
) -> None:
    async with a_paged_house(database_url) as house:

        class Busy(Taking):
            async def send(self, page: Any) -> Any:
                for _ in range(5):
                    await house.commands.run(
                        page.alarm.incident, lambda i, now: note(i, "hm", "anna", now)
                    )
                return await super().send(page)

        await house.delivery({"room": Busy()}).deliver_due("room")
        assert await room(house) == ("delivered", 1, None)


async def test_the_readiness_page_says_how_long_pages_wait(database_url: str) -> None:
    async with a_paged_house(database_url) as house:
        house.time.passes(seconds=5)
        assert await check_outbox(house.engine, house.time) == "2 pages wait, the oldest for 5 s"
        house.time.passes(minutes=2)
        assert (
            await check_outbox(house.engine, house.time)
            == "degraded: 2 pages wait, the oldest for 125 s"
        )
        delivery = house.delivery({"room": Failing(Refused("no")), "log": Taking()})
        await delivery.deliver_due("room")
        await delivery.deliver_due("log")
        failed = "degraded: no page waits; 1 could not be delivered in the last 24 h"
        assert await check_outbox(house.engine, house.time) == failed
        house.time.passes(hours=25)
        assert await check_outbox(house.engine, house.time) == "no page waits"


async def test_the_loop_delivers_what_is_rung_for_and_ends_when_asked(database_url: str) -> None:
    async with a_house(database_url) as house:
        arrived = asyncio.Event()

        class Telling(Taking):
            async def send(self, page: Any) -> Any:
                arrived.set()
                return await super().send(page)

        telling = Telling()
        house.time.now = datetime.now(UTC)
        stop = asyncio.Event()
        loop = asyncio.create_task(
            house.delivery({"log": telling}, schedule=Schedule(base=0.0)).run(stop)
        )
        await house.sees(a_mention("1"))
        async with asyncio.timeout(10):
            await arrived.wait()
            stop.set()
            await loop
        assert len(telling.taken) == 1
        assert [page[2] for page in await house.pages()] == ["delivered"]


async def test_the_loops_wait_for_a_store_that_does_not_answer(tmp_path: Path) -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    house = House(engine, AlertSettings())
    delivery = house.delivery({"log": Taking()})
    with pytest.raises(Retryable, match="the store does not answer"):
        await delivery.deliver_due("log")
    with pytest.raises(Retryable, match="the store does not answer"):
        await delivery.fail_stranded()
    async with a_bus(tmp_path) as bus:
        relay = house.relay(bus)
        with pytest.raises(Retryable, match="the store does not answer"):
            await relay.publish()
        stop = asyncio.Event()
        loops = [asyncio.create_task(each.run(stop)) for each in (delivery, relay)]
        done, _ = await asyncio.wait(loops, timeout=0.3)
        assert done == set()
        stop.set()
        async with asyncio.timeout(10):
            await asyncio.gather(*loops)
    await engine.dispose()
