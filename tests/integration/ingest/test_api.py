"""Handing in posts and hints, and looking at sources, over HTTP."""

from __future__ import annotations

import asyncio
import codecs
import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from httpx import ASGITransport, AsyncClient

from libs.common.auth import Gate
from libs.common.bus import RAW, streams
from libs.common.bus.sqlite import SqliteBus
from libs.common.db import open_engine
from libs.common.events import Mention, from_record
from libs.common.service import Service, create_app
from services.ingest.api.push import MOST_POSTS, TOGETHER, batch_of
from services.ingest.api.routes import AT_ONCE, Desk, ingest_router
from services.ingest.api.sources import SourceView, views
from services.ingest.match import Pseudonyms, Watches
from services.ingest.schedule.decide import configured
from services.ingest.service import open_service
from services.ingest.settings import IngestSettings
from tests.unit.ingest.building import KEY, NOW, ListBus, SetClock, a_watch

TOKEN = "a token for the tests"
SETTINGS = IngestSettings.model_validate(
    {
        "watches": [
            {"id": "motorrad-ag", "name": "Motorrad AG", "query": "Motorrad", "not": "Spielzeug"},
            {"id": "board", "name": "Vorstand", "query": "Mustermann", "languages": ["de"]},
        ],
        "sources": [
            {"id": "presse", "kind": "feed", "url": "https://u:geheim@news.example/f?key=geheim"},
            {"id": "forum", "kind": "feed", "url": "https://forum.example/f", "every": "2m"},
        ],
    }
)


class Place:
    """The API over a list as its log."""

    def __init__(self, settings: IngestSettings = SETTINGS) -> None:
        self.log = ListBus()
        self.desk = Desk(self.log, Watches(settings.watches, Pseudonyms(KEY)), SetClock(), 100_000)
        router = ingest_router(self.desk, settings, self._sources, Gate(TOKEN))
        self.app = create_app([Service("ingest", router, {}, {})], "0")

    async def _sources(self) -> Sequence[SourceView]:
        failing = replace(
            configured("presse", "", NOW),
            health="failing",
            reason="unreachable: 502",
            failures=2,
        )
        return views(SETTINGS.sources, [failing], NOW)

    @asynccontextmanager
    async def client(self, token: str = TOKEN) -> AsyncIterator[AsyncClient]:
        headers = {"Authorization": f"Bearer {token}"}
        transport = ASGITransport(self.app)
        async with AsyncClient(
            transport=transport, base_url="http://test", headers=headers
        ) as client:
            yield client

    async def post(self, path: str, content: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = content if isinstance(content, bytes) else msgspec.json.encode(content)
        async with self.client() as client:
            return await client.post(path, content=body, headers=named)


async def test_one_post_an_array_and_lines_are_taken() -> None:
    place = Place()
    motorrad = {"text": "Motorrad", "native_id": "1"}
    one = await place.post("/v1/mentions", motorrad)
    many = await place.post("/v1/mentions", [motorrad, {"text": "Fahrrad"}])
    lines = msgspec.json.encode(motorrad) + b'\n{"text": "Fahrrad"}\n'
    ndjson = await place.post("/v1/mentions", lines, content_type="application/x-ndjson")
    (first, *repeats) = place.log.mentions
    accepted = {
        "status": "accepted",
        "index": 0,
        "watches": ["motorrad-ag"],
        "ids": [first.id],
    }
    assert (one.status_code, one.json()) == (
        202,
        {"accepted": 1, "unmatched": 0, "invalid": 0, "items": [accepted]},
    )
    expected = {
        "accepted": 1,
        "unmatched": 1,
        "invalid": 0,
        "items": [accepted, {"status": "unmatched", "index": 1}],
    }
    assert many.json() == ndjson.json() == expected
    assert repeats == [first, first]
    assert {(m.topic, m.key) for m in place.log.messages} == {(RAW, first.id)}


async def test_good_posts_among_wrong_ones_are_taken() -> None:
    place = Place()
    answer = await place.post("/v1/mentions", [{"text": "Motorrad"}, {"text": 7}])
    assert answer.status_code == 207
    assert answer.json()["items"][1] == {
        "status": "invalid",
        "index": 1,
        "pointer": "#/1/text",
        "detail": "Expected `str`, got `int`",
    }
    assert len(place.log.mentions) == 1


async def test_when_every_post_is_wrong_the_answer_is_a_problem() -> None:
    place = Place()
    answer = await place.post("/v1/mentions", [{"txt": "Motorrad"}, 7])
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/0/text", "#/1"]
    assert place.log.messages == []


async def test_a_minimal_answer_lists_only_what_is_wrong() -> None:
    answer = await Place().post(
        "/v1/mentions", [{"text": "Motorrad"}, {"text": 7}], prefer="return=minimal"
    )
    assert answer.json()["accepted"] == 1
    assert [item["index"] for item in answer.json()["items"]] == [1]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b" \n ", {}, 400),
        (b"[]", {}, 400),
        (b"[1", {}, 400),
        (b"\n\n", {"content_type": "application/x-ndjson"}, 400),
        (b"{}", {}, 422),
        (b"{", {}, 400),
        (b"<a/>", {"content_type": "text/xml"}, 415),
        (b"{}", {"content_encoding": "br"}, 415),
        (b"[" + b" " * 100_000 + b"]", {}, 413),
        (b"[" + b" " * 3_000_000 + b"]", {}, 413),
        (gzip.compress(b" " * 1_000_000), {"content_encoding": "gzip"}, 413),
    ],
)
async def test_a_wrong_request_is_refused_with_a_problem(
    body: bytes, headers: dict[str, str], status: int
) -> None:
    place = Place()
    answer = await place.post("/v1/mentions", body, **headers)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert place.log.messages == []


async def test_no_nul_gets_through() -> None:
    place = Place()
    await place.post("/v1/mentions", b'{"text": "Motorrad \\u0000 brennt"}')
    await place.post("/v1/hints", b"Motorrad \0 brennt", content_type="text/plain")
    texts = [mention.text for mention in place.log.mentions]
    assert texts == ["Motorrad \ufffd brennt", "Motorrad \ufffd brennt"]


@pytest.mark.parametrize("form", ["application/json", "application/x-ndjson"])
async def test_a_byte_order_mark_is_no_part_of_the_request(form: str) -> None:
    place = Place()
    body = codecs.BOM_UTF8 + b'{"text": "Motorrad"}'
    assert (await place.post("/v1/mentions", body, content_type=form)).status_code == 202
    assert (await place.post("/v1/hints", body)).status_code == 202
    assert [mention.text for mention in place.log.mentions] == ["Motorrad", "Motorrad"]


async def test_too_many_posts_are_refused_with_a_problem() -> None:
    place = Place()
    body = gzip.compress(b"[" + b"0," * MOST_POSTS + b"0]")
    place.desk.body_bytes = 10**6
    answer = await place.post("/v1/mentions", body, content_encoding="gzip")
    assert (answer.status_code, answer.json()["status"]) == (413, 413)
    assert "100000 posts" in answer.json()["detail"]


async def test_as_many_bytes_are_taken_as_the_settings_allow() -> None:
    place = Place()
    place.desk.body_bytes = 4_000_000
    answer = await place.post("/v1/mentions", b'{"text": "Motorrad"}' + b" " * 3_000_000)
    assert answer.status_code == 202


async def test_others_get_their_turn_while_posts_match_nothing() -> None:
    place = Place()
    batch = batch_of(b'{"text": "Fahrrad"}\n' * (5 * TOGETHER), "ndjson")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(other())
    verdicts = await place.desk.take(batch)
    waiting.cancel()
    assert len(verdicts) == 5 * TOGETHER
    assert turns >= 5


async def dribbling(start: asyncio.Event) -> AsyncIterator[bytes]:
    """A request's content that never ends."""
    yield b"{"
    start.set()
    await asyncio.Event().wait()


async def test_content_that_comes_too_slowly_is_refused() -> None:
    place = Place()
    place.desk.body_seconds = 0.01
    async with place.client() as client:
        answer = await client.post("/v1/mentions", content=dribbling(asyncio.Event()))
    assert (answer.status_code, place.desk.busy) == (408, 0)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_hint_is_taken_while_slow_requests_hold_every_place() -> None:
    place = Place()
    async with place.client() as client:
        begun = [asyncio.Event() for _ in range(AT_ONCE)]
        slow = [
            asyncio.create_task(client.post("/v1/mentions", content=dribbling(event)))
            for event in begun
        ]
        await asyncio.gather(*(event.wait() for event in begun))
        refused = await client.post("/v1/mentions", json={"text": "Motorrad"})
        taken = await client.post("/v1/hints", json={"text": "Es brennt!"})
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
    assert (refused.status_code, taken.status_code) == (429, 202)
    assert place.desk.busy == 0


async def test_packed_requests_are_read() -> None:
    place = Place()
    body = gzip.compress(b'{"text": "Motorrad"}\n' * 3)
    headers = {"content_type": "application/x-ndjson", "content_encoding": "gzip"}
    answer = await place.post("/v1/mentions", body, **headers)
    assert answer.json()["accepted"] == 3


async def test_while_the_log_is_down_the_sender_is_asked_to_come_again() -> None:
    place = Place()
    place.log.is_down = True
    for path in ("/v1/mentions", "/v1/hints"):
        answer = await place.post(path, {"text": "Motorrad"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_too_many_requests_at_once_are_asked_to_come_again() -> None:
    place = Place()
    place.desk.busy = AT_ONCE
    answer = await place.post("/v1/mentions", {"text": "Motorrad"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    place.desk.busy = 0
    await place.post("/v1/mentions", b"[1")
    assert place.desk.busy == 0


@pytest.mark.parametrize(
    ("accepted", "language", "start"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de", "Danke"),
        ("en-GB", "en", "Thank you"),
        ("fr, en;q=0.5", "en", "Thank you"),
        ("fr", "de", "Danke"),
        ("", "de", "Danke"),
    ],
)
async def test_a_hint_is_acknowledged_in_the_reporters_language(
    accepted: str, language: str, start: str
) -> None:
    answer = await Place().post("/v1/hints", {"text": "Es brennt!"}, accept_language=accepted)
    assert (answer.status_code, answer.headers["content-language"]) == (202, language)
    assert answer.json()["message"].startswith(start)
    assert answer.json()["id"][:8] in answer.json()["message"]


async def test_every_hint_is_published_also_one_that_nothing_matches() -> None:
    place = Place()
    for _ in range(2):
        answer = await place.post("/v1/hints", {"text": "Es brennt!"})
        assert sorted(answer.json()["watches"]) == ["board", "motorrad-ag"]
    mentions = place.log.mentions
    assert {mention.kind for mention in mentions} == {"hint"}
    assert len({mention.id for mention in mentions}) == 4


async def test_a_hint_that_is_sent_again_with_its_key_is_the_same_hint() -> None:
    place = Place()
    ids = [
        (await place.post("/v1/hints", {"text": "x"}, idempotency_key="k")).json()["id"]
        for _ in range(2)
    ]
    assert ids[0] == ids[1]


async def test_a_hint_may_be_plain_text() -> None:
    place = Place()
    answer = await place.post(
        "/v1/hints", "Motorrad brennt, Öl!".encode(), content_type="text/plain"
    )
    assert answer.status_code == 202
    assert [mention.text for mention in place.log.mentions] == ["Motorrad brennt, Öl!"]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "#/text"),
        ({"text": " "}, 422, "#/text"),
        ({"text": 1}, 422, "#/text"),
        ({"text": "x", "watch": "unknown"}, 422, "#/watch"),
        ({"url": "javascript:alert(1)"}, 422, "#/url"),
        ({"text": "x", "reporter": {"name": 1}}, 422, "#/reporter/name"),
        ({"text": "x", "wach": "board"}, 422, "#"),
        (b"{", 400, None),
        (b"\xff", 400, None),
    ],
)
async def test_a_wrong_hint_is_refused_with_the_field(
    body: object, status: int, pointer: str | None
) -> None:
    answer = await Place().post("/v1/hints", body)
    assert answer.status_code == status
    errors = answer.json().get("errors", [{"pointer": None}])
    assert errors[0]["pointer"] == pointer


async def test_a_hint_nobody_could_see_is_refused() -> None:
    answer = await Place(IngestSettings()).post("/v1/hints", {"text": "x"})
    assert answer.status_code == 409


async def test_sources_show_their_health_and_no_secrets() -> None:
    async with Place().client() as client:
        answer = await client.get("/v1/sources")
    presse, forum = answer.json()["items"]
    assert presse == {
        "id": "presse",
        "kind": "feed",
        "url": "https://news.example/f?…",
        "health": "failing",
        "reason": "unreachable: 502",
        "since": "2026-09-18T10:30:00Z",
        "last_success": None,
        "last_entry": None,
        "failures": 2,
        "next_due": "2026-09-18T10:30:00Z",
        "coverage": {"day": None, "week": None, "gaps": []},
        "usual_a_day": None,
        "seen_a_day": None,
    }
    assert (forum["id"], forum["health"]) == ("forum", "new")
    assert "geheim" not in answer.text


async def test_watches_are_shown_as_configured() -> None:
    async with Place().client() as client:
        items = (await client.get("/v1/watches")).json()["items"]
    assert items == [
        {
            "id": "motorrad-ag",
            "name": "Motorrad AG",
            "query": "Motorrad",
            "not": "Spielzeug",
            "languages": [],
        },
        {
            "id": "board",
            "name": "Vorstand",
            "query": "Mustermann",
            "not": None,
            "languages": ["de"],
        },
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/mentions"),
        ("POST", "/v1/hints"),
        ("GET", "/v1/sources"),
        ("GET", "/v1/watches"),
    ],
)
async def test_nothing_is_open_without_a_token(method: str, path: str) -> None:
    place = Place()
    async with place.client(token="wrong") as client:
        assert (await client.request(method, path)).status_code == 401
    assert place.log.messages == []


async def test_the_service_over_a_real_log_and_store(tmp_path: Path) -> None:
    bus = SqliteBus(tmp_path / "log.db")
    await bus.create_topics(streams(2))
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    settings = IngestSettings(watches=(a_watch("m", "Motorrad"),))
    async with open_service(settings, bus, engine, Gate(TOKEN), author_key="k") as service:
        transport = ASGITransport(create_app([service], "0"))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with AsyncClient(
            transport=transport, base_url="http://test", headers=headers
        ) as client:
            await client.post("/v1/mentions", json=[{"text": "Motorrad"}, {"text": "Fahrrad"}])
            ready = (await client.get("/readyz")).json()
            assert (await client.get("/openapi.json")).status_code == 200
        async with bus.reader([RAW]) as reader:
            (event,) = [from_record(record) for record in await reader.poll(10, 1.0)]
    assert isinstance(event, Mention)
    assert (event.watch, event.source, event.text) == ("m", "api", "Motorrad")
    assert ready["checks"]["sources"] == {"ready": True, "state": "0 sources, 0 unhealthy"}
    await engine.dispose()
    await bus.close()
