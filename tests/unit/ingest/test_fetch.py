from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from services.ingest.collector import Limits
from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    Gone,
    Missing,
    NotAFeed,
    RateLimited,
    TooLarge,
    Unreachable,
)
from services.ingest.reading.answer import is_html
from services.ingest.reading.fetch import Answer, Known, fetch
from tests.unit.ingest.building import NOW, SetClock

URL = "https://news.example/feed.xml"
OLD = "Thu, 17 Sep 2026 10:00:00 GMT"
CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"

Handler = Callable[[httpx.Request], httpx.Response]


async def get(handler: Handler, known: Known = Known(), limits: Limits = Limits()) -> Answer:  # noqa: B008 -- frozen
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        return await fetch(client, URL, known, SetClock(), limits)


def always(status: int = 200, body: bytes = b"<rss/>", **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=named, stream=httpx.ByteStream(body))

    return answer


async def test_validators_are_sent_back_verbatim() -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(304)

    known = Known(etag='W/"a"', modified=OLD, digest="d")
    answered = await get(answer, known)
    assert seen[0]["if-none-match"] == 'W/"a"'
    assert seen[0]["if-modified-since"] == OLD
    assert seen[0]["accept-encoding"] == "gzip, deflate"
    assert (answered.body, answered.known) == (None, known)


async def test_a_304_may_renew_the_validators() -> None:
    answered = await get(always(304, b"", etag='"b"'), Known(etag='"a"', modified=OLD, digest="d"))
    assert answered.known == Known(etag='"b"', modified=OLD, digest="d")


async def test_a_200_with_the_known_etag_is_unchanged() -> None:
    answered = await get(always(etag='"a"', body=b"<rss>new</rss>"), Known(etag='"a"'))
    assert answered.body is None


async def test_an_old_last_modified_that_did_not_change_is_unchanged() -> None:
    answered = await get(always(last_modified=OLD), Known(modified=OLD))
    assert answered.body is None


async def test_a_fresh_last_modified_does_not_prove_anything() -> None:
    just_now = "Fri, 18 Sep 2026 10:29:59 GMT"
    answered = await get(always(last_modified=just_now), Known(modified=just_now))
    assert answered.body == b"<rss/>"


async def test_the_same_bytes_without_validators_are_unchanged() -> None:
    first = await get(always())
    again = await get(always(), first.known)
    assert (first.body, again.body) == (b"<rss/>", None)


async def test_validators_that_expire_at_once_are_worth_nothing() -> None:
    first = await get(always(etag='"a"', expires="0"))
    assert (first.known.etag, first.known.modified) == (None, None)
    changed = always(etag='"a"', expires="0", body=b"<rss>new</rss>")
    assert (await get(changed, Known(etag='"a"'))).body == b"<rss>new</rss>"


@pytest.mark.parametrize(
    ("handler", "failure"),
    [
        (always(410), Gone),
        (always(404), Missing),
        (always(401), AuthFailed),
        (always(403), Blocked),
        (always(403, CHALLENGE), Blocked),
        (always(503, CHALLENGE), Blocked),
        (always(503, b"", cf_mitigated="challenge"), Blocked),
        (always(451), Blocked),
        (always(429), RateLimited),
        (always(503, b"busy", retry_after="60"), RateLimited),
        (always(503, b"busy"), Unreachable),
        (always(500), Unreachable),
        (always(400), Unreachable),
        (always(200, b"x", content_length="17000000"), TooLarge),
        (always(200, b"x", content_encoding="br"), NotAFeed),
    ],
)
async def test_each_refusal_has_its_reason(
    handler: Handler, failure: type[CollectionFailed]
) -> None:
    with pytest.raises(failure) as raised:
        await get(handler)
    assert type(raised.value) is failure


@pytest.mark.parametrize("value", ["600", "Fri, 18 Sep 2026 10:40:00 GMT"])
async def test_the_server_says_when_to_come_back(value: str) -> None:
    with pytest.raises(RateLimited) as raised:
        await get(always(429, retry_after=value))
    assert raised.value.not_before == NOW + timedelta(minutes=10)


def redirecting(status: int, hops: int = 1) -> Handler:
    def answer(request: httpx.Request) -> httpx.Response:
        hop = int(request.url.params.get("hop", "0"))
        if hop < hops:
            return httpx.Response(status, headers={"location": f"/new.xml?hop={hop + 1}"})
        return httpx.Response(200, stream=httpx.ByteStream(b"<rss/>"))

    return answer


@pytest.mark.parametrize("status", [301, 308])
async def test_permanent_redirects_are_counted(status: int) -> None:
    target = "https://news.example/new.xml?hop=1"
    first = await get(redirecting(status))
    again = await get(redirecting(status), first.known)
    assert (first.url, first.known.moved_to, first.known.moved_times) == (target, target, 1)
    assert again.known.moved_times == 2


@pytest.mark.parametrize("status", [302, 303, 307])
async def test_other_redirects_are_followed_and_forgotten(status: int) -> None:
    answered = await get(redirecting(status), Known(moved_to="https://x.example/", moved_times=2))
    assert answered.url.endswith("hop=1")
    assert (answered.known.moved_to, answered.known.moved_times) == (None, 0)


async def test_one_temporary_redirect_among_permanent_ones_moves_nothing() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/feed.xml":
            return httpx.Response(301, headers={"location": "/a"})
        if request.url.path == "/a":
            return httpx.Response(302, headers={"location": "/b"})
        return httpx.Response(200, stream=httpx.ByteStream(b"<rss/>"))

    assert (await get(answer)).known.moved_to is None


async def test_a_circle_of_redirects_ends() -> None:
    with pytest.raises(Unreachable, match="redirects"):
        await get(redirecting(302, hops=100))


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x.example/", "http://[", "//"])
async def test_a_redirect_to_nowhere_is_a_failure(location: str) -> None:
    with pytest.raises(CollectionFailed):
        await get(always(302, b"", location=location))


@pytest.mark.parametrize(
    ("body", "html"),
    [
        (b"<!doctype html><title>x", True),
        (b"\xef\xbb\xbf\n <HTML>", True),
        (b"<!-- c --><html>", True),
        (b'<?xml version="1.0"?><!DOCTYPE html>', True),
        (b"<rss><html>", False),
        (b"<htmlfeed>", False),
        (b"", False),
    ],
)
def test_html_is_told_by_its_start(body: bytes, html: bool) -> None:
    assert is_html(body) is html


@pytest.mark.parametrize(("end", "html"), [(b"<html>", True), (b"x", False)])
def test_many_comments_before_anything_else_are_no_riddle(end: bytes, html: bool) -> None:
    assert is_html(b"<!---->" * 500 + end) is html


async def test_a_login_in_the_address_is_in_nothing_that_is_kept_or_handed_on() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/feed.xml":
            return httpx.Response(301, headers={"location": "/moved"})
        return httpx.Response(200, stream=httpx.ByteStream(b"<rss/>"))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        url = "https://anna:geheim@news.example/feed.xml"
        answered = await fetch(client, url, Known(), SetClock(), Limits())
    assert answered.url == "https://news.example/moved"
    assert (answered.known.moved_to, answered.known.moved_times) == (None, 0)
