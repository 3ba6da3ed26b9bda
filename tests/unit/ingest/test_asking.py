"""Asking a platform: what its status means, and streams of lines that fall silent or flood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta

import httpx
import msgspec
import pytest

from services.ingest.collector import Limits
from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    Gone,
    Missing,
    RateLimited,
    Rejected,
    TooLarge,
    TooSlow,
    Unreachable,
    Unreadable,
)
from services.ingest.reading.platform_api import Judge, PlatformApi, Reply, decode_each
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import as_sent

URL = "https://api.example/posts"
CHALLENGE = "<html><title>Just a moment...</title>"
PAGE = "<!doctype html><html><title>Startseite</title>"
PATIENT = Limits(seconds=5)


def no_opinion(_reply: Reply) -> None:
    return None


def an_api(
    answer: Callable[[httpx.Request], httpx.Response],
    headers: Mapping[str, str] | None = None,
    judge: Judge = no_opinion,
    limits: Limits = PATIENT,
) -> PlatformApi:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return PlatformApi(client, SetClock(), limits, headers or {}, judge)


def answering(status: int, text: str = "", headers: Mapping[str, str] | None = None) -> PlatformApi:
    return an_api(lambda _: as_sent(httpx.Response(status, text=text, headers=headers)))


@pytest.mark.parametrize(
    ("status", "text", "headers", "kind", "wait"),
    [
        (400, "no", {}, Rejected, None),
        (401, "no", {}, AuthFailed, None),
        (407, "no", {}, AuthFailed, None),
        (403, "no", {}, Blocked, None),
        (403, CHALLENGE, {}, Blocked, None),
        (403, PAGE, {}, Unreadable, None),
        (451, "no", {}, Blocked, None),
        (404, "no", {}, Missing, None),
        (410, "no", {}, Gone, None),
        (422, "no", {}, Rejected, None),
        (429, "no", {}, RateLimited, None),
        (429, "no", {"retry-after": "90"}, RateLimited, timedelta(seconds=90)),
        (503, "no", {"retry-after": "90"}, RateLimited, timedelta(seconds=90)),
        (503, "no", {}, Unreachable, None),
        (500, "no", {"retry-after": "90"}, Unreachable, timedelta(seconds=90)),
        (302, "", {"location": "https://elsewhere.example/"}, Unreachable, None),
    ],
)
async def test_a_refusal_means_what_its_status_says(
    status: int,
    text: str,
    headers: Mapping[str, str],
    kind: type[CollectionFailed],
    wait: timedelta | None,
) -> None:
    with pytest.raises(CollectionFailed) as failed:
        await answering(status, text, headers).get(URL)
    assert type(failed.value) is kind
    assert failed.value.not_before == (None if wait is None else NOW + wait)


async def test_a_failure_says_the_status_and_the_servers_words_in_one_line() -> None:
    with pytest.raises(Rejected, match=r"^the server answered 400: bad query$"):
        await answering(400, " bad\n query ").get(URL)
    with pytest.raises(Unreachable, match=r"^the server answered 500: a  \[2Jb$"):
        await answering(500, "a\0\x1b[2Jb").get(URL)


async def test_the_platforms_own_judgement_comes_first() -> None:
    api = an_api(
        lambda _: as_sent(httpx.Response(200, json={"ok": False})),
        judge=lambda reply: AuthFailed("not ok") if b"false" in reply.body else None,
    )
    with pytest.raises(AuthFailed, match="not ok"):
        await api.get(URL)


@pytest.mark.parametrize(
    ("body", "kind"), [("[1]", Unreadable), (PAGE, Unreadable), (CHALLENGE, Blocked)]
)
async def test_a_good_status_with_something_else_than_its_json(
    body: str, kind: type[CollectionFailed]
) -> None:
    reply = await answering(200, body).get(URL)
    with pytest.raises(kind):
        reply.decode(dict[str, int])


async def test_credentials_are_sent_and_not_shown() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return as_sent(httpx.Response(200, json={}))

    api = an_api(answer, {"Authorization": "Bearer geheim"})
    await api.get(URL, {"q": "ä b"})
    await api.post(URL, form={"a": "b"}, auth=("ich", "auch geheim"))
    schemes = [request.headers["authorization"].partition(" ")[0] for request in seen]
    assert schemes == ["Bearer", "Basic"]
    assert seen[0].url.params["q"] == "ä b"
    assert "geheim" not in repr(api)


def test_a_broken_item_does_not_cost_the_others() -> None:
    items = [msgspec.Raw(text) for text in (b"1", b'"x"', b"2", b"")]
    assert decode_each(items, int, "test") == [1, 2]


class Dripping(httpx.AsyncByteStream):
    """The pieces, and then nothing for ever, or the end."""

    def __init__(self, *pieces: bytes, ends: bool = False) -> None:
        self.pieces = pieces
        self.ends = ends

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if not self.ends:
            await asyncio.Event().wait()


class Cut(Dripping):
    """The pieces, and then the connection breaks."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        raise httpx.RemoteProtocolError("peer closed connection")


async def keep_lines(
    kept: list[bytes],
    stream: httpx.AsyncByteStream,
    status: int = 200,
    content_type: str = "application/json",
) -> None:
    """What came before the end stays, however it ends."""
    headers = {"content-type": content_type}
    api = an_api(
        lambda _: httpx.Response(status, headers=headers, stream=stream),
        limits=Limits(size=1000, seconds=0.05),
    )
    async for line in api.lines(URL, quiet=0.05):
        kept.append(line)  # noqa: PERF401 -- a comprehension would lose them


async def test_lines_come_whole_however_they_were_cut() -> None:
    kept: list[bytes] = []
    await keep_lines(kept, Dripping(b"ei", b"ns\r\nzw", b"ei\n\n\r\ndr", ends=True))
    assert kept == [b"eins", b"zwei", b"", b""]


@pytest.mark.parametrize(
    ("stream", "failure"),
    [
        (Dripping(b"eins\n"), TooSlow("the stream was silent for 0.05 s")),
        (Cut(b"eins\nzw"), Unreachable("RemoteProtocolError: peer closed connection")),
        (Dripping(b"eins\n", b"x" * 600, b"x" * 600), TooLarge("a line of more than 1000 bytes")),
    ],
)
async def test_a_stream_that_falls_silent_is_cut_or_floods_fails_after_its_lines(
    stream: httpx.AsyncByteStream, failure: CollectionFailed
) -> None:
    kept: list[bytes] = []
    with pytest.raises(type(failure), match=f"^{failure}$"):
        await keep_lines(kept, stream)
    assert kept == [b"eins"]


@pytest.mark.parametrize(("status", "content_type"), [(429, "text/plain"), (200, "text/html")])
async def test_a_refused_stream_whose_answer_does_not_end_is_given_up(
    status: int, content_type: str
) -> None:
    with pytest.raises(TooSlow):
        async with asyncio.timeout(5):
            await keep_lines([], Dripping(b"no"), status, content_type)


@pytest.mark.parametrize(
    ("status", "content_type", "body", "kind"),
    [
        (401, "application/json", b"{}", AuthFailed),
        (200, "text/html", CHALLENGE.encode(), Blocked),
    ],
)
async def test_a_refused_stream_has_its_reason(
    status: int, content_type: str, body: bytes, kind: type[CollectionFailed]
) -> None:
    with pytest.raises(kind):
        await keep_lines([], Dripping(body, ends=True), status, content_type)
