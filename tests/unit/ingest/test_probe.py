"""What people are shown of one reading, to the letter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest

from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    Gone,
    OverBudget,
    RateLimited,
    TooSlow,
    Unreachable,
)
from services.ingest.post import Page, Post
from services.ingest.schedule.probe import Probed, probe, told
from tests.unit.ingest.building import NOW, a_post


class Reading:
    """One reading that gives a page or fails."""

    def __init__(self, given: Page | CollectionFailed) -> None:
        self.given = given
        self.cursors: list[str | None] = []

    async def collect(self, cursor: str | None) -> Page:
        self.cursors.append(cursor)
        if isinstance(self.given, Page):
            return self.given
        raise self.given


class Hearing:
    """A stream that says these pages and then ends, fails or is silent."""

    def __init__(self, *pages: Page, then: CollectionFailed | None = None, ends: bool = True):
        self.pages = pages
        self.then = then
        self.ends = ends
        self.was_left = False

    async def listen(self, cursor: str | None) -> AsyncGenerator[Page, None]:
        try:
            for page in self.pages:
                yield page
            if self.then is not None:
                raise self.then
            if not self.ends:
                await asyncio.Event().wait()
        finally:
            self.was_left = True


def a_page(*posts: Post, cursor: str = "c", more: bool = False) -> Page:
    return Page(posts=posts, cursor=cursor, more=more)


def wanting(post: Post) -> list[str]:
    return ["motorrad-ag"] if "Motorrad" in post.text else []


async def test_the_first_page_is_read_and_no_other() -> None:
    page = a_page(a_post(), more=True)
    reading = Reading(page)
    assert await probe(reading) == Probed(page)
    assert reading.cursors == [None]


async def test_a_failure_is_what_is_wanted_to_know() -> None:
    failure = AuthFailed("401")
    assert (await probe(Reading(failure))).failure is failure
    assert (await probe(Hearing(then=failure))).failure is failure


async def test_a_stream_is_heard_for_a_while() -> None:
    posts = [a_post(native_id=f"kurve/{number}") for number in range(2)]
    stream = Hearing(*(a_page(post, cursor=post.native_id) for post in posts), ends=False)
    probed = await probe(stream, heard=0.05)
    assert probed == Probed(Page(tuple(posts), "kurve/1"))
    assert stream.was_left


async def test_a_stream_that_says_much_is_left_at_once() -> None:
    stream = Hearing(a_page(*(a_post() for _ in range(25))), ends=False)
    async with asyncio.timeout(10):
        probed = await probe(stream, heard=3600)
    assert probed.page is not None
    assert len(probed.page.posts) == 25
    assert stream.was_left


async def test_a_stream_without_posts_can_be_read() -> None:
    assert await probe(Hearing(a_page())) == Probed(Page((), "c", health="unchanged"))


@pytest.mark.parametrize(
    ("stream", "kind"), [(Hearing(), Unreachable), (Hearing(ends=False), TooSlow)]
)
async def test_a_stream_that_says_nothing_cannot_be_read(
    stream: Hearing, kind: type[CollectionFailed]
) -> None:
    assert type((await probe(stream, heard=0.01)).failure) is kind


def test_posts_are_told_with_the_watches_that_want_them() -> None:
    long = a_post(title="Frage", text="Motorrad\n" + "b" * 200, kind="question")
    other = a_post(text="Fahrrad", published_at=None)
    assert list(told(Probed(a_page(long, other)), wanting)) == [
        "It can be read: 2 posts; 1 for a watch.",
        f"  2026-09-18 10:25  motorrad-ag  question: Frage Motorrad {'b' * 84}…",
        "  no time  -            post: Fahrrad",
    ]


def test_of_many_posts_the_first_are_told() -> None:
    lines = list(told(Probed(a_page(*(a_post() for _ in range(23)), more=True)), wanting))
    assert lines[0] == "It can be read: 23 posts, and there is more; 23 for a watch."
    assert len(lines) == 22
    assert lines[-1] == "… and 3 more."


def test_what_people_write_does_not_reach_into_the_terminal() -> None:
    hostile = a_post(text="Motorrad \x1b[2J\x07\u202e\u200b weg")
    assert list(told(Probed(a_page(hostile)), wanting))[1].endswith("post: Motorrad [2J weg")


@pytest.mark.parametrize(
    ("failure", "lines"),
    [
        (Unreachable("502"), ["It cannot be read (failing): unreachable: 502"]),
        (
            AuthFailed("401"),
            [
                "It cannot be read (auth_failed): credentials refused: 401",
                "Credentials are missing, wrong or expired: are they set, and made for this?",
            ],
        ),
        (
            RateLimited("429", not_before=NOW + timedelta(minutes=1)),
            [
                "It cannot be read (rate_limited): rate limited: 429",
                "It asks for no request before 2026-09-18 10:31:00 UTC.",
                "Too many requests were made from here. It is read again after the wait.",
            ],
        ),
        (
            Blocked("a challenge"),
            [
                "It cannot be read (blocked): blocked: a challenge",
                "The site wants a browser. Ask its operator for an API or a feed; we do not evade.",
            ],
        ),
        (
            OverBudget("all"),
            [
                "It cannot be read (over_budget): over budget: all",
                "The quota is used up. It is read again when the next period begins.",
            ],
        ),
        (
            Gone("410"),
            [
                "It cannot be read (gone): gone: 410",
                "The server says that it is gone for good: take it out of the configuration.",
            ],
        ),
    ],
)
def test_a_failure_is_told_with_what_to_do(failure: CollectionFailed, lines: list[str]) -> None:
    assert list(told(Probed(failure=failure), wanting)) == lines
