"""The door for deliveries: who is let in, who is asked to come back, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter

from libs.common.auth import Gate
from libs.common.bus import RAW, streams
from libs.common.bus.sqlite import SqliteBus
from libs.common.db import migrate, open_engine
from libs.common.errors import ConfigurationError, Retryable
from libs.common.events import Mention, from_record
from libs.common.service import Loop, Service, create_app
from libs.common.settings import parse
from sandbox.platforms.board import Board
from sandbox.platforms.delivering import Happened
from sandbox.platforms.meta import FacebookPage
from services.ingest.api.hooks import AT_ONCE, LARGE_ONES, SMALL, Door, hooks_router
from services.ingest.failure import RateLimited
from services.ingest.hook import Answer, Call, Change, Delivery, Hook
from services.ingest.hooks.deliveries import Deliveries, Hooked
from services.ingest.intake import Intake
from services.ingest.posts import PostStore
from services.ingest.schedule.store import Claimant, SourceStore
from services.ingest.service import open_service
from services.ingest.settings import IngestSettings
from tests.contract.collectors.delivering import Told
from tests.unit.ingest.building import NOW, SetClock, a_post, some_watches

PATIENCE = 20.0
TOKEN = "a token for the tests"


class Scripted:
    """A hook that does as it is told."""

    def __init__(self, outcome: Delivery | Exception | None = None) -> None:
        self.outcome = outcome or Delivery((Change(a_post()),))
        self.turnstile = asyncio.Event()
        self.turnstile.set()
        self.entered = asyncio.Semaphore(0)
        self.calls: list[Call] = []

    async def handshake(self, call: Call) -> Answer:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Answer(body=call.key.encode())

    async def receive(self, call: Call) -> Delivery:
        self.calls.append(call)
        self.entered.release()
        await self.turnstile.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@asynccontextmanager
async def place(
    folder: Path, hook: Hook, *, seconds: float = 20.0, small: int = SMALL
) -> AsyncIterator[tuple[httpx.AsyncClient, Told, SourceStore]]:
    engine, log, clock = open_engine(f"sqlite:///{folder / 'store.db'}"), Told(), SetClock()
    await migrate(engine, "services.ingest")
    store = SourceStore(engine, Claimant("a", 1, "a"))
    await store.configure({"s": "place"}, NOW, delivered={"s"})
    intake = Intake(some_watches(), PostStore(engine), log, clock)
    deliveries = Deliveries({"s": Hooked("scripted", hook)}, intake, store, clock)
    router = APIRouter(prefix="/v1")
    router.include_router(hooks_router(Door(deliveries, clock, 1000, seconds, small)))
    transport = httpx.ASGITransport(create_app([Service("ingest", router, {}, {})], "0"))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client, log, store
    await engine.dispose()


async def test_a_hook_sees_the_request_as_it_came(tmp_path: Path) -> None:
    hook = Scripted()
    async with place(tmp_path, hook) as (client, log, _):
        body = b"\xef\xbb\xbf{\\u00e4}\r\n"
        answer = await client.post("/v1/hooks/s/k-1?a.b=c%20d", content=body, headers={"X-Y": "z"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await client.get("/v1/hooks/s/k-2")).content == b"k-2"
        assert len(log.written) == 1
    (call,) = hook.calls
    assert (call.body, call.key, call.query, call.at) == (body, "k-1", {"a.b": "c d"}, NOW)
    assert call.headers["x-y"] == "z"


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_a_body_that_is_not_as_it_was_signed_is_refused(tmp_path: Path, coding: str) -> None:
    async with place(tmp_path, Scripted()) as (client, log, _):
        headers = {"Content-Encoding": coding}
        assert (await client.post("/v1/hooks/s", headers=headers)).status_code == 415
        assert log.messages == []


async def test_a_sender_that_dawdles_is_not_waited_for(tmp_path: Path) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with place(tmp_path, Scripted(), seconds=0.05) as (client, log, _):
        assert (await client.post("/v1/hooks/s", content=never())).status_code == 408
        assert log.messages == []


async def test_more_than_can_be_taken_at_once_are_asked_to_come_back(tmp_path: Path) -> None:
    hook = Scripted()
    hook.turnstile.clear()
    async with place(tmp_path, hook) as (client, _, _), asyncio.timeout(PATIENCE):
        waiting = [asyncio.create_task(client.post("/v1/hooks/s")) for _ in range(AT_ONCE)]
        for _ in waiting:
            await hook.entered.acquire()
        refused = await client.post("/v1/hooks/s")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert (await client.get("/v1/hooks/s")).status_code == 200
        hook.turnstile.set()
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
        assert (await client.post("/v1/hooks/s")).status_code == 200


class Dawdlers:
    """Senders who begin a delivery and never end it."""

    def __init__(self, client: httpx.AsyncClient, beginning: bytes) -> None:
        self._client = client
        self._beginning = beginning
        self._begun = asyncio.Semaphore(0)

    async def _body(self) -> AsyncIterator[bytes]:
        yield self._beginning
        self._begun.release()
        await asyncio.Event().wait()

    @asynccontextmanager
    async def so_many(self, number: int) -> AsyncIterator[None]:
        post = self._client.post
        sending = [
            asyncio.create_task(post("/v1/hooks/s", content=self._body())) for _ in range(number)
        ]
        for _ in sending:
            await self._begun.acquire()
        yield
        for each in sending:
            each.cancel()
        await asyncio.wait(sending)


async def test_strangers_who_never_end_keep_no_platform_out(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        place(tmp_path, Scripted()) as (client, _, _),
        Dawdlers(client, b"{").so_many(AT_ONCE + 1),
    ):
        assert (await client.post("/v1/hooks/s", content=b"{}")).status_code == 200


async def test_large_deliveries_share_what_room_there_is_and_small_ones_need_none(
    tmp_path: Path,
) -> None:
    async with (
        place(tmp_path, Scripted(), small=100) as (client, _, _),
        asyncio.timeout(PATIENCE),
    ):
        async with Dawdlers(client, b"x" * 1000).so_many(LARGE_ONES):
            refused = await client.post("/v1/hooks/s", content=b"x" * 101)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert (await client.post("/v1/hooks/s", content=b"x" * 100)).status_code == 200
        assert (await client.post("/v1/hooks/s", content=b"x" * 1000)).status_code == 200


async def test_a_platform_is_asked_to_wait_as_long_as_we_have_to(tmp_path: Path) -> None:
    failure = RateLimited("Meta refuses", not_before=NOW + timedelta(seconds=95))
    outcome = Delivery((Change(a_post()),), failure=failure)
    async with place(tmp_path, Scripted(outcome)) as (client, log, store):
        answer = await client.post("/v1/hooks/s")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "95")
        assert len(log.written) == 1
        state = await store.state("s")
    assert state is not None
    assert (state.health, state.due_at, state.last_success) == ("rate_limited", None, None)


async def test_a_broken_hook_is_our_fault_and_the_delivery_comes_again(tmp_path: Path) -> None:
    async with place(tmp_path, Scripted(ZeroDivisionError("x"))) as (client, log, store):
        assert (await client.post("/v1/hooks/s")).status_code == 503
        state = await store.state("s")
        assert log.messages == []
    assert state is not None
    assert (state.health, state.reason) == ("failing", "defect: ZeroDivisionError: x")


async def test_while_the_store_is_away_nothing_is_believed_or_refused(tmp_path: Path) -> None:
    hook = Scripted(Retryable("the store does not answer", retry_after=7))
    async with place(tmp_path, hook) as (client, _, _):
        for answer in (await client.get("/v1/hooks/s"), await client.post("/v1/hooks/s")):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_healthy_delivery_ends_a_bad_state(tmp_path: Path) -> None:
    hook = Scripted(RateLimited("too many"))
    async with place(tmp_path, hook) as (client, _, store):
        await client.post("/v1/hooks/s")
        hook.outcome = Delivery()
        assert (await client.post("/v1/hooks/s")).status_code == 200
        state = await store.state("s")
    assert state is not None
    assert (state.health, state.reason, state.failures, state.last_success) == (
        "unchanged",
        None,
        0,
        NOW,
    )


async def test_the_whole_service_never_reads_what_is_delivered(tmp_path: Path) -> None:
    bus = SqliteBus(tmp_path / "log.db")
    await bus.create_topics(streams(2))
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    settings = IngestSettings.model_validate(
        {
            "watches": [{"id": "m", "name": "M", "query": "Motorrad"}],
            "sources": [
                {"id": "page", "kind": "meta", "app_secret": "geheimer", "verify_token": "ein Wort"}
            ],
        }
    )
    sender, board, stop = FacebookPage("geheimer", "ein Wort"), Board(SetClock()), asyncio.Event()
    async with open_service(settings, bus, engine, Gate(TOKEN), author_key="k") as service:
        transport = httpx.ASGITransport(create_app([service], "0"))
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
            bus.reader([RAW]) as reader,
            asyncio.TaskGroup() as group,
        ):
            for loop in service.loops.values():
                group.create_task(_run(loop, stop))
            assert await _view(client) == ("new", None, "/v1/hooks/page")
            (body,) = sender.bodies([Happened("written", board.write("Motorrad"))])
            answer = await client.post(
                "/v1/hooks/page", content=body, headers=dict(sender.signed(body))
            )
            assert answer.status_code == 200
            (event,) = [from_record(record) for record in await reader.poll(10, PATIENCE)]
            assert await _view(client) == ("ok", None, "/v1/hooks/page")
            assert "geheim" not in (await client.get("/v1/sources", headers=_AUTH)).text
            stop.set()
    assert isinstance(event, Mention)
    assert (event.source, event.platform) == ("page", "facebook")
    await engine.dispose()
    await bus.close()


_AUTH = {"Authorization": f"Bearer {TOKEN}"}


async def _view(client: httpx.AsyncClient) -> tuple[str, str | None, str]:
    (item,) = (await client.get("/v1/sources", headers=_AUTH)).json()["items"]
    return item["health"], item["next_due"], item["url"]


async def _run(loop: Loop, stop: asyncio.Event) -> None:
    await loop(stop)


@pytest.mark.parametrize(
    ("kind", "secret"),
    [("meta", "app_secret"), ("linkedin", "client_secret"), ("x_webhook", "consumer_secret")],
)
def test_a_secret_that_anybody_has_is_refused(kind: str, secret: str) -> None:
    source = f"{{id: s, kind: {kind}, {secret}: '${{EMPTY}}'"
    source += ", verify_token: ein Wort}" if kind == "meta" else "}"
    with pytest.raises(ConfigurationError, match=secret):
        parse(f"sources:\n  - {source}", "melder.yaml", IngestSettings, {"EMPTY": ""})


def test_a_hub_needs_to_know_where_we_are() -> None:
    feed = "sources: [{id: presse, kind: feed, url: 'https://n.example/f', websub: true}]\n"
    with pytest.raises(ConfigurationError, match="expected public_url, where the hub of 'presse'"):
        parse(feed, "b.yaml", IngestSettings, {})
    known = parse(feed + "public_url: https://melder.example\n", "b.yaml", IngestSettings, {})
    assert known.public_url == "https://melder.example"
