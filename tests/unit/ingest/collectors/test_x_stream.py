"""The filtered stream of X: its rules, what is heard, the gap before, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.ingest.collectors.x.rules import Rule, differences
from services.ingest.collectors.x.stream import FilteredStream
from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    OverBudget,
    RateLimited,
    Rejected,
    Unreachable,
)
from services.ingest.post import Deletion, Page
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.x_samples import (
    ANN,
    Sent,
    a_stream,
    a_tweet,
    an_answer,
    an_id,
    as_sent,
    lines_of,
)

RULE = "(Motorrad) -is:retweet"
TAG = "brandmelder:x"
OURS = {"id": "1", "value": RULE, "tag": TAG}
ALIVE = b"\r\n"


class Platform:
    """X as one test wants it. streams: what each connection is answered. searches: what each
    search finds; after the last, nothing."""

    def __init__(
        self,
        *streams: httpx.Response,
        rules: Sequence[dict[str, str]] = (OURS,),
        searches: Sequence[dict[str, Any] | httpx.Response] = (),
        added: dict[str, Any] | None = None,
    ) -> None:
        self._streams = list(streams)
        self._rules = rules
        self._searches = list(searches)
        self._added = added or {"meta": {"summary": {"created": 1}}}
        self.asked: list[dict[str, str]] = []
        self.changes: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/2/tweets/search/")
        if path == "stream":
            return self._streams.pop(0)
        if path == "recent":
            self.asked.append(dict(request.url.params))
            answer = self._searches.pop(0) if self._searches else an_answer()
            return answer if isinstance(answer, httpx.Response) else sent(answer)
        if request.method == "POST":
            self.changes.append(json.loads(request.content))
            return sent(self._added, 201)
        return sent({"data": list(self._rules)} if self._rules else {"meta": {}})


def sent(body: object, status: int = 200) -> httpx.Response:
    return as_sent(httpx.Response(status, json=body))


def streaming(*pieces: bytes | Exception | Callable[[], Awaitable[object]]) -> httpx.Response:
    return httpx.Response(200, stream=Sent(*pieces))


async def hear(
    platform: Platform, cursor: str | None = None, clock: SetClock | None = None, **fields: object
) -> list[Page]:
    """All pages until the server ends the stream."""
    async with aclosing(a_stream(platform, clock, **fields).listen(cursor)) as pages:
        return [page async for page in pages]


async def failing(platform: Platform) -> tuple[list[Page], CollectionFailed]:
    heard: list[Page] = []
    async with aclosing(a_stream(platform).listen(None)) as pages:
        try:
            async for page in pages:
                heard.append(page)  # noqa: PERF401 - those before the failure count
        except CollectionFailed as failure:
            return heard, failure
    raise AssertionError("it did not fail")


def passing(clock: SetClock, **times: float) -> Callable[[], Awaitable[object]]:
    """Lets time pass between two pieces of a stream."""

    async def forward() -> None:
        clock.forward(**times)

    return forward


def waits(failure: CollectionFailed) -> list[float]:
    """Seconds before each of the next attempts."""
    assert failure.back_off is not None
    return [failure.back_off.wait(before).total_seconds() for before in range(4)]


def a_line(number: int, **fields: object) -> bytes:
    heard = {"data": a_tweet(NOW, number, **fields), "includes": {"users": [ANN]}}
    return lines_of({**heard, "matching_rules": [{"id": "1", "tag": TAG}]})


def ids(pages: Sequence[Page]) -> list[str]:
    return [post.native_id for page in pages for post in page.posts]


def test_rules_of_others_stay_and_only_differences_are_changed() -> None:
    present = [
        Rule("1", "a", TAG),
        Rule("2", "old", TAG),
        Rule("3", "other", "someone"),
        Rule("4", "b"),
    ]
    assert differences(present, ["a", "b"], TAG) == (["2"], ["b"])
    assert differences(present[:1], ["a"], TAG) == ([], [])


async def test_rules_are_made_ours_before_listening() -> None:
    stale = {"id": "2", "value": "(Fahrrad) -is:retweet", "tag": TAG}
    platform = Platform(streaming(ALIVE), rules=[stale])
    await hear(platform)
    assert platform.changes == [
        {"delete": {"ids": ["2"]}},
        {"add": [{"value": RULE, "tag": TAG}]},
    ]


async def test_rules_that_are_there_are_not_added_again() -> None:
    platform = Platform(streaming(ALIVE))
    await hear(platform)
    assert platform.changes == []


async def test_a_rule_that_exists_under_another_tag_does_as_well() -> None:
    twice = {"value": RULE, "id": "9", "title": "DuplicateRule", "type": "…/duplicate-rules"}
    platform = Platform(streaming(a_line(1)), rules=(), added={"errors": [twice]})
    assert ids(await hear(platform)) == [an_id(NOW, 1)]


async def test_a_rule_that_is_refused_stops_with_the_words_of_the_platform() -> None:
    wrong = {"title": "UnprocessableEntity", "detail": "no viable alternative", "type": "…/invalid"}
    _, failure = await failing(Platform(rules=(), added={"errors": [wrong]}))
    assert isinstance(failure, Rejected)
    assert "no viable alternative" in str(failure)


async def test_what_is_heard_comes_with_its_author_and_its_price() -> None:
    pages = await hear(Platform(streaming(a_line(1) + ALIVE + a_line(2))))
    (page,) = [page for page in pages if page.posts]
    assert ids(pages) == [an_id(NOW, 1), an_id(NOW, 2)]
    assert page.posts[0].author is not None
    assert page.posts[0].author.handle == "ann"
    assert page.reads == 2
    assert page.money == pytest.approx(0.03)


async def test_a_keep_alive_is_a_page() -> None:
    pages = await hear(Platform(streaming(ALIVE)))
    assert [(page.posts, page.health) for page in pages] == [((), "unchanged"), ((), "unchanged")]


async def test_the_gap_is_closed_before_and_once_search_sees_the_first_moment() -> None:
    clock = SetClock()
    platform = Platform(
        streaming(ALIVE, passing(clock, seconds=41), a_line(5)),
        searches=[
            an_answer(a_tweet(NOW - timedelta(hours=1), 1)),
            an_answer(a_tweet(NOW - timedelta(seconds=10), 2)),
        ],
    )
    pages = await hear(platform, clock=clock)
    before, after = platform.asked
    assert before["start_time"] == "2026-09-17T10:30:00Z"
    assert after["since_id"] == an_id(NOW - timedelta(hours=1), 1)
    assert after["until_id"] == an_id(NOW, 0)
    assert "end_time" not in after
    assert set(ids(pages)) == {
        an_id(NOW - timedelta(hours=1), 1),
        an_id(NOW - timedelta(seconds=10), 2),
        an_id(NOW, 5),
    }


async def test_until_the_gap_is_closed_the_cursor_stays() -> None:
    clock = SetClock()
    unclosed = Platform(streaming(a_line(5)), searches=[an_answer(a_tweet(NOW, 1))])
    pages = await hear(unclosed, clock=clock)
    assert ids(pages) == [an_id(NOW, 1), an_id(NOW, 5)]
    again = Platform(streaming(ALIVE))
    await hear(again, pages[-1].cursor, clock)
    assert again.asked[0]["since_id"] == an_id(NOW, 1)


async def test_afterwards_it_follows_what_was_heard() -> None:
    clock, is_closed = SetClock(), asyncio.Event()
    later = NOW + timedelta(hours=2)
    platform = Platform(
        streaming(ALIVE, is_closed.wait, lines_of({"data": a_tweet(later, 7)})),
        searches=[an_answer(a_tweet(NOW - timedelta(hours=1), 1))],
    )
    cursor = None
    async with aclosing(a_stream(platform, clock, search_lag="0s").listen(None)) as pages:
        async for page in pages:
            cursor = page.cursor
            if len(platform.asked) == 2:
                is_closed.set()
    again = Platform(streaming(ALIVE))
    clock.forward(hours=3)
    await hear(again, cursor, clock)
    assert again.asked[0]["start_time"] == "2026-09-18T12:29:30Z"


async def test_what_search_did_not_cover_is_not_taken_as_read() -> None:
    clock = SetClock()
    platform = Platform(streaming(ALIVE, passing(clock, hours=2), ALIVE))
    cursor = (await hear(platform, clock=clock))[-1].cursor
    again = Platform(streaming(ALIVE))
    await hear(again, cursor, clock)
    assert again.asked[0]["start_time"] <= "2026-09-18T10:30:00Z"


async def test_a_sweep_that_was_left_in_its_middle_is_ended_and_another_one_made() -> None:
    first = Platform(
        streaming(ALIVE), searches=[an_answer(a_tweet(NOW, 3), next_token="b"), an_answer()]
    )
    async with aclosing(a_stream(first).listen(None)) as pages:
        page = await anext(pages)
    again = Platform(streaming(ALIVE), searches=[an_answer(a_tweet(NOW, 2))])
    heard = await hear(again, page.cursor)
    assert [asked.get("next_token") for asked in again.asked] == ["b", None]
    assert again.asked[1]["since_id"] == an_id(NOW, 3)
    assert ids(heard) == [an_id(NOW, 2)]


async def test_deletions_on_the_stream_are_deletions() -> None:
    gone = {"tweet": {"id": "17", "author_id": "42"}, "event_at": "2026-09-18T10:29:00.000Z"}
    other = {"withheld": {"tweet": {"id": "18"}}}
    stream = streaming(lines_of({"data": {"delete": gone}}, {"data": other}))
    (_, page) = await hear(Platform(stream))
    assert page.deletions == (Deletion("x", "17", NOW - timedelta(minutes=1)),)


async def test_a_line_that_makes_no_sense_does_not_cost_the_others() -> None:
    strange = [b"{", b"[]", b'{"data": 7}', b'{"data": {"id": "1"}}', b'"\xff"', b'{"x": 1}']
    pages = await hear(Platform(streaming(lines_of(*strange) + a_line(1))))
    assert ids(pages) == [an_id(NOW, 1)]


async def test_errors_beside_a_post_are_no_failure() -> None:
    gone = {"resource_id": "7", "title": "Not Found Error", "type": "…/resource-not-found"}
    heard = lines_of({"data": a_tweet(), "errors": [gone]}, {"errors": [gone]})
    assert ids(await hear(Platform(streaming(heard)))) == [an_id()]


async def test_a_disconnect_is_told_after_what_came_before_it() -> None:
    disconnect = {
        "title": "operational-disconnect",
        "disconnect_type": "UpstreamOperationalDisconnect",
        "detail": "This stream has been disconnected upstream for operational reasons.",
        "type": "https://api.x.com/2/problems/operational-disconnect",
    }
    heard = a_line(1) + lines_of({"errors": [disconnect]})
    pages, failure = await failing(Platform(streaming(heard)))
    assert ids(pages) == [an_id(NOW, 1)]
    assert isinstance(failure, Unreachable)
    assert "operational reasons" in str(failure)
    assert waits(failure)[0] == 0.0


CROWDED = {
    "title": "ConnectionException",
    "detail": "This stream is currently at the maximum allowed connection limit.",
    "connection_issue": "TooManyConnections",
    "type": "https://api.x.com/2/problems/streaming-connection",
}


@pytest.mark.parametrize("answer", [streaming(lines_of(CROWDED)), sent(CROWDED, 429)])
async def test_too_many_connections_wait_a_minute_and_longer(answer: httpx.Response) -> None:
    _, failure = await failing(Platform(answer))
    assert isinstance(failure, RateLimited)
    assert "TooManyConnections" in str(failure)
    assert waits(failure) == [60.0, 120.0, 240.0, 480.0]


@pytest.mark.parametrize(
    ("answer", "kind", "expected"),
    [
        (streaming(ALIVE, httpx.ReadError("reset")), Unreachable, [0.25, 0.5, 0.75, 1.0]),
        (streaming(b'{"da', httpx.RemoteProtocolError("cut")), Unreachable, [0.25, 0.5, 0.75, 1.0]),
        (sent({"title": "x"}, 503), Unreachable, [5.0, 10.0, 20.0, 40.0]),
        (sent({"title": "Too Many Requests"}, 429), RateLimited, [60.0, 120.0, 240.0, 480.0]),
        (sent({"title": "Unauthorized"}, 401), AuthFailed, [900.0] * 4),
        (sent({"title": "Rule Conflict"}, 409), Rejected, [900.0] * 4),
    ],
)
async def test_every_failure_has_the_wait_that_x_prescribes(
    answer: httpx.Response, kind: type[CollectionFailed], expected: list[float]
) -> None:
    _, failure = await failing(Platform(answer))
    assert type(failure) is kind
    assert waits(failure) == expected


async def test_the_window_of_a_limit_that_is_not_reached_is_not_waited_for() -> None:
    headers = {
        "x-rate-limit-remaining": "49",
        "x-rate-limit-reset": str(int((NOW + timedelta(minutes=15)).timestamp())),
    }
    crowded = httpx.Response(429, json=CROWDED, headers=headers)
    _, failure = await failing(Platform(as_sent(crowded)))
    assert failure.not_before is None
    assert waits(failure)[0] == 60.0


async def test_a_gap_of_no_length_is_not_searched() -> None:
    platform = Platform(streaming(ALIVE), searches=[an_answer(a_tweet(NOW, 1))])
    await hear(platform, search_lag="0s")
    assert len(platform.asked) == 1


async def test_a_search_that_fails_while_listening_waits_as_x_prescribes_too() -> None:
    platform = Platform(streaming(ALIVE), searches=[sent({"title": "Over capacity"}, 503)])
    _, failure = await failing(platform)
    assert isinstance(failure, Unreachable)
    assert waits(failure)[0] == 5.0


async def test_a_used_up_month_is_no_reason_to_reconnect() -> None:
    capped = {"title": "UsageCapExceeded", "type": "https://api.x.com/2/problems/usage-capped"}
    _, failure = await failing(Platform(sent(capped, 429)))
    assert isinstance(failure, OverBudget)
    assert failure.not_before == NOW + timedelta(hours=6)


async def test_a_page_for_browsers_in_the_place_of_the_stream_is_blocked() -> None:
    _, failure = await failing(Platform(as_sent(httpx.Response(200, html="<html>captcha</html>"))))
    assert isinstance(failure, Blocked)


async def test_searching_and_listening_are_one_source_that_reads_on() -> None:
    listening = Platform(streaming(ALIVE), searches=[an_answer(a_tweet(NOW, 1))])
    pages = await hear(listening)
    assert isinstance(a_stream(listening), FilteredStream)
    searching = Platform(streaming(ALIVE))
    await hear(searching, pages[-1].cursor)
    assert searching.asked[0]["since_id"] == an_id(NOW, 1)
