"""What a page of a list means for the sweep over all lists."""

from __future__ import annotations

from datetime import timedelta

from services.ingest.post import Page
from services.ingest.reading.newest_first import Lists, page_number, sweep_since
from services.ingest.reading.sweep import Sweep
from tests.unit.ingest.building import NOW, a_post

ONE = Lists(["one"], timedelta(days=2))


def turn(
    lists: Lists, cursor: str | None, *minutes: float, after: str | None = None, day: int = 0
) -> Page:
    """Posts that are so many minutes old, read so many days later."""
    posts = [
        a_post(native_id=str(each), published_at=NOW - timedelta(minutes=each)) for each in minutes
    ]
    return lists.page(lists.sweep(cursor, NOW + timedelta(days=day)), posts, after)


def ids(page: Page) -> list[str]:
    return [post.native_id for post in page.posts]


def test_a_first_reading_goes_back_a_day() -> None:
    first = turn(ONE, None, 1, 2, after="2")
    second = turn(ONE, first.cursor, 3, 24 * 60 + 1, after="3")
    assert (ids(first), first.more) == (["1", "2"], True)
    assert (ids(second), second.more) == (["3"], False)


def test_a_later_reading_ends_where_the_last_one_began() -> None:
    cursor = turn(ONE, None, 1, 2).cursor
    again = turn(ONE, cursor, 1, 2, 24 * 60 + 1, after="2")
    assert (ids(again), again.more, again.health) == ([], False, "unchanged")


def test_a_back_fill_goes_back_as_far_as_asked() -> None:
    page = turn(ONE, sweep_since(NOW - timedelta(days=30)), 29 * 24 * 60, 31 * 24 * 60, after="2")
    assert (len(page.posts), page.more) == (1, False)


def test_the_next_list_begins_where_the_last_one_ends() -> None:
    two = Lists(["one", "two"], timedelta(days=2))
    first = turn(two, None, 1)
    second = turn(two, first.cursor, 2)
    assert (ids(first), first.more) == (["1"], True)
    assert (ids(second), second.more) == (["2"], False)


def test_without_a_promised_order_every_page_is_read() -> None:
    unsorted = Lists(["one"], timedelta(days=7), is_sorted=False)
    first = turn(unsorted, None, 5 * 24 * 60, after="2")
    second = turn(unsorted, first.cursor, 1)
    assert (ids(first), first.more) == ([], True)
    assert (ids(second), second.more) == (["1"], False)


def test_a_list_with_nothing_in_it_is_empty() -> None:
    assert turn(ONE, None).health == "empty"


def test_pages_are_numbered_from_one_whatever_the_cursor_says() -> None:
    for mark, number in ((None, 1), ("7", 7), ("x", 1), ("9" * 40, 1), ("-1", 1)):
        assert page_number(Sweep(after=0, page=mark)) == number
