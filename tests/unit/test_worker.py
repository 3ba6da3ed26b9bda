"""What becomes of a batch, and of an error: the worker's promises."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from libs.common.bus import DEAD_SUFFIX, Bus, Message, Record, Topic, header
from libs.common.bus.open import open_bus
from libs.common.errors import Retryable, TooManyParked
from libs.common.events import Event, Mention, mention_id, to_message
from libs.common.worker import Limits, Worker

IN, OUT = "in", "out"
QUICK = Limits(wait=0.05, back_off_base=0.001, back_off_cap=0.002, patience=5.0)


def a_mention(text: str) -> Mention:
    return Mention(
        id=mention_id("test", text, "brand"),
        watch="brand",
        source="s",
        platform="test",
        native_id=text,
        kind="post",
        text=text,
        published_at=datetime(2026, 1, 1, tzinfo=UTC),
        collected_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def texts(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Mention)]


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    bus = await open_bus(f"sqlite:///{tmp_path / 'log.db'}")
    await bus.create_topics([Topic(name, 1) for name in (IN, OUT, IN + DEAD_SUFFIX)])
    yield bus
    await bus.close()


async def publish(bus: Bus, *words: str) -> None:
    await bus.publish([to_message(IN, "k", a_mention(word), service="test") for word in words])


async def everything(bus: Bus, topic: str) -> list[Record]:
    async with bus.reader([topic]) as reader:
        return await reader.poll(1000, 0.05)


def worker(bus: Bus, step: Callable[[Sequence[Event]], Awaitable[Sequence[Message]]]) -> Worker:
    return Worker(service="test", group="g", topics=[IN], bus=bus, step=step, limits=QUICK)


async def work_until_idle(worker: Worker) -> None:
    """Runs the worker until its group has nothing left to read."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(stop))
        async with asyncio.timeout(10):
            while sum((await worker.bus.lag(worker.group, worker.topics)).values()):
                await asyncio.sleep(0.01)
        stop.set()


async def pass_on(events: Sequence[Event]) -> list[Message]:
    return [to_message(OUT, "k", event, service="test") for event in events]


async def test_what_the_step_returns_is_published_in_order(bus: Bus) -> None:
    await publish(bus, "a", "b", "c")
    await work_until_idle(worker(bus, pass_on))
    assert [header(r, "ce_type") for r in await everything(bus, OUT)] == [
        "mention.collected.v1"
    ] * 3
    assert [r.value for r in await everything(bus, OUT)] == [
        r.value for r in await everything(bus, IN)
    ]


async def test_a_poison_message_is_parked_with_its_reason_and_the_rest_goes_on(bus: Bus) -> None:
    async def step(events: Sequence[Event]) -> list[Message]:
        if "poison" in texts(events):
            raise ZeroDivisionError("no such number")
        return await pass_on(events)

    await publish(bus, "a", "b", "poison", "c", "d")
    await work_until_idle(worker(bus, step))
    (parked,) = await everything(bus, IN + DEAD_SUFFIX)
    original = (await everything(bus, IN))[2]
    assert (parked.key, parked.value) == (original.key, original.value)
    assert set(original.headers) < set(parked.headers)
    assert header(parked, "dead_error") == "ZeroDivisionError: no such number"
    assert header(parked, "dead_service") == "test"
    assert header(parked, "dead_from") == "in/0/2"
    assert len(await everything(bus, OUT)) == 4


async def test_what_is_not_an_event_of_ours_is_parked(bus: Bus) -> None:
    await bus.publish(
        [Message(IN, "k", b"{}", (("ce_type", b"other.v1"),)), Message(IN, "k", b"{")]
    )
    await publish(bus, "a")
    await work_until_idle(worker(bus, pass_on))
    assert [header(r, "dead_error") for r in await everything(bus, IN + DEAD_SUFFIX)] == [
        "UnknownEvent: unknown event type 'other.v1'",
        "UnknownEvent: unknown event type None",
    ]
    assert len(await everything(bus, OUT)) == 1


async def test_many_bad_messages_in_a_row_stop_the_worker_and_park_nothing(bus: Bus) -> None:
    async def step(_events: Sequence[Event]) -> list[Message]:
        raise AttributeError("our bug")

    await publish(bus, *(str(n) for n in range(QUICK.parked_in_a_row + 1)))
    with pytest.raises(TooManyParked, match="AttributeError: our bug"):
        await worker(bus, step).run(asyncio.Event())
    assert await everything(bus, IN + DEAD_SUFFIX) == []
    assert sum((await bus.lag("g", [IN])).values()) == QUICK.parked_in_a_row + 1


async def test_bad_messages_among_good_ones_never_stop_it(bus: Bus) -> None:
    async def step(events: Sequence[Event]) -> list[Message]:
        if any(text.startswith("bad") for text in texts(events)):
            raise ValueError("bad")
        return []

    words = [f"{'bad' if n % 2 else 'good'}{n}" for n in range(4 * QUICK.parked_in_a_row)]
    await publish(bus, *words)
    await work_until_idle(worker(bus, step))
    assert len(await everything(bus, IN + DEAD_SUFFIX)) == 2 * QUICK.parked_in_a_row


async def test_what_is_not_ready_is_tried_again_until_it_is(bus: Bus) -> None:
    tries: list[list[str]] = []

    async def step(events: Sequence[Event]) -> list[Message]:
        tries.append(texts(events))
        if len(tries) < 3:
            raise Retryable("not yet")
        return await pass_on(events)

    await publish(bus, "a", "b")
    await work_until_idle(worker(bus, step))
    assert tries == [["a", "b"]] * 3
    assert len(await everything(bus, OUT)) == 2
    assert await everything(bus, IN + DEAD_SUFFIX) == []


async def test_out_of_patience_it_stops_uncommitted_and_the_batch_comes_again(bus: Bus) -> None:
    async def never(_events: Sequence[Event]) -> list[Message]:
        raise Retryable("not today", retry_after=60.0)

    await publish(bus, "a")
    with pytest.raises(Retryable, match="not today"):
        await worker(bus, never).run(asyncio.Event())
    await work_until_idle(worker(bus, pass_on))
    assert len(await everything(bus, OUT)) == 1


async def test_a_step_that_hangs_is_cut_off_uncommitted(bus: Bus) -> None:
    async def hang(_events: Sequence[Event]) -> list[Message]:
        await asyncio.Event().wait()
        return []

    await publish(bus, "a")
    impatient = worker(bus, hang)
    impatient.limits = replace(QUICK, patience=0.1)
    with pytest.raises(Retryable, match=r"longer than 0\.1 s"):
        await impatient.run(asyncio.Event())
    assert sum((await bus.lag("g", [IN])).values()) == 1


async def test_asked_to_stop_it_finishes_the_batch_it_holds(bus: Bus) -> None:
    entered, stop = asyncio.Event(), asyncio.Event()

    async def step(events: Sequence[Event]) -> list[Message]:
        entered.set()
        await stop.wait()
        return await pass_on(events)

    await publish(bus, "a")
    async with asyncio.TaskGroup() as group:
        group.create_task(worker(bus, step).run(stop))
        await entered.wait()
        stop.set()
    assert len(await everything(bus, OUT)) == 1
    assert sum((await bus.lag("g", [IN])).values()) == 0


async def test_asked_to_stop_it_does_not_wait_for_what_is_not_ready(bus: Bus) -> None:
    stop = asyncio.Event()

    async def not_ready(_events: Sequence[Event]) -> list[Message]:
        stop.set()
        raise Retryable("the store is away", retry_after=60.0)

    await publish(bus, "a")
    patient = worker(bus, not_ready)
    patient.limits = replace(QUICK, patience=100.0)
    async with asyncio.timeout(10):
        await patient.run(stop)
    assert sum((await bus.lag("g", [IN])).values()) == 1
