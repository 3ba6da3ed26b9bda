"""A feed's hub delivers: asked, asked back, signed deliveries, renewal and farewell, over real
connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette

from libs.common.auth import Gate
from libs.common.bus import RAW, streams
from libs.common.bus.sqlite import SqliteBus
from libs.common.db import migrate, open_engine
from libs.common.events import Mention, from_record
from libs.common.http import open_client
from libs.common.service import Loop, Service, create_app
from sandbox.platforms.board import Board
from sandbox.platforms.websub import FEED, NEW_HUB, WITHOUT_HUB, AskedBack, Hub
from sandbox.requests import RecordingApp, Requests
from sandbox.server import serving
from services.ingest.api.hooks import Door, hooks_router
from services.ingest.collector import Collector, Tools
from services.ingest.collectors.feed import Config
from services.ingest.hooks.deliveries import Deliveries
from services.ingest.hooks.subscriber import Subscriber
from services.ingest.hooks.subscriptions import SubscriptionStore
from services.ingest.intake import Intake
from services.ingest.post import Page
from services.ingest.posts import PostStore
from services.ingest.schedule.store import Claimant, SourceStore
from services.ingest.service import open_service
from services.ingest.settings import IngestSettings
from services.ingest.ways_in import WaysIn, ways_in
from tests.contract.collectors.delivering import Told
from tests.support.processes import free_ports
from tests.unit.ingest.building import SetClock, Unconfined, a_watch, some_watches

PATIENCE = 20.0


@dataclass(slots=True)
class Scene:
    """A feed with its hub, and the service that reads and is delivered."""

    clock: SetClock
    board: Board
    hub: Hub
    site: str
    engine: AsyncEngine
    log: Told
    tools: Tools
    address: str
    requests: Requests

    def config(self, **fields: object) -> Config:
        given = {"url": self.site + FEED, "websub": True, "websub_every": "1h", **fields}
        return Config.model_validate({"id": "forum", "allow_private": True, "lang": "de", **given})

    @asynccontextmanager
    async def service(self, **fields: object) -> AsyncIterator[WaysIn]:
        """The ways in, and the API that the hub reaches."""
        config = self.config(**fields)
        store = SourceStore(self.engine, Claimant("a", 1, "a"))
        hubs = Subscriber(
            SubscriptionStore(self.engine), self.address, self.clock, self.tools.limits
        )
        ways = await ways_in([config], {config.id: config.build(self.tools)}, hubs, self.tools)
        await store.configure({config.id: config.place}, self.clock())
        intake = Intake(
            some_watches(a_watch("m", "Motorrad")), PostStore(self.engine), self.log, self.clock
        )
        router = APIRouter(prefix="/v1")
        deliveries = Deliveries(ways.hooked, intake, store, self.clock)
        router.include_router(hooks_router(Door(deliveries, self.clock, 1_000_000)))
        app = create_app([Service("ingest", router, {}, {})], "0")
        async with serving(app, port=urlsplit(self.address).port or 0):
            yield ways

    async def asked_back(self) -> AskedBack:
        async with asyncio.timeout(PATIENCE):
            return await self.hub.asked_back.get()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock = SetClock()
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(engine, "services.ingest")
    (port,) = free_ports(1)
    async with open_client(user_agent="Test/1", allow_private=True) as client:
        board = Board(clock)
        hub = Hub(board, client)
        requests = Requests(clock)
        async with serving(RecordingApp(Starlette(routes=hub.routes()), requests)) as site:
            tools = Tools(client, client, clock, Unconfined())
            address = f"http://127.0.0.1:{port}"
            yield Scene(clock, board, hub, site, engine, Told(), tools, address, requests)
    await engine.dispose()


async def read(ways: WaysIn, cursor: str | None = None) -> Page:
    collector = ways.collectors["forum"]
    assert isinstance(collector, Collector)
    return await collector.collect(cursor)


async def run(loop: Loop, stop: asyncio.Event) -> None:
    await loop(stop)


async def subscribed(scene: Scene, ways: WaysIn) -> Page:
    """The first page after the hub has asked back."""
    first = await read(ways)
    assert (await scene.asked_back()).confirmed
    return first


@pytest.mark.parametrize("in_headers", [True, False])
async def test_a_hub_is_found_asked_and_answered_when_it_asks_back(
    scene: Scene, in_headers: bool
) -> None:
    scene.hub.in_headers = in_headers
    scene.board.write("Motorrad eins")
    async with scene.service() as ways:
        page = await read(ways)
        assert len(page.posts) == 1
        assert await scene.asked_back() == AskedBack("subscribe", True, 200)
    (form,) = scene.hub.asked
    assert form["hub.mode"] == "subscribe"
    assert form["hub.topic"] == scene.site + FEED
    assert form["hub.callback"].startswith(f"{scene.address}/v1/hooks/forum/")
    assert len(form["hub.callback"].rpartition("/")[2]) >= 40
    assert 40 <= len(form["hub.secret"].encode()) < 200
    assert form["hub.lease_seconds"] == "864000"


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_what_the_hub_delivers_is_on_the_log_as_if_it_were_read(
    scene: Scene, method: str
) -> None:
    scene.hub.method = method
    async with scene.service() as ways:
        first = await subscribed(scene, ways)
        scene.board.write("Motorrad & <Ärger>", title="Neu")
        assert await scene.hub.deliver() == [202]
        (delivered,) = scene.log.written
        page = await read(ways, first.cursor)
    (polled,) = page.posts
    assert (delivered.native_id, delivered.text) == (polled.native_id, polled.text)
    assert delivered.text == "Motorrad & <Ärger>"
    assert (delivered.source, delivered.platform) == ("forum", "news")


async def test_an_edited_entry_is_delivered_under_its_id_and_a_repeat_is_the_same(
    scene: Scene,
) -> None:
    async with scene.service() as ways:
        await subscribed(scene, ways)
        number = scene.board.write("Motorrad zuerst").number
        await scene.hub.deliver()
        await scene.hub.deliver()
        scene.board.edit(number, "Motorrad danach")
        await scene.hub.deliver()
    assert len({mention.id for mention in scene.log.written}) == 1
    assert list(scene.log.standing.values()) == ["Motorrad danach"]


async def test_a_wrong_signature_is_answered_well_and_nothing_is_taken(scene: Scene) -> None:
    async with scene.service() as ways:
        await subscribed(scene, ways)
        scene.board.write("Motorrad gefälscht")
        assert await scene.hub.deliver(secret="geraten") == [202]
        (subscriber,) = scene.hub.subscribers.values()
        for headers in ({}, {"X-Hub-Signature": "sha1="}, {"X-Hub-Signature": "md5=00"}):
            answer = await scene.hub.client.post(subscriber.callback, content=b"x", headers=headers)
            assert answer.status_code == 202
        assert scene.log.messages == []


async def test_a_guessed_address_is_not_found(scene: Scene) -> None:
    async with scene.service() as ways:
        await subscribed(scene, ways)
        for path in ("", f"/{'a' * 43}"):
            url = f"{scene.address}/v1/hooks/forum{path}"
            asked = {"hub.mode": "subscribe", "hub.topic": scene.site + FEED, "hub.challenge": "x"}
            assert (await scene.hub.client.get(url, params=asked)).status_code == 404
            assert (await scene.hub.client.post(url, content=b"x")).status_code == 404


@pytest.mark.parametrize(
    "asked", [{"hub.topic": "https://andere.example/"}, {"hub.mode": "unsubscribe"}, {}]
)
async def test_what_was_not_asked_for_is_not_confirmed(
    scene: Scene, asked: Mapping[str, str]
) -> None:
    async with scene.service() as ways:
        await subscribed(scene, ways)
        (subscriber,) = scene.hub.subscribers.values()
        query = {"hub.mode": "subscribe", "hub.topic": scene.site + FEED, **asked}
        if not asked:
            del query["hub.mode"]
        answer = await scene.hub.client.get(
            subscriber.callback, params={**query, "hub.challenge": "x"}
        )
        assert answer.status_code == 404
        assert (await scene.hub.deliver()) == [202]


async def test_while_the_log_is_away_the_hub_is_asked_to_come_again(scene: Scene) -> None:
    async with scene.service() as ways:
        await subscribed(scene, ways)
        scene.board.write("Motorrad")
        scene.log.is_down = True
        assert await scene.hub.deliver() == [503]
        scene.log.is_down = False
        assert await scene.hub.deliver() == [202]
    assert len(scene.log.written) == 1


async def test_readings_become_rarer_while_a_hub_delivers_and_no_rarer_than_its_lease(
    scene: Scene,
) -> None:
    async with scene.service() as ways:
        first = await subscribed(scene, ways)
        assert (await read(ways, first.cursor)).next_in == timedelta(hours=1)
        scene.clock.forward(days=8, minutes=-10)
        assert (await read(ways, first.cursor)).next_in == timedelta(minutes=10)


async def test_the_lease_is_renewed_before_its_end(scene: Scene) -> None:
    scene.hub.lease = timedelta(hours=5)
    async with scene.service() as ways:
        first = await subscribed(scene, ways)
        (before,) = scene.hub.subscribers.values()
        scene.clock.forward(hours=3, minutes=59)
        await read(ways, first.cursor)
        assert len(scene.hub.asked) == 1
        scene.clock.forward(minutes=1)
        await read(ways, first.cursor)
        assert (await scene.asked_back()).confirmed
        (after,) = scene.hub.subscribers.values()
    assert (after.callback, after.secret) == (before.callback, before.secret)
    assert after.until == scene.clock() + timedelta(hours=5) > before.until


async def test_a_hub_that_refuses_is_left_alone_for_a_day(scene: Scene) -> None:
    scene.hub.denies = True
    async with scene.service() as ways:
        first = await read(ways)
        assert await scene.asked_back() == AskedBack("denied", False, 200)
        scene.clock.forward(hours=23)
        page = await read(ways, first.cursor)
        assert page.next_in is None
        assert len(scene.hub.asked) == 1
        scene.hub.denies = False
        scene.clock.forward(hours=1)
        await read(ways, first.cursor)
        assert (await scene.asked_back()).confirmed


async def test_a_hub_that_fails_costs_no_reading_and_is_asked_again_later(scene: Scene) -> None:
    scene.hub.broken = True
    scene.board.write("Motorrad")
    async with scene.service() as ways:
        first = await read(ways)
        assert (len(first.posts), first.next_in) == (1, None)
        scene.clock.forward(minutes=4)
        await read(ways, first.cursor)
        assert len(scene.hub.asked) == 1
        scene.hub.broken = False
        scene.clock.forward(minutes=1)
        await read(ways, first.cursor)
        assert (await scene.asked_back()).confirmed
    assert len(scene.hub.asked) == 2


async def test_a_hub_that_sends_us_elsewhere_is_asked_there(scene: Scene) -> None:
    scene.hub.moved = True
    async with scene.service() as ways:
        await subscribed(scene, ways)
    assert [form["hub.mode"] for form in scene.hub.asked] == ["subscribe"]


async def test_when_the_feed_names_another_hub_the_old_one_is_left(scene: Scene) -> None:
    async with scene.service() as ways:
        first = await subscribed(scene, ways)
        (old,) = scene.hub.subscribers.values()
        scene.hub.path = NEW_HUB
        scene.clock.forward(days=9)
        await read(ways, first.cursor)
        asked_back = {await scene.asked_back(), await scene.asked_back()}
        assert asked_back == {
            AskedBack("unsubscribe", True, 200),
            AskedBack("subscribe", True, 200),
        }
        (new,) = scene.hub.subscribers.values()
        assert new.callback != old.callback
        assert new.secret != old.secret
        scene.board.write("Motorrad")
        assert await scene.hub.deliver() == [202]


async def test_a_feed_without_a_hub_is_read_as_ever(scene: Scene) -> None:
    scene.board.write("Motorrad")
    async with scene.service(url=scene.site + WITHOUT_HUB) as ways:
        page = await read(ways)
        scene.clock.forward(hours=23)
        await read(ways, page.cursor)
    assert (len(page.posts), page.next_in) == (1, None)
    assert scene.hub.asked == []
    assert len(scene.requests.of(WITHOUT_HUB)) == 3  # two readings, one look for a hub


async def test_what_is_no_longer_wanted_is_ended_at_the_hub(scene: Scene) -> None:
    async with scene.service() as ways:
        await subscribed(scene, ways)
    stop = asyncio.Event()
    async with scene.service(websub=False) as ways:
        (subscriber,) = scene.hub.subscribers.values()
        assert (await scene.hub.deliver(b"<rss/>")) == [410]
        farewell = asyncio.create_task(run(ways.farewell, stop))
        assert await scene.asked_back() == AskedBack("unsubscribe", True, 200)
        stop.set()
        await farewell
        assert scene.hub.subscribers == {}
        assert (await scene.hub.client.post(subscriber.callback, content=b"x")).status_code == 404


async def test_a_subscription_outlives_a_restart(scene: Scene) -> None:
    async with scene.service() as ways:
        await subscribed(scene, ways)
    async with scene.service():
        scene.board.write("Motorrad")
        assert await scene.hub.deliver() == [202]
    assert len(scene.hub.asked) == 1
    assert len(scene.log.written) == 1


async def test_the_whole_service_reads_subscribes_and_is_delivered(
    scene: Scene, tmp_path: Path
) -> None:
    bus = SqliteBus(tmp_path / "log.db")
    await bus.create_topics(streams(2))
    source = scene.config().model_dump(mode="python")
    settings = IngestSettings.model_validate(
        {
            "public_url": scene.address,
            "watches": [{"id": "m", "name": "M", "query": "Motorrad"}],
            "sources": [source],
        }
    )
    stop = asyncio.Event()
    opened = open_service(settings, bus, scene.engine, Gate("t"), author_key="k", clock=scene.clock)
    async with opened as service, bus.reader([RAW]) as reader:
        app = create_app([service], "0")
        async with serving(app, port=urlsplit(scene.address).port or 0), asyncio.TaskGroup() as g:
            for loop in service.loops.values():
                g.create_task(run(loop, stop))
            assert (await scene.asked_back()).confirmed
            scene.board.write("Motorrad geliefert")
            assert await scene.hub.deliver() == [202]
            (event,) = [from_record(record) for record in await reader.poll(10, PATIENCE)]
            stop.set()
    assert isinstance(event, Mention)
    assert (event.source, event.text) == ("forum", "Motorrad geliefert")
    await bus.close()
