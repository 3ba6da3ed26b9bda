"""How platforms are read that answer questions with their newest posts first."""

from __future__ import annotations

from datetime import timedelta

from services.ingest.post import Post
from services.ingest.reading.sweep import (
    MOST_REMEMBERED,
    Sweep,
    answered,
    begun,
    earlier,
    noted,
    turned,
)
from services.ingest.reading.wire import unix_seconds
from tests.unit.ingest.building import NOW, a_post

OVERLAP = timedelta(minutes=10)
SINCE = unix_seconds(NOW - timedelta(hours=1))
QUESTIONS = ("a", "b")


def a_sweep() -> Sweep:
    return begun(Sweep(after=SINCE), QUESTIONS, NOW)


def a_post_of(number: int, minutes: float, **fields: object) -> Post:
    at = NOW - timedelta(minutes=minutes)
    return a_post(native_id=str(number), published_at=at, **fields)


def test_a_sweep_goes_through_all_questions_and_pages() -> None:
    sweep = a_sweep()
    assert (sweep.question, sweep.page, sweep.is_underway) == (0, None, True)
    sweep = turned(turned(sweep, "p2", 100), "p3", 50)
    assert (sweep.question, sweep.page, sweep.depth) == (0, "p3", 150)
    sweep = answered(sweep, len(QUESTIONS), OVERLAP)
    assert (sweep.question, sweep.page, sweep.depth) == (1, None, 0)
    sweep = answered(sweep, len(QUESTIONS), OVERLAP)
    assert not sweep.is_underway


def test_the_next_sweep_begins_a_while_before_the_newest_post() -> None:
    _, sweep = noted(a_sweep(), [a_post_of(1, 5)], OVERLAP)
    assert answered(sweep, 1, OVERLAP).after == unix_seconds(NOW - timedelta(minutes=15))


def test_the_next_sweep_begins_no_later_than_this_one_did() -> None:
    _, sweep = noted(a_sweep(), [a_post_of(1, -600)], OVERLAP)
    assert answered(sweep, 1, OVERLAP).after == unix_seconds(NOW - OVERLAP)


def test_a_sweep_that_found_nothing_leaves_the_beginning_where_it_was() -> None:
    _, sweep = noted(a_sweep(), [], OVERLAP)
    assert answered(sweep, 1, OVERLAP).after == SINCE


def test_the_beginning_never_goes_back() -> None:
    _, sweep = noted(a_sweep(), [a_post_of(1, 60 * 5)], OVERLAP)
    assert answered(sweep, 1, OVERLAP).after == SINCE


def test_a_sweep_that_is_underway_goes_on_where_it_was() -> None:
    sweep = turned(a_sweep(), "p2", 10)
    assert begun(sweep, QUESTIONS, NOW + timedelta(hours=3)) == sweep


def test_other_questions_begin_anew_and_what_was_found_stays_known() -> None:
    post = a_post_of(1, 5)
    _, sweep = noted(a_sweep(), [post], OVERLAP)
    anew = begun(turned(sweep, "p2", 10), ("a", "c"), NOW)
    assert (anew.question, anew.page, anew.after) == (0, None, SINCE)
    assert noted(anew, [post], OVERLAP)[0] == ()


def test_known_posts_come_again_only_when_they_changed() -> None:
    post = a_post_of(1, 5)
    news, sweep = noted(a_sweep(), [post], OVERLAP)
    assert news == (post,)
    assert noted(sweep, [post], OVERLAP)[0] == ()
    edited = a_post_of(1, 5, text="Motorrad, anders")
    assert noted(sweep, [edited], OVERLAP)[0] == (edited,)


def test_what_is_older_than_the_beginning_is_left_out_unless_it_was_edited_since() -> None:
    old = a_post_of(1, 90)
    edited = a_post_of(2, 90, edited_at=NOW - timedelta(minutes=2))
    unknown = a_post(native_id="3", published_at=None)
    news, sweep = noted(a_sweep(), [old, edited, unknown], OVERLAP)
    assert news == (edited, unknown)
    assert noted(sweep, [old, edited, unknown], OVERLAP)[0] == ()


def test_only_what_is_read_again_is_remembered_and_never_too_much() -> None:
    posts = [a_post_of(number, number / 1000) for number in range(3000)]
    news, sweep = noted(a_sweep(), posts, OVERLAP)
    assert len(news) == 3000
    assert len(sweep.reached) == MOST_REMEMBERED
    _, sweep = noted(a_sweep(), [a_post_of(1, 1), a_post_of(2, 30)], OVERLAP)
    assert list(sweep.reached) == ["1"]


def test_what_comes_before_a_full_page_is_asked_for_next() -> None:
    sweep = a_sweep()
    assert earlier(sweep, [50.5, 40.9], has_more=True) == ("40", True)
    assert earlier(sweep, [50, 40], has_more=False) == (None, True)


def test_a_second_that_fills_a_page_is_passed_and_told() -> None:
    assert earlier(turned(a_sweep(), "40", 2), [40, 40], has_more=True) == ("39", False)


def test_a_page_that_cannot_be_read_ends_the_question_and_is_told() -> None:
    assert earlier(a_sweep(), [], has_more=True) == (None, False)
