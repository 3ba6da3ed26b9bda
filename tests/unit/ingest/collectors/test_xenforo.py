"""What a XenForo sends, as it sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from libs.common.events import Engagement
from services.ingest.collector import Collector, LooksAgain
from services.ingest.collectors.xenforo import Config, text_of_bbcode
from services.ingest.failure import AuthFailed, Rejected
from services.ingest.post import Deletion, Page, Post, PostAuthor
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for, unix


def a_collector(scripted: Scripted, **fields: object) -> Collector:
    config = Config.model_validate(
        {"id": "kurve", "url": "https://kurve.example", "api_key": "geheim", **fields}
    )
    collector = config.build(tools_for(scripted, SetClock()))
    assert isinstance(collector, Collector)
    return collector


def threads(*listed: tuple[int, float, int], last_page: int = 1) -> dict[str, Any]:
    """Of each: its number, how many minutes ago it was active, its replies."""
    return {
        "threads": [
            {
                "thread_id": number,
                "title": "Bremse",
                "last_post_date": unix(NOW - timedelta(minutes=minutes)),
                "reply_count": replies,
            }
            for number, minutes, replies in listed
        ],
        "pagination": {"current_page": 1, "last_page": last_page},
    }


def a_written(number: int, minutes: float = 1, **fields: Any) -> dict[str, Any]:
    return {
        "post_id": number,
        "thread_id": 3,
        "user_id": 12,
        "username": "ann",
        "post_date": unix(NOW - timedelta(minutes=minutes)),
        "message": "Die [B]Bremse[/B] & der Rest",
        "message_parsed": "<div>Die <b>Bremse</b> &amp; der Rest</div>",
        "message_state": "visible",
        "position": 0,
        "last_edit_date": 0,
        "reaction_score": 5,
        "view_url": f"https://kurve.example/threads/bremse.3/post-{number}",
        "User": {"location": "Köln", "view_url": "https://kurve.example/members/ann.12/"},
        **fields,
    }


def posts(*written: dict[str, Any], last_page: int = 1) -> dict[str, Any]:
    return {"posts": list(written), "pagination": {"last_page": last_page}}


async def swept(collector: Collector, cursor: str | None = None) -> list[Page]:
    pages = [await collector.collect(cursor)]
    while pages[-1].more:
        pages.append(await collector.collect(pages[-1].cursor))
    return pages


async def test_a_post_is_told_with_everything_it_has() -> None:
    edited = unix(NOW - timedelta(minutes=4))
    scripted = Scripted(threads((3, 10, 0)), posts(a_written(7, 10, last_edit_date=edited)))
    pages = await swept(a_collector(scripted))
    assert [post for page in pages for post in page.posts] == [
        Post(
            platform="xenforo",
            native_id="kurve.example/7",
            kind="post",
            url="https://kurve.example/threads/bremse.3/post-7",
            title="Bremse",
            text="Die Bremse & der Rest",
            author=PostAuthor(
                id="kurve.example/u/12",
                handle="ann",
                url="https://kurve.example/members/ann.12/",
            ),
            published_at=NOW - timedelta(minutes=10),
            edited_at=NOW - timedelta(minutes=4),
            thread="https://kurve.example/threads/3/",
            engagement=Engagement(likes=5),
            place="Köln",
        )
    ]
    assert scripted.requests[0].headers["xf-api-key"] == "geheim"


async def test_of_a_long_thread_only_its_newest_pages_are_read() -> None:
    scripted = Scripted(
        threads((3, 1, 45)),
        posts(a_written(46, 1), last_page=3),
        posts(a_written(21, 3000), a_written(40, 5), last_page=3),
    )
    pages = await swept(a_collector(scripted))
    assert scripted.paths[1:] == ["/api/threads/3/posts"] * 2
    assert [each["page"] for each in scripted.asked[1:]] == ["3", "2"]
    found = [post.native_id for page in pages for post in page.posts]
    assert found == ["kurve.example/46", "kurve.example/40"]


@pytest.mark.parametrize("last_page", [4, 1])
async def test_a_wrong_guess_of_the_last_page_costs_a_request_and_no_post(last_page: int) -> None:
    guessed = (
        posts(a_written(40), last_page=last_page)
        if last_page > 3
        else httpx.Response(400, json={"errors": [{"code": "invalid_page"}]})
    )
    scripted = Scripted(
        threads((3, 1, 45)),
        guessed,
        posts(a_written(61), a_written(5, 3000), last_page=last_page),
    )
    pages = await swept(a_collector(scripted))
    assert [each["page"] for each in scripted.asked[1:]] == ["3", str(last_page)]
    assert [post.native_id for page in pages for post in page.posts] == ["kurve.example/61"]


async def test_quiet_threads_are_left_alone() -> None:
    scripted = Scripted(threads((3, 1, 0), (2, 3000, 0), last_page=9), posts(a_written(7)))
    await swept(a_collector(scripted))
    assert scripted.paths == ["/api/threads", "/api/threads/3/posts"]


async def test_moderated_posts_are_invisible_and_deleted_ones_are_told() -> None:
    scripted = Scripted(
        threads((3, 1, 1)), posts(a_written(7), a_written(8, message_state="moderated"))
    )
    collector = a_collector(scripted)
    first = await swept(collector)
    scripted.then(threads((3, 1, 1)), posts(a_written(7, message_state="deleted"), a_written(8)))
    second = await swept(collector, first[-1].cursor)
    assert [post.native_id for page in first for post in page.posts] == ["kurve.example/7"]
    assert [post.native_id for page in second for post in page.posts] == ["kurve.example/8"]
    told = [each for page in second for each in page.deletions]
    assert told == [Deletion("xenforo", "kurve.example/7", NOW)]


async def test_a_thread_that_vanished_costs_only_itself() -> None:
    gone = httpx.Response(404, json={"errors": [{"code": "requested_thread_not_found"}]})
    scripted = Scripted(threads((3, 1, 0), (2, 2, 0)), gone, posts(a_written(7)))
    pages = await swept(a_collector(scripted))
    assert [post.native_id for page in pages for post in page.posts] == ["kurve.example/7"]


async def test_posts_are_asked_for_again_one_by_one() -> None:
    hidden = httpx.Response(403, json={"errors": [{"code": "do_not_have_permission"}]})
    scripted = Scripted(
        {"post": a_written(1)}, hidden, {"post": a_written(3, message_state="deleted")}
    )
    collector = a_collector(scripted)
    assert isinstance(collector, LooksAgain)
    gone = await collector.deleted([f"kurve.example/{number}" for number in (1, 2, 3)])
    assert [each.native_id for each in gone] == ["kurve.example/2", "kurve.example/3"]


@pytest.mark.parametrize(
    ("status", "code", "failure"),
    [
        (400, "no_api_key_in_request", AuthFailed),
        (401, "api_key_not_found", AuthFailed),
        (403, "missing_scope", AuthFailed),
        (400, "invalid_order", Rejected),
    ],
)
async def test_refusals_are_told_apart(status: int, code: str, failure: type[Exception]) -> None:
    answer = httpx.Response(status, json={"errors": [{"code": code, "message": "…"}]})
    with pytest.raises(failure):
        await a_collector(Scripted(answer)).collect(None)


@pytest.mark.parametrize(
    ("message", "seen"),
    [
        ("Die [B]Bremse[/B] [I]quietscht[/I]", "Die Bremse quietscht"),
        ("[URL='https://acme.example']Acme[/URL] [sic]", "Acme [sic]"),
        ("Schau: [IMG]https://bild.example/1.png[/IMG] da", "Schau:   da"),
        ('[QUOTE="bob, post: 1"]Ja[/QUOTE]\nNein [list][*]a[/list]', "Ja\nNein a"),
        ("[b]offen", "offen"),
    ],
)
async def test_bbcode_is_read_as_people_see_it(message: str, seen: str) -> None:
    assert text_of_bbcode(message) == seen


async def test_a_thread_from_the_future_keeps_none_of_the_present_away() -> None:
    year = 60 * 24 * 365
    scripted = Scripted(threads((3, -year, 0)), posts(a_written(7, -year)))
    collector = a_collector(scripted)
    pages = await swept(collector)
    scripted.then(threads((4, -1, 0)), posts(a_written(8, -1, thread_id=4)))
    later = await swept(collector, pages[-1].cursor)
    found = [post.native_id for page in later for post in page.posts]
    assert found == ["kurve.example/8"]
