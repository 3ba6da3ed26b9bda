"""Mastodon: hashtags walked upwards, what authors wish, and what a stream brings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from libs.common.events import Engagement
from services.ingest.collector import Tools
from services.ingest.collectors.mastodon import Config
from services.ingest.collectors.mastodon.stream import HashtagStream
from services.ingest.collectors.mastodon.timelines import Timelines, id_at
from services.ingest.failure import AuthFailed, Blocked, RateLimited, TooSlow, Unreachable
from services.ingest.post import Deletion, Page, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock, tools_over
from tests.unit.ingest.collectors.answering import as_sent

HERE = "https://social.example"
DAY_AGO = id_at(int((NOW - timedelta(hours=24)).timestamp()))


def an_account(**fields: object) -> dict[str, object]:
    return {
        "id": "7",
        "acct": "ann@far.example",
        "uri": "https://far.example/users/ann",
        "url": "https://far.example/@ann",
        "display_name": "Ann",
        "note": "<p>Ich fahre.</p>",
        "followers_count": 12,
        **fields,
    }


def a_status(number: int = 1, **fields: object) -> dict[str, object]:
    return {
        "id": str(number),
        "uri": f"https://far.example/users/ann/statuses/{number}",
        "url": f"https://far.example/@ann/{number}",
        "created_at": "2026-09-18T10:00:00.000Z",
        "account": an_account(),
        "content": "<p>Die <a href='#'>#<span>Bremse</span></a> versagt &amp; quietscht</p>",
        "spoiler_text": "",
        "language": "de",
        "visibility": "public",
        "replies_count": 1,
        "reblogs_count": 2,
        "favourites_count": 3,
        **fields,
    }


def a_page(*items: object, above: str | None = None) -> httpx.Response:
    """A timeline's page; above: the `min_id` of the next one."""
    link = f'<{HERE}/x?max_id=1>; rel="next", <https://evil.example/y?min_id={above}>; rel="prev"'
    return httpx.Response(200, json=items, headers={"Link": link} if above else {})


class Server:
    """Answers requests with these, one after the other, the last one again and again."""

    def __init__(self, *answers: httpx.Response) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answers = self._answers
        return as_sent(answers.pop(0) if len(answers) > 1 else answers[0])


def tools(answer: Callable[[httpx.Request], httpx.Response]) -> Tools:
    return replace(tools_over(answer, SetClock()), keywords=("acme corp",))


def timelines(answer: Callable[[httpx.Request], httpx.Response], **fields: object) -> Timelines:
    config = Config.model_validate({"id": "mastodon", "instance": HERE, "tags": ["acme"], **fields})
    built = config.build(tools(answer))
    assert isinstance(built, Timelines)
    return built


async def posts_of(*statuses: object, **fields: object) -> tuple[Post, ...]:
    return (await timelines(Server(a_page(*statuses)), **fields).collect(None)).posts


async def test_a_post_is_whole_and_known_by_its_address_in_the_fediverse() -> None:
    assert await posts_of(a_status(spoiler_text="Achtung")) == (
        Post(
            platform="mastodon",
            native_id="https://far.example/users/ann/statuses/1",
            kind="post",
            url="https://far.example/@ann/1",
            title="Achtung",
            text="Die #Bremse versagt & quietscht",
            lang="de",
            author=PostAuthor(
                id="https://far.example/users/ann",
                handle="ann@far.example",
                name="Ann",
                url="https://far.example/@ann",
                followers=12,
            ),
            published_at=datetime(2026, 9, 18, 10, 0, tzinfo=UTC),
            thread="https://far.example/users/ann/statuses/1",
            engagement=Engagement(likes=3, reposts=2, replies=1),
        ),
    )


async def test_replies_boosts_and_edits_are_what_they_are() -> None:
    boosted = a_status(5, content="<p>acme!</p>")
    reply, boost = await posts_of(
        a_status(2, in_reply_to_id="99", edited_at="2026-09-18T12:05:00+02:00"),
        a_status(6, content="", reblog=boosted, account=an_account(acct="ben")),
    )
    assert (reply.kind, reply.in_reply_to, reply.thread) == ("reply", "social.example/99", None)
    assert reply.edited_at == datetime(2026, 9, 18, 10, 5, tzinfo=UTC)
    assert (boost.kind, boost.text) == ("repost", "acme!")
    assert boost.in_reply_to == boosted["uri"]
    assert boost.author is not None
    assert boost.author.handle == "ben@social.example"


@pytest.mark.parametrize(
    "wish",
    [{"noindex": True}, {"note": "<p>Kein Roboter: #<span>nobot</span></p>"}],
)
async def test_who_wants_no_programs_is_left_out_unless_told_otherwise(
    wish: dict[str, object],
) -> None:
    statuses = (a_status(1, account=an_account(**wish)), a_status(2))
    assert [post.native_id[-1] for post in await posts_of(*statuses)] == ["2"]
    assert len(await posts_of(*statuses, respect_opt_out=False)) == 2


async def test_what_is_not_for_everyone_is_left_out() -> None:
    assert await posts_of(a_status(visibility="private"), a_status(visibility="direct")) == ()


async def test_it_walks_upwards_along_the_links_and_never_leaves_the_instance() -> None:
    server = Server(a_page(a_status(1), above="11"), a_page(a_status(2), above="22"), a_page())
    collector = timelines(server, token="geheim")
    cursor, pages = None, []
    for _ in range(3):
        pages.append(await collector.collect(cursor))
        cursor = pages[-1].cursor
    assert [page.more for page in pages] == [True, True, False]
    assert [str(request.url.copy_with(query=None)) for request in server.requests] == [
        f"{HERE}/api/v1/timelines/tag/acme"
    ] * 3
    assert [request.url.params["min_id"] for request in server.requests] == [DAY_AGO, "11", "22"]
    assert server.requests[0].headers["authorization"] == "Bearer geheim"


async def test_the_next_sweep_reads_the_last_quarter_of_an_hour_again_and_tells_it_once() -> None:
    fresh = a_status(1, created_at="2026-09-18T10:29:00Z")
    server = Server(a_page(fresh), a_page(fresh, a_status(2, created_at="2026-09-18T10:20:00Z")))
    collector = timelines(server)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    again = int((NOW - timedelta(minutes=16)).timestamp())
    assert server.requests[1].url.params["min_id"] == id_at(again)
    assert [post.native_id[-1] for post in second.posts] == ["2"]


async def test_several_hashtags_and_the_search_take_turns() -> None:
    server = Server(a_page(), a_page(), httpx.Response(200, json={"statuses": [a_status(1)]}))
    collector = timelines(server, tags=["acme", "fußball"], search=True, token="t")
    cursor = None
    for _ in range(3):
        page = await collector.collect(cursor)
        cursor = page.cursor
    assert [request.url.path for request in server.requests] == [
        "/api/v1/timelines/tag/acme",
        "/api/v1/timelines/tag/fußball",
        "/api/v2/search",
    ]
    asked = dict(server.requests[2].url.params)
    assert (asked["q"], asked["type"], asked["offset"]) == ('"acme corp"', "statuses", "0")
    assert len(page.posts) == 1


@pytest.mark.parametrize(
    ("status", "token", "words"),
    [
        (401, None, "set `token`"),
        (422, None, "set `token`"),
        (401, "t", "refuses the token"),
        (403, "t", "refuses the token"),
    ],
)
async def test_what_only_members_see_is_said(status: int, token: str | None, words: str) -> None:
    errors = {
        401: "The access token is invalid",
        403: "This action is outside the authorized scopes",
        422: "This method requires an authenticated user",
    }
    server = Server(httpx.Response(status, json={"error": errors[status]}))
    with pytest.raises(AuthFailed, match=words):
        await timelines(server, token=token).collect(None)


async def test_the_wait_is_the_end_of_the_period_when_there_were_too_many_requests() -> None:
    headers = {"X-RateLimit-Reset": "2026-09-18T10:35:00.000Z"}
    with pytest.raises(RateLimited) as limited:
        await timelines(Server(httpx.Response(429, headers=headers))).collect(None)
    assert limited.value.not_before == NOW + timedelta(minutes=5)
    with pytest.raises(Unreachable) as broken:
        await timelines(Server(httpx.Response(503, headers=headers))).collect(None)
    assert broken.value.not_before is None


@pytest.mark.parametrize("link", ["<<<", '<http://[x?min_id=2>; rel="prev"', "ü; rel=prev", ""])
async def test_a_link_that_is_none_ends_the_sweep(link: str) -> None:
    page = httpx.Response(200, json=[a_status()], headers=[(b"link", link.encode())])
    assert not (await timelines(Server(page)).collect(None)).more


async def test_deleted_posts_are_asked_for_where_they_were_written() -> None:
    asked: list[httpx.Request] = []

    def answered(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        answer = httpx.Response(
            {
                f"{HERE}/api/v1/statuses/1": 200,
                f"{HERE}/api/v1/statuses/2": 404,
                "https://far.example/users/ann/statuses/3": 410,
                "https://closed.example/users/ann/statuses/4": 401,
                "https://down.example/users/ann/statuses/5": 500,
            }[str(request.url)],
            json={},
        )
        return as_sent(answer)

    uris = [f"{HERE}/users/ben/statuses/{n}" for n in (1, 2)]
    others = (("far", 3), ("closed", 4), ("down", 5), ("down", 6))
    uris += [f"https://{host}.example/users/ann/statuses/{n}" for host, n in others]
    gone = await timelines(answered, token="geheim").deleted([*uris, "https://["])
    assert gone == [Deletion("mastodon", uris[n], NOW) for n in (1, 2)]
    assert [request.headers.get("authorization") for request in asked] == [
        *["Bearer geheim"] * 2,
        *[None] * 3,
    ]


# --- The stream -------------------------------------------------------------------------------


def an_event(name: str, data: object) -> bytes:
    written = data if isinstance(data, str) else json.dumps(data)
    return f"event: {name}\ndata: {written}\n\n".encode()


class Instance:
    """Streams these pieces on each connection, then hangs or ends; its timelines say `missed`."""

    def __init__(self, *pieces: bytes, missed: tuple[object, ...] = (), ends: bool = True) -> None:
        self._pieces = pieces
        self._missed = missed
        self._ends = ends
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.url.host}{request.url.path}")
        if request.url.path == "/api/v2/instance":
            urls = {"streaming": "wss://streaming.social.example"}
            return as_sent(httpx.Response(200, json={"configuration": {"urls": urls}}))
        if request.url.path.startswith("/api/v1/streaming"):
            return httpx.Response(200, content=self._streamed())
        return as_sent(a_page(*self._missed))

    async def _streamed(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if not self._ends:
            await asyncio.Event().wait()

    def stream(self, **fields: object) -> HashtagStream:
        config = Config.model_validate(
            {
                "id": "mastodon",
                "instance": HERE,
                "mode": "stream",
                "tags": ["acme"],
                "token": "geheim",
                **fields,
            }
        )
        built = config.build(tools(self))
        assert isinstance(built, HashtagStream)
        return built


async def heard(stream: HashtagStream, cursor: str | None = None) -> list[Page]:
    return [page async for page in stream.listen(cursor)]


async def test_the_gap_is_closed_once_the_stream_stands() -> None:
    instance = Instance(b":)\n", an_event("update", a_status(2)), missed=(a_status(1),))
    pages = await heard(instance.stream())
    assert instance.asked == [
        "social.example/api/v2/instance",
        "streaming.social.example/api/v1/streaming/hashtag",
        "social.example/api/v1/timelines/tag/acme",
    ]
    assert [post.native_id[-1] for page in pages for post in page.posts] == ["1", "2"]


async def test_edits_come_again_and_posts_that_both_bring_once() -> None:
    instance = Instance(
        b":)\n:thump\n",
        an_event("update", a_status(1)),
        an_event("status.update", a_status(2, content="<p>nun anders</p>")),
        missed=(a_status(1), a_status(2)),
    )
    pages = await heard(instance.stream())
    texts = [(post.native_id[-1], post.text[:4]) for page in pages for post in page.posts]
    assert texts == [("1", "Die "), ("2", "Die "), ("2", "nun ")]


async def test_deletions_of_what_the_stream_brought_are_told_after_a_break_too() -> None:
    before = Instance(b":)\n", an_event("update", a_status(77)))
    cursor = (await heard(before.stream()))[-1].cursor
    after = Instance(b":)\n", an_event("delete", "77"), an_event("delete", "unknown"))
    pages = await heard(after.stream(), cursor)
    uri = "https://far.example/users/ann/statuses/77"
    assert [gone for page in pages for gone in page.deletions] == [Deletion("mastodon", uri, NOW)]


async def test_a_sweep_that_was_interrupted_is_followed_by_another_one() -> None:
    page = await timelines(Server(a_page(a_status(1), above="11"))).collect(None)
    instance = Instance(b":)\n")
    await heard(instance.stream(), page.cursor)
    assert instance.asked.count("social.example/api/v1/timelines/tag/acme") == 2


async def test_every_hashtag_has_its_stream_and_all_stand_before_the_gap_is_closed() -> None:
    instance = Instance(b":)\n", an_event("update", a_status(1)), ends=False)
    pages: list[Page] = []
    async with aclosing(instance.stream(tags=["acme", "corp"]).listen(None)) as listening:
        async for page in listening:
            pages.append(page)
            if page.posts:
                break
    streams = [path for path in instance.asked if path.endswith("/streaming/hashtag")]
    assert len(streams) == 2
    assert instance.asked.index("social.example/api/v1/timelines/tag/acme") == 3
    assert [post.native_id[-1] for post in pages[-1].posts] == ["1"]


async def test_what_cannot_be_read_costs_nothing_else() -> None:
    instance = Instance(
        b":)\n",
        an_event("update", "{not json"),
        an_event("update", {"id": 1}),
        an_event("filters_changed", "x"),
        b"nonsense\n\n",
        an_event("update", a_status(3)),
    )
    pages = await heard(instance.stream())
    assert [post.native_id[-1] for page in pages for post in page.posts] == ["3"]


async def test_a_page_for_browsers_and_silence_are_told() -> None:
    with pytest.raises(Blocked):
        await heard(Instance(b"<!doctype html>\n<p>no").stream())
    with pytest.raises(Unreachable):
        await heard(Instance(b'{"error": "what?"}\n').stream())
    with pytest.raises(TooSlow):
        await heard(Instance(b":)\n", ends=False).stream(quiet="1s"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tags": []}, "expected `tags`"),
        ({"search": True}, "expected `token`"),
        ({"mode": "stream"}, "expected `token`"),
        ({"mode": "stream", "search": True, "token": "t"}, "only hashtags are streamed"),
        ({"tags": ["#acme"]}, "pattern"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Config.model_validate({"id": "m", "instance": HERE, "tags": ["acme"], **fields})
