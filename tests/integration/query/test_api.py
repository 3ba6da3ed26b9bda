"""`/v1/mentions` and the first page's files, over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from libs.common.bus import Bus
from libs.common.db import migrate, open_engine
from libs.common.events import to_json
from services.query.cursor import encode_cursor
from services.query.rows import StoredEvent
from services.query.search import Position
from services.query.store import MentionStore
from tests.integration.query.serving import a_log, a_query_service, publish
from tests.unit.query_service.building import a_deletion, a_mention


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with a_log(f"sqlite:///{tmp_path / 'bus.db'}") as bus:
        yield bus


async def stored(url: str, *events: StoredEvent) -> None:
    engine = open_engine(url)
    await migrate(engine, "services.query")
    await MentionStore(engine).write(events)
    await engine.dispose()


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


async def test_what_is_published_is_found(bus: Bus, database_url: str) -> None:
    mention = a_mention()
    async with a_query_service(bus, database_url) as client:
        await publish(bus, [mention])
        async with asyncio.timeout(20):
            while not (found := (await client.get("/v1/mentions?q=bremse")).json())["items"]:
                pass
        assert found == {"items": [json.loads(to_json(mention))], "next": None, "warnings": []}
        one = await client.get(f"/v1/mentions/{mention.id}")
        assert one.content == to_json(mention)
        ready = (await client.get("/readyz")).json()
    assert ready["checks"]["store"]["ready"]
    assert ready["checks"]["log"]["ready"]
    assert ready["checks"]["lag"]["state"].endswith("records behind")


async def test_pages_follow_the_link(bus: Bus, store_url: str) -> None:
    await stored(store_url, *(a_mention(n) for n in range(7)))
    async with a_query_service(bus, store_url) as client:
        for order, expected in (("desc", "6543210"), ("asc", "0123456")):
            found = ""
            url = f"/v1/mentions?q=bremse%20AND%20kind:post&limit=3&order={order}"
            while url:
                answer = await client.get(url)
                found += "".join(item["native_id"] for item in answer.json()["items"])
                url = answer.links.get("next", {}).get("url", "")
                assert bool(url) == (answer.json()["next"] is not None)
            assert found == expected


async def test_a_wrong_query_says_where_and_what_was_expected(bus: Bus, store_url: str) -> None:
    async with a_query_service(bus, store_url) as client:
        english = await client.get("/v1/mentions", params={"q": "bremse AND ("})
        german = await client.get(
            "/v1/mentions", params={"q": "label:wut"}, headers={"Accept-Language": "de-DE"}
        )
    assert english.status_code == 400
    assert english.headers["content-type"] == "application/problem+json"
    problem = english.json()
    assert problem["title"] == "The query cannot be understood"
    assert problem["errors"] == [{"pointer": "q", "detail": problem["detail"]}]
    assert problem["position"] == 12
    assert problem["found"] is None
    assert "Expected:" in problem["detail"]
    assert german.json()["position"] == 6
    assert german.json()["found"] == "wut"
    assert "Erwartet:" in german.json()["detail"]
    assert "complaint" in german.json()["expected"]


async def test_a_query_that_may_be_misread_comes_with_a_warning(bus: Bus, store_url: str) -> None:
    async with a_query_service(bus, store_url) as client:
        answer = await client.get("/v1/mentions", params={"q": "bremse OR gabel kupplung"})
    [warning] = answer.json()["warnings"]
    assert isinstance(warning["position"], int)
    assert warning["detail"].startswith("Line 1, character ")


@pytest.mark.parametrize(
    ("parameters", "status", "pointer"),
    [
        ({"cursor": "nonsense"}, 400, "cursor"),
        ({"cursor": encode_cursor(Position(1, "a\0"), "desc")}, 400, "cursor"),
        ({"limit": "0"}, 422, "limit"),
        ({"limit": "501"}, 422, "limit"),
        ({"limit": "many"}, 422, "limit"),
        ({"order": "sideways"}, 422, "order"),
        ({"q": "x" * 10_001}, 422, "q"),
    ],
)
async def test_a_wrong_parameter_is_named(
    bus: Bus, store_url: str, parameters: dict[str, str], status: int, pointer: str
) -> None:
    async with a_query_service(bus, store_url) as client:
        refused = await client.get("/v1/mentions", params=parameters)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize("path", ["?q=a%00", "?watch=%00", "/a%00b", "/stream?q=%00"])
async def test_a_nul_is_refused_wherever_it_stands(bus: Bus, store_url: str, path: str) -> None:
    async with a_query_service(bus, store_url) as client:
        refused = await client.get(f"/v1/mentions{path}")
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"


async def test_an_unknown_mention_is_not_found_and_a_deleted_one_is_gone(
    bus: Bus, store_url: str
) -> None:
    mention = a_mention()
    await stored(store_url, mention, a_deletion(mention))
    async with a_query_service(bus, store_url) as client:
        unknown = await client.get("/v1/mentions/nobody")
        deleted = await client.get(f"/v1/mentions/{mention.id}")
    assert (unknown.status_code, unknown.json()["title"]) == (404, "No such mention")
    assert (deleted.status_code, deleted.json()["title"]) == (410, "Mention deleted")


async def test_mentions_are_for_those_who_may_see_them(bus: Bus, store_url: str) -> None:
    async with a_query_service(bus, store_url) as client:
        for path in ("/v1/mentions", "/v1/mentions/1", "/v1/mentions/stream"):
            refused = await client.get(path, headers={"Authorization": "Bearer wrong"})
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_the_page_is_open_and_strict(bus: Bus, store_url: str) -> None:
    async with a_query_service(bus, store_url) as client:
        page = await client.get("/", headers={"Authorization": ""})
        again = await client.get("/", headers={"If-None-Match": page.headers["etag"]})
        script = await client.get("/web/app.js")
        missing = await client.get("/web/..%2fservice.py")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert again.status_code == 304
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert missing.status_code == 404


async def referenced(client: httpx.AsyncClient, path: str) -> set[str]:
    text = (await client.get(path)).text
    return {part.split('"')[0] for part in text.split('"/web/')[1:]}


async def test_every_file_the_page_needs_is_served(bus: Bus, store_url: str) -> None:
    async with a_query_service(bus, store_url) as client:
        found: set[str] = set()
        waiting = await referenced(client, "/")
        while waiting:
            name = waiting.pop()
            found.add(name)
            assert (await client.get(f"/web/{name}")).status_code == 200
            waiting |= await referenced(client, f"/web/{name}") - found
    assert {"app.js", "style.css", "icon.svg", "stream.js", "texts.js"} <= found
