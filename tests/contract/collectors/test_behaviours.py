"""What every kind of source promises, over real connections to a stand-in of its platform.

Posts are told apart by their ids, and known again by the text that the suite wrote.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.ingest.collector import LooksAgain
from services.ingest.collectors import KINDS
from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    RateLimited,
    TooLarge,
    TooSlow,
    Unreachable,
    Unreadable,
)
from services.ingest.post import Post
from tests.contract.collectors.cases import CASES
from tests.contract.collectors.cases.delivered import HOOK_CASES
from tests.contract.collectors.conformance import WORD, Behaviour, Bench, Case, bench

HTML_SIGNS = ("<p>", "<br", "</a>", "&lt;", "&amp;", "&quot;")


def having(behaviour: Behaviour) -> pytest.MarkDecorator:
    """For every case that has the behaviour; `lacks` says why the others do not."""
    cases = [case for case in CASES if behaviour not in case.lacks]
    return pytest.mark.parametrize("case", cases, ids=[case.label for case in cases])


def saying(posts: Collection[Post], text: str) -> list[Post]:
    """The posts in whose title or text this was written."""
    return [post for post in posts if text in f"{post.title or ''} {post.text}"]


def written(bench_: Bench, many: int) -> list[str]:
    """So many posts a minute apart, the last one now; gives their texts."""
    now = bench_.clock()
    texts = [f"{WORD} Nummer {number:03}" for number in range(many)]
    for number, text in enumerate(texts):
        bench_.board.write(text, at=now - timedelta(minutes=many - number))
    return texts


@having("paging")
async def test_every_page_is_read_and_every_post_is_whole(case: Case) -> None:
    async with bench(case, page_size=10) as it:
        texts = written(it, 25)
        reading = await it.read(events=25)
    for text in texts:
        (post, *_) = saying(reading.posts, text)
        assert post.native_id
        assert post.platform
        assert post.published_at is not None
        assert post.published_at.tzinfo is UTC
        assert post.url is None or post.url.startswith("http")
        assert not any(sign in post.text for sign in HTML_SIGNS)
    assert len({post.native_id for post in reading.posts}) == 25


@having("resuming")
async def test_after_a_crash_at_any_page_nothing_is_lost(case: Case) -> None:
    if case.takes_away:
        return await _lose_every_page_once(case)
    async with bench(case, page_size=10) as it:
        before = written(it, 25)
        first = await it.read(events=25)
        cursors = [None, *(page.cursor for page in first.pages)]
        it.clock.forward(minutes=1)
        it.board.write(f"{WORD} danach", at=it.clock())
        for kept, cursor in enumerate(cursors):
            published = [post for page in first.pages[:kept] for post in page.posts]
            missing = 1 + 25 - len({post.native_id for post in published})
            again = await it.read(cursor, events=missing, times=2)
            for text in [*before, f"{WORD} danach"]:
                assert saying([*published, *again.posts], text), f"{text} after page {kept}"
    return None


async def _lose_every_page_once(case: Case) -> None:
    """There is only one try with a page that was confirmed, so one reading crashes everywhere."""
    async with bench(case, page_size=10) as it:
        texts = written(it, 25)
        kept: list[Post] = []
        cursor, more = None, True
        while more:
            await it.page(cursor)
            page = await it.page(cursor)
            kept += page.posts
            cursor, more = page.cursor, page.more
    assert [post.text for post in kept] == texts


@having("rate limit")
async def test_the_wait_a_platform_asks_for_is_kept(case: Case) -> None:
    async with bench(case) as it:
        written(it, 1)
        until = it.board.limit(95)
        with pytest.raises(RateLimited) as raised:
            await it.read()
    assert raised.value.not_before is not None
    assert timedelta() <= raised.value.not_before - until <= timedelta(seconds=2)


@having("server error")
async def test_a_broken_server_is_told_and_read_again(case: Case) -> None:
    async with bench(case) as it:
        (text,) = written(it, 1)
        it.spoil(status=502, times=1)
        with pytest.raises(Unreachable):
            await it.read()
        assert saying((await it.read()).posts, text)


@having("challenge page")
async def test_a_page_for_browsers_is_blocked_not_empty(case: Case) -> None:
    async with bench(case) as it:
        written(it, 1)
        it.spoil(challenge=True, times=1)
        with pytest.raises(Blocked):
            await it.read()


@having("wrong credentials")
async def test_revoked_credentials_are_named_with_few_requests(case: Case) -> None:
    async with bench(case) as it:
        written(it, 1)
        await it.read()
        it.board.refuses = True
        it.requests.clear()
        with pytest.raises(AuthFailed):
            await it.read()
        assert len(it.requests.of()) <= 3


@having("connection cut")
async def test_a_connection_that_breaks_loses_nothing(case: Case) -> None:
    async with bench(case) as it:
        texts = written(it, 5)
        it.spoil(cut=40, times=1)
        first: list[Post] = []
        cursor = None
        try:
            reading = await it.read(events=5)
            first, cursor = reading.posts, reading.cursor
        except (Unreachable, Unreadable):
            pass
        rest = [] if len(first) >= 5 else (await it.read(cursor, events=5 - len(first))).posts
        assert all(saying([*first, *rest], text) for text in texts)


@having("slow answer")
async def test_an_answer_that_never_comes_is_given_up(case: Case) -> None:
    async with bench(case, seconds=0.5) as it:
        written(it, 1)
        it.spoil(delay=30, times=1)
        with pytest.raises(TooSlow):
            await it.read()


@having("enormous answer")
async def test_an_answer_without_measure_is_refused(case: Case) -> None:
    async with bench(case, size=1_000_000) as it:
        written(it, 1)
        it.spoil(oversize=3_000_000, times=1)
        with pytest.raises(TooLarge):
            await it.read()


@having("unknown fields")
async def test_fields_nobody_knows_change_nothing(case: Case) -> None:
    async with bench(case, strange=True) as it:
        texts = written(it, 3)
        reading = await it.read(events=3)
    assert all(saying(reading.posts, text) for text in texts)


@having("missing fields")
async def test_a_post_without_author_title_or_language_is_a_post(case: Case) -> None:
    async with bench(case) as it:
        it.board.write(f"{WORD} von niemandem", author=None, title=None, lang=None)
        it.board.write(f"{WORD} von Ann", author="ann")
        reading = await it.read(events=2)
    assert saying(reading.posts, "von niemandem")
    assert saying(reading.posts, "von Ann")


@having("time zones")
async def test_times_are_the_same_moment_in_utc(case: Case) -> None:
    async with bench(case) as it:
        there = timezone(timedelta(hours=5, minutes=30))
        moment = (it.clock() - timedelta(hours=3)).astimezone(there).replace(microsecond=0)
        it.board.write(f"{WORD} anderswo", at=moment)
        (post,) = saying((await it.read()).posts, "anderswo")
    published: datetime | None = post.published_at
    assert published is not None
    assert (published, published.utcoffset()) == (moment, timedelta())


@having("edit")
async def test_an_edited_post_comes_again_under_its_id(case: Case) -> None:
    async with bench(case) as it:
        number = it.board.write(f"{WORD} zuerst").number
        written(it, 2)
        first = await it.read(events=3)
        (post,) = saying(first.posts, "zuerst")
        it.clock.forward(minutes=5)
        it.board.edit(number, f"{WORD} danach ganz anders")
        second = await it.read(first.cursor)
        (edited,) = saying(second.posts, "danach ganz anders")
    assert (edited.platform, edited.native_id) == (post.platform, post.native_id)


@having("deletion")
async def test_a_deleted_post_is_reported(case: Case) -> None:
    async with bench(case) as it:
        number = it.board.write(f"{WORD} bereut").number
        it.board.write(f"{WORD} bleibt")
        first = await it.read(events=2)
        (post,) = saying(first.posts, "bereut")
        (other,) = saying(first.posts, "bleibt")
        it.clock.forward(minutes=5)
        it.board.delete(number)
        collector = it.config.build(it.tools)
        if isinstance(collector, LooksAgain):
            told = await collector.deleted([post.native_id, other.native_id])
        else:
            told = (await it.read(first.cursor)).deletions
    assert [(each.platform, each.native_id) for each in told] == [(post.platform, post.native_id)]


@pytest.mark.parametrize("case", CASES, ids=[case.label for case in CASES])
@pytest.mark.parametrize("cursor", ["", "garbage", "{}", "[1]", '{"url": 7}'])
async def test_a_cursor_that_is_none_is_as_good_as_no_cursor(case: Case, cursor: str) -> None:
    async with bench(case) as it:
        (text,) = written(it, 1)
        assert saying((await it.read(cursor)).posts, text)


@pytest.mark.parametrize("case", CASES, ids=[case.label for case in CASES])
async def test_a_dead_server_is_a_failure_that_names_no_secret(case: Case) -> None:
    async with bench(case) as it:
        it.spoil(reset=True)
        it.faults.add(it.faults.active[0].model_copy(update={"route": "/*"}))
        with pytest.raises(CollectionFailed) as raised:
            await it.read()
        assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("case", CASES, ids=[case.label for case in CASES])
async def test_what_is_shown_of_a_source_holds_no_secret(case: Case) -> None:
    async with bench(case) as it:
        shown = f"{it.config.address} {it.config.host} {it.config.place}"
    assert "geheim" not in shown
    assert it.config.host


def test_every_kind_is_tried() -> None:
    read, delivered = {case.kind for case in CASES}, {case.kind for case in HOOK_CASES}
    assert read | delivered == set(KINDS)
