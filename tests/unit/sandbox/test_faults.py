"""Faults do to a client what broken servers do."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import feedparser
import httpx
import pytest
from pydantic import ValidationError

from sandbox.faults import Fault, Rewrite
from sandbox.server import Sandbox, running
from tests.unit.sandbox.playing import a_post, a_sandbox, visiting

FEED = "/forum/feed.atom"


@pytest.fixture
def sandbox() -> Sandbox:
    return a_sandbox(a_post(text="Schöne Grüße"))


@asynccontextmanager
async def connected(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the real server, for what happens to connections."""
    async with (
        running(sandbox) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=10) as client,
    ):
        yield client


async def read(answer: httpx.Response, received: bytearray) -> None:
    async for chunk in answer.aiter_raw():
        received += chunk


async def test_a_status_with_headers_takes_the_answers_place_so_many_times(
    sandbox: Sandbox,
) -> None:
    sandbox.faults.add(
        Fault(
            route=FEED,
            status=429,
            headers={"Retry-After": "Wed, 06 May 2026 09:30:00 GMT"},
            times=2,
        )
    )
    async with visiting(sandbox) as client:
        answers = [await client.get(FEED) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "Wed, 06 May 2026 09:30:00 GMT"


async def test_a_fault_lasts_until_it_is_cleared(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route="/forum/*", status=410))
    async with visiting(sandbox) as client:
        assert [(await client.get(FEED)).status_code for _ in range(5)] == [410] * 5
        sandbox.faults.clear()
        assert (await client.get(FEED)).status_code == 200


async def test_a_fault_spoils_its_route_only_and_never_the_controls(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route="/news/*", status=500))
    sandbox.faults.add(Fault(route="/*", status=503))
    async with visiting(sandbox) as client:
        statuses = [
            (await client.get(path)).status_code
            for path in ("/news/feed.rss", FEED, "/_sandbox/faults")
        ]
    assert statuses == [500, 503, 200]


async def test_the_hook_fails_when_it_is_named(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route="/_sandbox/hook", status=503, times=1))
    async with visiting(sandbox) as client:
        assert (await client.post("/_sandbox/hook")).status_code == 503
    assert sandbox.hook.deliveries == ()


async def test_a_late_answer_is_late(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, delay=0.2))
    async with visiting(sandbox) as client:
        began = time.monotonic()
        assert (await client.get(FEED)).status_code == 200
    assert time.monotonic() - began >= 0.2


async def test_a_connection_ends_in_the_middle_of_the_body(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, cut=100, times=1))
    received = bytearray()
    async with connected(sandbox) as client:
        async with client.stream("GET", FEED) as answer:
            assert int(answer.headers["content-length"]) > 100
            with pytest.raises(httpx.RemoteProtocolError):
                await read(answer, received)
        assert len(received) == 100
        assert (await client.get(FEED)).status_code == 200


async def test_a_connection_breaks_before_any_answer(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, reset=True, times=1))
    async with connected(sandbox) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(FEED)
        assert (await client.get(FEED)).status_code == 200
    assert [asked.status for asked in sandbox.requests.of(FEED)] == [None, 200]


async def test_bytes_come_in_another_charset_than_declared(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, charset="cp1252"))
    async with visiting(sandbox) as client:
        answer = await client.get(FEED)
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert "Schöne Grüße".encode("cp1252") in answer.content


async def test_a_challenge_is_html_in_the_place_of_a_feed(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, challenge=True, times=1))
    sandbox.faults.add(Fault(route=FEED, challenge=True, status=403))
    async with visiting(sandbox) as client:
        answers = [await client.get(FEED) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert {answer.headers["content-type"] for answer in answers} == {"text/html; charset=utf-8"}
    assert feedparser.parse(answers[0].content).version == ""


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_chain_of_redirects_leads_to_the_answer(sandbox: Sandbox, status: int) -> None:
    sandbox.faults.add(Fault(route=FEED, redirects=3, status=status, times=1))
    async with visiting(sandbox) as client:
        answer = await client.get(FEED, follow_redirects=True)
    assert [hop.status_code for hop in answer.history] == [status] * 3
    assert (answer.status_code, answer.url.path) == (200, FEED)
    assert "Schöne Grüße" in answer.text


async def test_a_redirect_leads_wherever_it_says(sandbox: Sandbox) -> None:
    target = "http://169.254.169.254/latest/meta-data"
    sandbox.faults.add(Fault(route=FEED, status=302, headers={"Location": target}))
    async with visiting(sandbox) as client:
        assert (await client.get(FEED)).headers["location"] == target


async def test_a_gzip_bomb_is_small_until_it_is_unpacked(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, gzip_bomb=5_000_000))
    packed = bytearray()
    async with connected(sandbox) as client, client.stream("GET", FEED) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        await read(answer, packed)
    assert len(packed) < 500_000
    assert len(gzip.decompress(packed)) == 5_000_000


async def test_an_oversized_feed_has_the_size_it_was_given(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, oversize=1_234_567))
    async with connected(sandbox) as client:
        assert len((await client.get(FEED)).content) == 1_234_567


async def test_an_endless_feed_goes_on_until_the_client_leaves(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, endless=True, times=1))
    received = 0
    async with connected(sandbox) as client:
        async with client.stream("GET", FEED) as answer:
            async for chunk in answer.aiter_raw():
                received += len(chunk)
                if received > 10_000_000:
                    break
        assert (await client.get(FEED)).status_code == 200


async def test_the_server_stops_although_an_endless_feed_is_being_read(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, endless=True))
    async with httpx.AsyncClient(trust_env=False) as client:
        async with asyncio.timeout(20), running(sandbox) as address:
            stream = client.stream("GET", address + FEED)
            answer = await stream.__aenter__()
            assert await anext(answer.aiter_raw())
        await stream.__aexit__(None, None, None)


async def test_the_body_is_rewritten(sandbox: Sandbox) -> None:
    sandbox.faults.add(
        Fault(
            route=FEED,
            rewrite=(
                Rewrite(pattern="<id>[^<]*</id>"),
                Rewrite(pattern="Schöne Grüße", replacement="Schöne&nbsp;Grüße"),
                Rewrite(
                    pattern=r"<published>.*?</published>",
                    replacement="<published>Do, 18 Sep 2026 10:00:00 MEZ</published>",
                ),
            ),
        )
    )
    async with visiting(sandbox) as client:
        answer = await client.get(FEED)
    entry = feedparser.parse(answer.content).entries[0]
    assert ("id" in entry, entry.published, entry.published_parsed) == (
        False,
        "Do, 18 Sep 2026 10:00:00 MEZ",
        None,
    )
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_an_answer_comes_compressed(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, gzip=True))
    async with visiting(sandbox) as client:
        answer = await client.get(FEED)
    assert answer.headers["content-encoding"] == "gzip"
    assert "Schöne Grüße" in answer.text


async def test_a_server_sends_everything_again_under_the_same_etag(sandbox: Sandbox) -> None:
    async with visiting(sandbox) as client:
        etag = (await client.get(FEED)).headers["etag"]
        sandbox.faults.add(Fault(route=FEED, unconditional=True))
        again = await client.get(FEED, headers={"If-None-Match": etag})
    assert (again.status_code, again.headers["etag"]) == (200, etag)


async def test_headers_are_changed_and_taken_away(sandbox: Sandbox) -> None:
    sandbox.faults.add(
        Fault(route=FEED, headers={"ETag": None, "Content-Type": "text/plain", "X-New": "1"})
    )
    async with visiting(sandbox) as client:
        headers = (await client.get(FEED)).headers
    assert "etag" not in headers
    assert (headers["content-type"], headers["x-new"]) == ("text/plain", "1")


async def test_any_body_can_be_served(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(route=FEED, body="", times=1))
    sandbox.faults.add(Fault(route=FEED, body="{}", headers={"content-type": "application/json"}))
    async with visiting(sandbox) as client:
        empty, json = [await client.get(FEED) for _ in range(2)]
    assert (empty.status_code, empty.content) == (200, b"")
    assert json.json() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"challenge": True, "body": "x"},
        {"charset": "klingon"},
        {"rewrite": [{"pattern": "("}]},
        {"times": 0},
        {"redirects": 2, "status": 200},
        {"status": 99},
        {"explode": True},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate(wrong)
