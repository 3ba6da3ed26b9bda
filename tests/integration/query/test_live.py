"""The live stream, over real HTTP and both event logs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.common.bus import Bus, TopicPartition
from libs.common.query import parse
from services.query.live import Filter, Live
from services.query.position import decode_position, encode_position
from services.query.settings import QuerySettings, StreamSettings
from tests.integration.query.serving import (
    Event,
    a_log,
    a_query_service,
    events,
    numbers,
    position,
    publish,
    take,
)
from tests.unit.query_service.building import NOTHING_SAID, a_deletion, a_mention

WATCHES = ("motorrad-ag", "board", "zubehoer", "rennsport")


@pytest.fixture
async def bus(bus_url: str) -> AsyncIterator[Bus]:
    async with a_log(bus_url) as bus:
        yield bus


@pytest.fixture
async def local_bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with a_log(f"sqlite:///{tmp_path / 'bus.db'}") as bus:
        yield bus


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


async def test_a_mention_arrives_as_it_is_published(bus: Bus, store_url: str) -> None:
    mention = a_mention()
    async with a_query_service(bus, store_url) as client, events(client) as stream:
        await position(stream)
        await publish(bus, [mention])
        [event] = await take(stream, 1)
    assert event.kind == "mention"
    assert event.data is not None
    assert event.data["id"] == mention.id
    assert event.data["classification"]["label"] == "complaint"  # type: ignore[index]


async def test_the_stream_tells_only_what_is_asked_for(local_bus: Bus, store_url: str) -> None:
    async with (
        a_query_service(local_bus, store_url) as client,
        events(client, q="bremse AND label:complaint", watch="board") as stream,
    ):
        await position(stream)
        await publish(
            local_bus,
            [
                a_mention(1, watch="board", text="Die Kupplung"),
                a_mention(2),
                a_mention(3, watch="board", label="praise"),
                a_mention(4, watch="board"),
            ],
        )
        [event] = await take(stream, 1)
    assert event.number == "4"


async def test_a_deletion_is_told_without_the_text(local_bus: Bus, store_url: str) -> None:
    mention = a_mention()
    async with (
        a_query_service(local_bus, store_url) as client,
        events(client, q="label:praise") as stream,
    ):
        await position(stream)
        await publish(local_bus, [mention, a_deletion(mention)])
        [event] = await take(stream, 1)
    assert event.kind == "deleted"
    assert event.data == {"id": mention.id, "watch": mention.watch}


async def test_who_comes_back_gets_exactly_what_was_missed(bus: Bus, store_url: str) -> None:
    batch = [a_mention(n, watch=WATCHES[n % 4]) for n in range(90)]
    async with a_query_service(bus, store_url) as client:
        async with events(client) as stream:
            await position(stream)
            await publish(bus, batch[:40])
            seen = await take(stream, 25)
        await publish(bus, batch[40:70])
        async with events(client, last_id=seen[-1].id) as stream:
            seen += await take(stream, 45)
            await publish(bus, batch[70:])
            seen += await take(stream, 20)
    assert sorted(numbers(seen), key=str) == sorted((m.native_id for m in batch), key=str)
    for watch in WATCHES:
        told = [e.number for e in seen if e.data is not None and e.data["watch"] == watch]
        assert told == [m.native_id for m in batch if m.watch == watch]


async def test_a_position_holds_over_copies_and_restarts(bus: Bus, tmp_path: Path) -> None:
    one, another = (f"sqlite:///{tmp_path / name}" for name in ("one.db", "another.db"))
    async with a_query_service(bus, one) as client, events(client) as stream:
        before = await position(stream)
    await publish(bus, [a_mention(n, watch=WATCHES[n % 4]) for n in range(10)])
    async with (
        a_query_service(bus, another) as client,
        events(client, last_event_id=before) as stream,
    ):
        seen = await take(stream, 10)
    assert sorted(numbers(seen), key=str) == [str(n) for n in range(10)]


async def test_coming_back_again_and_again_under_load_loses_and_repeats_nothing(
    local_bus: Bus, store_url: str
) -> None:
    total = 1500

    async def keep_publishing() -> None:
        for first in range(0, total, 10):
            batch = [a_mention(n, watch=WATCHES[n % 4]) for n in range(first, first + 10)]
            await publish(local_bus, batch)

    async with a_query_service(local_bus, store_url) as client:
        async with events(client) as stream:
            last_id: str | None = await position(stream)
        seen: list[Event] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_publishing())
            while len(seen) < total:
                async with events(client, last_id=last_id) as stream:
                    seen += await take(stream, min(60, total - len(seen)))
                last_id = seen[-1].id
    assert sorted(int(str(number)) for number in numbers(seen)) == list(range(total))


async def test_a_filtered_listener_that_comes_back_goes_on_too(bus: Bus, store_url: str) -> None:
    async with a_query_service(bus, store_url) as client:
        async with events(client, q="label:praise") as stream:
            before = await position(stream)
        await publish(bus, [a_mention(n, label="complaint") for n in range(20)])
        await publish(bus, [a_mention(20, label="praise")])
        async with events(client, last_id=before, q="label:praise") as stream:
            [event] = await take(stream, 1)
    assert event.number == "20"


@pytest.mark.parametrize(
    "last_id", ["nonsense", encode_position({TopicPartition("mentions.classified", 0): 10**9})]
)
async def test_an_unknown_position_starts_anew_and_says_so(
    local_bus: Bus, store_url: str, last_id: str
) -> None:
    await publish(local_bus, [a_mention(1)])
    async with (
        a_query_service(local_bus, store_url) as client,
        events(client, last_id=last_id) as stream,
    ):
        [told] = await take(stream, 1)
        await publish(local_bus, [a_mention(2)])
        [event] = await take(stream, 1)
    assert told.kind == "reset"
    assert told.id is not None
    assert decode_position(told.id)
    assert event.number == "2"


async def test_a_listener_that_is_too_slow_is_told_of_its_gap(local_bus: Bus) -> None:
    live = Live(local_bus.reader, StreamSettings(waiting=10), NOTHING_SAID)
    stop = asyncio.Event()
    wanted = Filter(parse("").query)
    async with asyncio.TaskGroup() as group:
        group.create_task(live.run(stop))
        with live.listening() as slow, live.listening() as fast:
            slow_chunks = live.chunks(slow, wanted, None)
            fast_chunks = live.chunks(fast, wanted, None)
            await anext(slow_chunks)
            await anext(fast_chunks)
            for number in range(25):
                await publish(local_bus, [a_mention(number)])
                assert f'"native_id":"{number}"'.encode() in await anext(fast_chunks)
            told = await anext(slow_chunks)
            await slow_chunks.aclose()
            await fast_chunks.aclose()
        stop.set()
    assert told.count(b"event: mention") == 10
    assert told.endswith(b'event: gap\ndata: {"dropped":15}\n\n')


async def test_streams_end_when_the_service_stops(local_bus: Bus, store_url: str) -> None:
    stop = asyncio.Event()
    async with (
        asyncio.timeout(8),
        a_query_service(local_bus, store_url, stop=stop) as client,
        events(client) as stream,
    ):
        await position(stream)
        stop.set()
        rest = [event async for event in stream]
    assert [event.kind for event in rest if event.kind is not None] == []


async def test_a_listener_too_many_is_asked_to_come_back(local_bus: Bus, store_url: str) -> None:
    settings = QuerySettings(stream=StreamSettings(readers=1))
    async with a_query_service(local_bus, store_url, settings) as client:
        async with events(client) as stream:
            await position(stream)
            refused = await client.get("/v1/mentions/stream")
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "30"
        assert refused.json()["title"] == "Too many open streams"
        async with asyncio.timeout(10):
            while True:
                async with client.stream("GET", "/v1/mentions/stream") as again:
                    if again.status_code == 200:
                        break


async def test_a_wrong_query_is_refused_before_the_stream_begins(
    local_bus: Bus, store_url: str
) -> None:
    async with a_query_service(local_bus, store_url) as client:
        refused = await client.get("/v1/mentions/stream", params={"q": "(bremse"})
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["errors"][0]["pointer"] == "q"


async def test_a_stream_needs_a_token(local_bus: Bus, store_url: str) -> None:
    async with a_query_service(local_bus, store_url) as client:
        refused = await client.get("/v1/mentions/stream", headers={"Authorization": ""})
    assert refused.status_code == 401
