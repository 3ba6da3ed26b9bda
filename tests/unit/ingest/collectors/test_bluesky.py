"""Bluesky's search: one session for many readings, and what becomes of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from libs.common.events import Engagement
from services.ingest.collectors.bluesky import Bluesky, Config
from services.ingest.failure import AuthFailed, Blocked, RateLimited, Rejected
from services.ingest.post import Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock, tools_over
from tests.unit.ingest.collectors.answering import as_sent

EXPIRED = httpx.Response(400, json={"error": "ExpiredToken", "message": "Token has expired"})


def a_view(number: int = 1, **fields: object) -> dict[str, object]:
    did = f"did:plc:author{number}"
    return {
        "uri": f"at://{did}/app.bsky.feed.post/3l{number}",
        "cid": "bafy",
        "author": {"did": did, "handle": f"a{number}.bsky.social", "displayName": "Ann"},
        "record": {
            "$type": "app.bsky.feed.post",
            "text": "acme 🔥 #fail",
            "createdAt": "1999-01-01T00:00:00Z",
            "langs": ["en"],
            "facets": [{"index": {"byteStart": 10, "byteEnd": 15}, "features": []}],
        },
        "replyCount": 1,
        "repostCount": 2,
        "likeCount": 3,
        "quoteCount": 4,
        "indexedAt": "2026-09-18T12:00:00.000+02:00",
        **fields,
    }


class Server:
    """Answers each method with these, one after the other, the last one again and again."""

    def __init__(self, *searches: httpx.Response, **others: list[httpx.Response]) -> None:
        self._answers = {
            "createSession": [self.session(1)],
            "refreshSession": [self.session(2)],
            "searchPosts": list(searches) or [self.found(a_view())],
            **others,
        }
        self.requests: list[httpx.Request] = []

    @staticmethod
    def session(number: int) -> httpx.Response:
        tokens = {"accessJwt": f"access{number}", "refreshJwt": f"refresh{number}"}
        return httpx.Response(200, json={**tokens, "did": "did:plc:me", "handle": "me.example"})

    @staticmethod
    def found(*views: object, **more: object) -> httpx.Response:
        return httpx.Response(200, json={"posts": views, **more})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answers = self._answers[request.url.path.rpartition(".")[2]]
        return as_sent(answers.pop(0) if len(answers) > 1 else answers[0])

    @property
    def asked(self) -> list[str]:
        return [request.url.path.rpartition(".")[2] for request in self.requests]

    @property
    def tokens(self) -> list[str | None]:
        return [request.headers.get("authorization") for request in self.requests]


def a_collector(
    server: Callable[[httpx.Request], httpx.Response], *terms: str, **fields: object
) -> Bluesky:
    config = Config.model_validate(
        {"id": "bluesky", "identifier": "me.example", "app_password": "geheim", **fields}
    )
    tools = replace(tools_over(server, SetClock()), keywords=terms or ("acme",))
    collector = config.build(tools)
    assert isinstance(collector, Bluesky)
    return collector


async def test_a_post_is_whole_and_its_time_is_the_networks() -> None:
    (post,) = (await a_collector(Server()).collect(None)).posts
    assert post == Post(
        platform="bluesky",
        native_id="at://did:plc:author1/app.bsky.feed.post/3l1",
        kind="post",
        url="https://bsky.app/profile/did:plc:author1/post/3l1",
        text="acme 🔥 #fail",
        lang="en",
        author=PostAuthor(
            id="did:plc:author1",
            handle="a1.bsky.social",
            name="Ann",
            url="https://bsky.app/profile/did:plc:author1",
        ),
        published_at=datetime(2026, 9, 18, 10, 0, tzinfo=UTC),
        thread="at://did:plc:author1/app.bsky.feed.post/3l1",
        engagement=Engagement(likes=3, reposts=6, replies=1),
    )


async def test_one_login_serves_many_readings() -> None:
    server = Server()
    collector = a_collector(server)
    page = await collector.collect(None)
    await collector.collect(page.cursor)
    assert server.asked == ["createSession", "searchPosts", "searchPosts"]
    assert json.loads(server.requests[0].content) == {
        "identifier": "me.example",
        "password": "geheim",
    }
    assert server.tokens == [None, "Bearer access1", "Bearer access1"]


async def test_a_session_that_is_over_is_renewed_not_opened_again() -> None:
    server = Server(Server.found(), EXPIRED, Server.found(a_view()))
    collector = a_collector(server)
    await collector.collect(None)
    assert len((await collector.collect(None)).posts) == 1
    assert server.asked[2:] == ["searchPosts", "refreshSession", "searchPosts"]
    assert server.tokens[2:] == ["Bearer access1", "Bearer refresh1", "Bearer access2"]


async def test_a_session_that_cannot_be_renewed_is_opened_again_once() -> None:
    server = Server(Server.found(), EXPIRED, EXPIRED, refreshSession=[EXPIRED])
    collector = a_collector(server)
    await collector.collect(None)
    with pytest.raises(AuthFailed):
        await collector.collect(None)
    assert server.asked[2:] == ["searchPosts", "refreshSession", "createSession", "searchPosts"]


async def test_a_refused_login_is_not_tried_again_soon() -> None:
    problem = {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}
    server = Server(createSession=[httpx.Response(401, json=problem)])
    with pytest.raises(AuthFailed, match="Invalid identifier or password") as refused:
        await a_collector(server).collect(None)
    assert server.asked == ["createSession"]
    assert refused.value.back_off is not None
    assert refused.value.back_off.first >= timedelta(minutes=5)
    assert "geheim" not in str(refused.value)


async def test_a_page_for_strangers_is_blocked() -> None:
    page = httpx.Response(403, html="<html><title>403 Forbidden</title></html>")
    with pytest.raises(Blocked):
        await a_collector(Server(page)).collect(None)


async def test_the_wait_is_that_of_the_header_when_there_were_too_many_requests() -> None:
    reset = NOW + timedelta(seconds=95)
    headers = {"ratelimit-reset": str(int(reset.timestamp()))}
    with pytest.raises(RateLimited) as limited:
        await a_collector(Server(httpx.Response(429, headers=headers))).collect(None)
    assert limited.value.not_before == reset
    broken = Server(httpx.Response(503, headers=headers))
    with pytest.raises(Exception, match="503") as failed:
        await a_collector(broken).collect(None)
    assert getattr(failed.value, "not_before", None) is None


async def test_terms_are_searched_one_after_the_other_page_by_page() -> None:
    server = Server(
        Server.found(a_view(1), cursor="next"), Server.found(a_view(2)), Server.found(a_view(3))
    )
    collector = a_collector(server, "acme", "Acme Corp")
    cursor, more = None, []
    for _ in range(3):
        page = await collector.collect(cursor)
        cursor = page.cursor
        more.append(page.more)
    assert more == [True, True, False]
    questions = [dict(request.url.params) for request in server.requests[1:]]
    since = (NOW - timedelta(hours=24)).strftime("%Y-%m-%dT%H:%M:%SZ")
    common = {"sort": "latest", "since": since, "limit": "100"}
    assert questions == [
        {"q": "acme", **common},
        {"q": "acme", "cursor": "next", **common},
        {"q": '"Acme Corp"', **common},
    ]


async def test_a_mark_of_a_page_that_no_longer_holds_ends_the_term_and_is_told() -> None:
    refusal = httpx.Response(400, json={"error": "InvalidRequest", "message": "bad cursor"})
    server = Server(Server.found(a_view(1), cursor="old"), refusal)
    collector = a_collector(server)
    first = await collector.collect(None)
    second = await collector.collect(first.cursor)
    assert (second.more, second.complete, second.posts) == (False, False, ())
    with pytest.raises(Rejected):
        await a_collector(Server(refusal)).collect(None)


async def test_followers_are_asked_for_25_authors_at_a_time() -> None:
    profiles = [{"did": "did:plc:author1", "followersCount": 7}, {"did": 8}]
    server = Server(
        Server.found(*(a_view(number) for number in range(1, 31))),
        getProfiles=[httpx.Response(200, json={"profiles": profiles}), httpx.Response(502)],
    )
    page = await a_collector(server, followers=True).collect(None)
    assert server.asked == ["createSession", "searchPosts", "getProfiles", "getProfiles"]
    assert [len(r.url.params.get_list("actors")) for r in server.requests[2:]] == [25, 5]
    known = [post.author.followers for post in page.posts if post.author]
    assert known == [7] + [None] * 29


async def test_what_cannot_be_read_costs_nothing_else() -> None:
    server = Server(Server.found({"uri": 1}, a_view(2, likeCount="many"), a_view(3)))
    page = await a_collector(server).collect(None)
    assert [post.native_id[-1] for post in page.posts] == ["3"]


async def test_posts_that_are_not_there_any_more_are_deleted() -> None:
    ids = [f"at://did:plc:author{n}/app.bsky.feed.post/3l{n}" for n in range(1, 28)]
    server = Server(getPosts=[Server.found(*map(a_view, range(1, 25))), Server.found()])
    gone = await a_collector(server).deleted(ids)
    assert [deletion.native_id for deletion in gone] == ids[24:]
    assert [len(r.url.params.get_list("uris")) for r in server.requests[1:]] == [25, 2]
