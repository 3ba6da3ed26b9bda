"""What feeds say of their hubs, what hubs are asked, and which signatures are good."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from services.ingest.collector import Limits
from services.ingest.failure import CollectionFailed, Refused, Rejected, TooSlow, Unreachable
from services.ingest.hooks.websub import (
    Offer,
    Subscription,
    ask,
    discover,
    is_signed,
    lease,
    next_retry,
    offer_in,
)
from tests.unit.ingest.building import NOW

URL = "https://blog.example/feed"
HUB = "https://hub.example/"


def a_response(headers: list[tuple[str, str]] | None = None) -> httpx.Response:
    return httpx.Response(200, headers=headers, request=httpx.Request("GET", URL))


@pytest.mark.parametrize(
    "links",
    [
        ['<https://hub.example/>; rel="hub", <https://blog.example/feed>; rel="self"'],
        ["<https://hub.example/>; rel=hub", '</feed>; rel="alternate self"; type="a/b,c"'],
        ['<https://hub.example/>; REL="HUB"', '<feed>;title="a, b"; rel="self"'],
    ],
)
def test_a_hub_in_the_headers(links: list[str]) -> None:
    found = offer_in(a_response([("Link", link) for link in links]), b"")
    assert found == Offer(HUB, URL)


def test_a_comma_inside_an_address_is_part_of_it() -> None:
    link = '<https://hub.example/a,b>; rel="hub"'
    found = offer_in(a_response([("Link", link)]), b"")
    assert found is not None
    assert found.hub == "https://hub.example/a,b"


ATOM = (
    b"<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'>"
    b"<link rel='hub' href='https://hub.example/'/><link rel='self' href='/other'/>"
    b"<entry><link rel='hub' href='https://evil.example/'/></entry></feed>"
)
RSS = (
    b"<rss xmlns:a10='http://www.w3.org/2005/Atom'><channel><link>https://blog.example</link>"
    b"<a10:link rel='self' href='https://blog.example/other'/>"
    b"<a10:link rel='hub' href='https://hub.example/'/></channel></rss>"
)
JSON = (
    b'{"version":"https://jsonfeed.org/version/1.1","feed_url":"https://blog.example/other",'
    b'"hubs":[{"type":"rssCloud","url":"https://x.example"},'
    b'{"type":"WebSub","url":"https://hub.example/"}],"items":[]}'
)


@pytest.mark.parametrize("body", [ATOM, RSS, JSON])
def test_a_hub_in_the_feed_itself(body: bytes) -> None:
    assert offer_in(a_response(), body) == Offer(HUB, "https://blog.example/other")


@pytest.mark.parametrize("own", [b"", b"<link rel='self' href='//anna:geheim@blog.example/feed'/>"])
def test_a_hub_never_learns_the_login_of_a_feed(own: bytes) -> None:
    feed = (
        b"<feed xmlns='http://www.w3.org/2005/Atom'><link rel='hub' href='https://hub.example/'/>"
    )
    request = httpx.Request("GET", "https://anna:geheim@blog.example/feed")
    response = httpx.Response(200, request=request)
    assert offer_in(response, feed + own + b"</feed>") == Offer(HUB, URL)


def test_the_headers_come_first() -> None:
    headers = [("Link", '<https://first.example/>; rel="hub"')]
    assert offer_in(a_response(headers), ATOM) == Offer("https://first.example/", URL)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"hubs": 5}',
        b"<html><body>Nein",
        b"<feed><entry><link rel='hub' href='https://hub.example/'/></entry></feed>",
        b"<!DOCTYPE feed [<!ENTITY a 'b'>]><feed><link rel='hub' href='https://h.example'/></feed>",
        b"<feed><link rel='hub' href='http://hub.example/'/></feed>",
        b"<feed><link rel='hub' href='ftp://hub.example/'/></feed>",
        b"<feed><link rel='hub'/></feed>",
    ],
)
def test_what_names_no_hub_that_keeps_a_secret_offers_none(body: bytes) -> None:
    if b"<link rel='hub'/>" in body:  # relative to the feed: the feed's own address
        assert offer_in(a_response(), body) == Offer(URL, URL)
    else:
        assert offer_in(a_response(), body) is None


def a_subscription() -> Subscription:
    return Subscription("k", "blog", "geheim", HUB, URL, ask_at=NOW)


class HubOf:
    """Answers one request after the other."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def asked(self, mode: str = "subscribe") -> None:
        transport = httpx.MockTransport(self)
        async with httpx.AsyncClient(transport=transport) as client:
            await ask(
                client,
                a_subscription(),
                "subscribe" if mode == "subscribe" else "unsubscribe",
                "https://melder.example/v1/hooks/blog/k",
                Limits(),
            )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def form(self) -> dict[str, str]:
        return dict(httpx.QueryParams(self.requests[-1].content.decode()))


async def test_what_a_hub_is_asked() -> None:
    hub = HubOf(httpx.Response(202))
    await hub.asked()
    assert str(hub.requests[0].url) == HUB
    assert hub.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert hub.form == {
        "hub.callback": "https://melder.example/v1/hooks/blog/k",
        "hub.mode": "subscribe",
        "hub.topic": URL,
        "hub.lease_seconds": "864000",
        "hub.secret": "geheim",
    }


async def test_a_farewell_needs_no_secret() -> None:
    hub = HubOf(httpx.Response(202))
    await hub.asked("unsubscribe")
    assert "hub.secret" not in hub.form
    assert hub.form["hub.mode"] == "unsubscribe"


@pytest.mark.parametrize("status", [307, 308])
async def test_a_hub_that_has_moved_is_asked_the_same_there(status: int) -> None:
    moved = httpx.Response(status, headers={"Location": "https://new.example/hub"})
    hub = HubOf(moved, httpx.Response(202))
    await hub.asked()
    assert str(hub.requests[1].url) == "https://new.example/hub"
    assert hub.requests[0].content == hub.requests[1].content


@pytest.mark.parametrize(
    ("answers", "failure"),
    [
        ([httpx.Response(307, headers={"Location": "http://new.example/"})], Refused),
        ([httpx.Response(307, headers={"Location": "/"})] * 7, Unreachable),
        ([httpx.Response(302, headers={"Location": "https://new.example/"})], Rejected),
        ([httpx.Response(400)], Rejected),
        ([httpx.ReadTimeout("slow")], TooSlow),
        ([httpx.ConnectError("gone")], Unreachable),
    ],
)
async def test_a_secret_never_goes_where_it_is_not_kept_and_failures_have_names(
    answers: list[httpx.Response | Exception], failure: type[CollectionFailed]
) -> None:
    hub = HubOf(*answers)
    with pytest.raises(failure):
        await hub.asked()
    assert all(request.url.scheme == "https" for request in hub.requests)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (httpx.Response(503), Unreachable),
        (httpx.Response(302, headers={"Location": URL}), Unreachable),
    ],
)
async def test_a_feed_that_cannot_be_looked_at_has_no_hub_for_now(
    answer: httpx.Response, failure: type[CollectionFailed]
) -> None:
    transport = httpx.MockTransport(lambda _: answer)
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(failure):
            await discover(client, URL, Limits())


SIGNATURES = {
    "sha1": "f13c8ce72d978271beca353652afd83b7849cb49",
    "sha256": "c4d7b6e180f9cbcbba05d9fe52933b2e802e6d98ef3b9b9ad9913da868bda8ab",
    "sha384": "62455d55ce3977c7cdb36b172ccf5d5873e52e9baaca08af7b70f959d046b0a1"
    "e9bd7eea4743a34fab436884d01b68c6",
    "sha512": "16c04cac427253d28fba58554c1f11870677f8e8b94c1f7004ae53a2e89602f7"
    "884245be2d5de6132cd48e496e24bd6171b9fca71fa0bcd2ef6cf62eb3f4ffe8",
}


@pytest.mark.parametrize("method", SIGNATURES)
def test_a_signature_by_any_of_the_methods_is_good(method: str) -> None:
    good = SIGNATURES[method]
    assert is_signed("geheim", b"<rss/>", f"{method}={good}")
    assert not is_signed("geheim", b"<rss/> ", f"{method}={good}")
    assert not is_signed("anderes", b"<rss/>", f"{method}={good}")
    assert not is_signed("geheim", b"<rss/>", good)


@pytest.mark.parametrize(
    "given", ["", "=", "sha1", "sha1=", "md5=00", "SHA1=" + SIGNATURES["sha1"], "sha1=ä", "new=1"]
)
def test_anything_else_is_no_signature(given: str) -> None:
    assert not is_signed("geheim", b"<rss/>", given)


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [("3600", 3600), ("", 864_000), ("-5", 864_000), ("9" * 30, 90 * 86_400), ("x", 864_000)],
)
def test_a_lease_is_renewed_after_four_fifths_of_it(stated: str, seconds: int) -> None:
    until, ask_at = lease({"hub.lease_seconds": stated}, NOW)
    assert until == NOW + timedelta(seconds=seconds)
    assert ask_at == NOW + timedelta(seconds=seconds * 0.8)


def test_a_hub_that_does_not_confirm_is_asked_ever_less_often() -> None:
    waits = [next_retry(failures, NOW) - NOW for failures in (0, 1, 2, 1000)]
    assert waits == [
        timedelta(minutes=5),
        timedelta(minutes=10),
        timedelta(minutes=20),
        timedelta(hours=12),
    ]
