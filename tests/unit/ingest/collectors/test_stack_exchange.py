"""What the API of Stack Exchange sends, as it sends it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from libs.common.events import Engagement
from services.ingest.collectors import stack_exchange
from services.ingest.failure import AuthFailed, OverBudget, RateLimited, Rejected
from services.ingest.post import Deletion, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for, unix

MIDNIGHT = datetime(2026, 9, 19, tzinfo=UTC)


def a_collector(
    scripted: Scripted, *terms: str, clock: SetClock | None = None, **fields: object
) -> stack_exchange.StackExchange:
    defaults = {"id": "so", "per_page": 2, "key": "geheim"}
    config = stack_exchange.Config.model_validate({**defaults, **fields})
    collector = config.build(tools_for(scripted, clock or SetClock(), *(terms or ("Acme",))))
    assert isinstance(collector, stack_exchange.StackExchange)
    return collector


def an_item(number: int, minutes: float = 1, **fields: Any) -> dict[str, Any]:
    at = unix(NOW - timedelta(minutes=minutes))
    item = {"item_type": "question", "question_id": number, "creation_date": at, "title": "Acme"}
    return {**item, "body": "Why?", **fields}


def wrapped(*items: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"items": list(items), "has_more": False, "quota_remaining": 9000, **fields}


def refused(name: str, message: str = "", status: int = 400, **fields: object) -> httpx.Response:
    body = {"error_id": 502, "error_name": name, "error_message": message, **fields}
    return httpx.Response(status, json=body)


async def test_questions_and_answers_are_read_whole() -> None:
    question = an_item(
        7,
        5,
        title="Acme&#39;s &lt;brake&gt; &amp; me",
        body=None,
        excerpt='It <span class="highlight">squeaks</span> &amp; smells',
        score=-2,
        answer_count=1,
        owner={
            "user_id": 9,
            "display_name": "J&#246;rg",
            "link": "https://unix.stackexchange.com/users/9",
        },
    )
    answer = an_item(7, 2, item_type="answer", answer_id=8, body="Oil it", score=4)
    packed = gzip.compress(json.dumps(wrapped(answer, question)).encode())
    reply = httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=packed)
    page = await a_collector(Scripted(reply), sites=["unix"]).collect(None)
    assert page.posts == (
        Post(
            platform="stack_exchange",
            native_id="unix:8",
            kind="answer",
            url="https://unix.stackexchange.com/a/8",
            title="Acme",
            text="Oil it",
            published_at=NOW - timedelta(minutes=2),
            thread="unix:7",
            in_reply_to="unix:7",
            engagement=Engagement(likes=4),
        ),
        Post(
            platform="stack_exchange",
            native_id="unix:7",
            kind="question",
            url="https://unix.stackexchange.com/q/7",
            title="Acme's <brake> & me",
            text="It squeaks & smells",
            author=PostAuthor(
                id="unix:9", name="Jörg", url="https://unix.stackexchange.com/users/9"
            ),
            published_at=NOW - timedelta(minutes=5),
            thread="unix:7",
            engagement=Engagement(likes=-2, replies=1),
        ),
    )
    assert page.reads == 1


@pytest.mark.parametrize(
    ("site", "address"),
    [
        ("stackoverflow", "https://stackoverflow.com/q/7"),
        ("de.stackoverflow", "https://de.stackoverflow.com/q/7"),
        ("mathoverflow", "https://mathoverflow.net/q/7"),
        ("mechanics", "https://mechanics.stackexchange.com/q/7"),
    ],
)
async def test_every_site_has_its_address(site: str, address: str) -> None:
    page = await a_collector(Scripted(wrapped(an_item(7))), sites=[site]).collect(None)
    assert [post.url for post in page.posts] == [address]


async def test_every_site_is_asked_for_every_term_from_the_newest_back() -> None:
    scripted = Scripted(
        wrapped(an_item(9, 1), an_item(8, 2), has_more=True), wrapped(), wrapped(), wrapped()
    )
    collector = a_collector(scripted, "Acme", "Acme AG", sites=["unix", "superuser"])
    cursor = (await collector.collect(None)).cursor
    more: list[bool] = []
    for _ in range(4 - 1):
        page = await collector.collect(cursor)
        cursor = page.cursor
        more.append(page.more)
    assert [(asked["site"], asked["q"]) for asked in scripted.asked] == [
        ("unix", '"Acme"'),
        ("unix", '"Acme"'),
        ("unix", '"Acme AG"'),
        ("superuser", '"Acme"'),
    ]
    assert more == [True, True, True]
    assert scripted.asked[0] == {
        "site": "unix",
        "pagesize": "2",
        "key": "geheim",
        "q": '"Acme"',
        "sort": "creation",
        "order": "desc",
        "fromdate": str(unix(NOW - timedelta(hours=24))),
    }
    assert scripted.asked[1]["todate"] == str(unix(NOW - timedelta(minutes=2)))


async def test_a_wait_in_a_good_answer_is_kept_even_between_two_pages() -> None:
    scripted = Scripted(wrapped(an_item(9), has_more=True, backoff=30), wrapped(an_item(8, 2)))
    collector = a_collector(scripted)
    first = await collector.collect(None)
    assert (first.next_in, first.more, len(first.posts)) == (timedelta(seconds=30), True, 1)
    second = await collector.collect(first.cursor)
    assert "todate" in scripted.asked[1]
    assert [post.native_id for post in second.posts] == ["stackoverflow:8"]


@pytest.mark.parametrize("status", [400, 503])
async def test_a_throttled_request_waits_as_its_message_says(status: int) -> None:
    said = "too many requests from this IP, more requests available in 82 seconds"
    with pytest.raises(RateLimited) as raised:
        await a_collector(Scripted(refused("throttle_violation", said, status))).collect(None)
    assert raised.value.not_before == NOW + timedelta(seconds=82)


async def test_the_wait_beside_a_refusal_comes_first() -> None:
    answer = refused("throttle_violation", "available in 9 seconds", backoff=20)
    with pytest.raises(RateLimited) as raised:
        await a_collector(Scripted(answer)).collect(None)
    assert raised.value.not_before == NOW + timedelta(seconds=20)


async def test_the_last_page_of_the_days_quota_is_kept_and_then_nothing_is_asked() -> None:
    clock = SetClock()
    scripted = Scripted(wrapped(an_item(9), has_more=True, quota_remaining=0), wrapped())
    collector = a_collector(scripted, clock=clock)
    page = await collector.collect(None)
    assert (len(page.posts), page.more) == (1, True)
    clock.forward(hours=5)
    with pytest.raises(OverBudget) as raised:
        await collector.collect(page.cursor)
    assert raised.value.not_before == MIDNIGHT
    assert len(scripted.requests) == 1
    clock.forward(hours=9)
    await collector.collect(page.cursor)
    assert "todate" in scripted.asked[1]


async def test_a_refusal_for_want_of_quota_lasts_until_midnight() -> None:
    answer = refused("throttle_violation", quota_remaining=0)
    with pytest.raises(OverBudget) as raised:
        await a_collector(Scripted(answer)).collect(None)
    assert raised.value.not_before == MIDNIGHT


async def test_a_wrong_key_and_a_wrong_site_are_told_apart() -> None:
    key = refused("bad_parameter", "`key` doesn't match a known application")
    with pytest.raises(AuthFailed, match="key"):
        await a_collector(Scripted(key)).collect(None)
    site = refused("bad_parameter", "No site found for name `nowhere`")
    with pytest.raises(Rejected, match="nowhere"):
        await a_collector(Scripted(site), sites=["nowhere"]).collect(None)


async def test_what_is_not_given_any_more_is_deleted_site_by_site() -> None:
    scripted = Scripted(wrapped({"post_id": 1}), wrapped({"post_id": 3}))
    collector = a_collector(scripted)
    gone = await collector.deleted(["unix:1", "unix:2", "superuser:3", "nonsense"])
    assert gone == [Deletion("stack_exchange", "unix:2", NOW)]
    assert scripted.paths == ["/2.3/posts/1;2", "/2.3/posts/3"]


async def test_a_wait_between_two_batches_ends_the_question() -> None:
    scripted = Scripted(wrapped({"post_id": 1}, backoff=10))
    with pytest.raises(RateLimited) as raised:
        await a_collector(scripted).deleted(["unix:1", "superuser:3"])
    assert raised.value.not_before == NOW + timedelta(seconds=10)


async def test_what_cannot_be_read_is_not_taken_for_deleted() -> None:
    scripted = Scripted(wrapped({"post_id": 1}, {"post_id": "?"}))
    assert await a_collector(scripted).deleted(["unix:1", "unix:2"]) == []


async def test_the_key_is_in_no_message() -> None:
    with pytest.raises(Rejected) as raised:
        await a_collector(Scripted(refused("bad_parameter", "q"))).collect(None)
    assert "geheim" not in f"{raised.value} {raised.value.__cause__}"
