from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.ingest.failure import (
    AuthFailed,
    BackOff,
    Gone,
    Health,
    RateLimited,
    TooSlow,
    Unreachable,
)
from services.ingest.post import Page
from services.ingest.schedule.decide import (
    LONGEST_BACK_OFF,
    STREAM_APART,
    Pace,
    SourceState,
    Waiting,
    after_failure,
    after_page,
    begun_apart,
    configured,
    due,
    present_health,
    while_heard,
)
from tests.unit.ingest.building import NOW, a_post

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PACE = Pace(every=5 * MINUTE)


def a_state(id: str = "presse", **fields: Any) -> SourceState:
    return replace(configured(id, "feed x", NOW), **fields)


def never() -> float:
    return 0.0


def nearly_always() -> float:
    return 0.999


def test_a_new_source_is_due_at_once() -> None:
    state = configured("presse", "feed x", NOW)
    assert (state.due_at, state.health, state.cursor) == (NOW, "new", None)


def test_after_a_page_the_longer_interval_counts() -> None:
    page = Page(posts=(), cursor="c", next_in=15 * MINUTE)
    assert after_page(a_state(), page, PACE, NOW, never).due_at == NOW + 15 * MINUTE
    quick = Page(posts=(), cursor="c", next_in=timedelta(seconds=1))
    assert after_page(a_state(), quick, PACE, NOW, never).due_at == NOW + 5 * MINUTE


def test_sources_do_not_fall_into_step_and_are_never_early() -> None:
    page = Page(posts=(), cursor="c")
    late = after_page(a_state(), page, PACE, NOW, nearly_always).due_at
    assert late is not None
    assert 5 * MINUTE < late - NOW <= 5 * MINUTE * 1.05


def test_a_page_makes_well_and_keeps_the_cursor() -> None:
    ill = a_state(failures=4, health="failing", reason="unreachable: x", since=NOW - HOUR)
    newest = NOW - MINUTE
    page = Page(posts=(a_post(published_at=newest), a_post(published_at=NOW - HOUR)), cursor="c2")
    state = after_page(ill, page, PACE, NOW, never)
    assert state == replace(
        ill,
        cursor="c2",
        due_at=NOW + 5 * MINUTE,
        failures=0,
        health="ok",
        reason=None,
        since=NOW,
        last_success=NOW,
        last_entry=NOW,
    )


def test_a_page_with_more_behind_it_is_no_reading_yet() -> None:
    more = Page(posts=(), cursor="c2", more=True)
    state = after_page(a_state(failures=2), more, PACE, NOW + HOUR, nearly_always)
    assert (state.due_at, state.cursor) == (NOW + HOUR, "c2")
    assert (state.last_success, state.failures, state.health) == (None, 0, "ok")
    asked = replace(more, next_in=MINUTE)
    assert after_page(state, asked, PACE, NOW + HOUR, never).due_at == NOW + HOUR + MINUTE


def test_a_post_from_the_future_does_not_hide_that_a_source_falls_silent() -> None:
    page = Page(posts=(a_post(published_at=NOW + 1000 * 24 * HOUR),), cursor="c")
    state = after_page(a_state(), page, PACE, NOW, never)
    assert state.last_entry == NOW
    pace = Pace(MINUTE, quiet_after=24 * HOUR)
    assert present_health(state, pace, NOW + 25 * HOUR)[0] == "silent"


def test_a_stream_is_due_while_it_is_heard_and_not_begun_twice_in_a_moment() -> None:
    heard = while_heard(a_state(due_at=NOW + HOUR), NOW)
    assert heard.due_at == NOW
    second = timedelta(seconds=1)
    assert begun_apart(heard, NOW - second, NOW).due_at == NOW - second + STREAM_APART
    assert begun_apart(heard, NOW - HOUR, NOW).due_at == NOW
    assert begun_apart(a_state(due_at=NOW + HOUR), NOW, NOW).due_at == NOW + HOUR
    assert begun_apart(a_state(due_at=None), NOW, NOW).due_at is None


def test_a_clock_that_was_set_back_while_a_stream_was_heard_delays_nothing() -> None:
    assert begun_apart(a_state(), NOW + HOUR, NOW).due_at == NOW + STREAM_APART


def test_refused_credentials_are_tried_once_an_hour() -> None:
    state = a_state(failures=9)
    first = after_failure(state, AuthFailed("401"), PACE, NOW, never)
    assert (first.due_at, first.health) == (NOW + HOUR, "auth_failed")
    slow = after_failure(state, AuthFailed("401", not_before=NOW + 2 * HOUR), PACE, NOW, never)
    assert slow.due_at == NOW + 2 * HOUR


def test_the_waits_that_a_platform_prescribes_begin_anew_with_another_kind_of_failure() -> None:
    back_off = BackOff(first=MINUTE, longest=4 * MINUTE, factor=2.0)
    limited = RateLimited("429", back_off=back_off)
    state = a_state()
    waits = []
    for _ in range(4):
        state = after_failure(state, limited, PACE, NOW, never)
        assert state.due_at is not None
        waits.append(state.due_at - NOW)
    assert waits == [MINUTE, 2 * MINUTE, 4 * MINUTE, 4 * MINUTE]
    other = after_failure(state, TooSlow("x", back_off=back_off), PACE, NOW, never)
    assert other.due_at == NOW + MINUTE


def test_a_prescribed_wait_gets_little_jitter_and_is_never_shorter_than_was_asked() -> None:
    back_off = BackOff(first=10 * MINUTE, longest=10 * MINUTE)
    late = after_failure(
        a_state(failures=5), RateLimited("429", back_off=back_off), PACE, NOW, nearly_always
    )
    assert late.due_at is not None
    assert 10 * MINUTE < late.due_at - NOW <= 10.5 * MINUTE
    asked = RateLimited("429", back_off=back_off, not_before=NOW + HOUR)
    assert after_failure(a_state(), asked, PACE, NOW, never).due_at == NOW + HOUR


def test_back_off_grows_with_full_jitter_and_never_gets_shorter_than_the_interval() -> None:
    waits = []
    state = a_state()
    for _ in range(20):
        state = after_failure(state, Unreachable("x"), PACE, NOW, nearly_always)
        assert state.due_at is not None
        waits.append(state.due_at - NOW)
    assert waits[0] < waits[1] < waits[2]
    assert max(waits) <= PACE.every + LONGEST_BACK_OFF
    lucky = after_failure(state, Unreachable("x"), PACE, NOW, never)
    assert lucky.due_at == NOW + PACE.every


@pytest.mark.parametrize("chance", [never, nearly_always])
def test_never_sooner_than_the_server_asked(chance: Callable[[], float]) -> None:
    failure = RateLimited("429", not_before=NOW + 3 * HOUR)
    state = after_failure(a_state(), failure, PACE, NOW, chance)
    assert state.due_at is not None
    assert state.due_at >= NOW + 3 * HOUR


def test_what_is_gone_is_never_read_again() -> None:
    state = after_failure(a_state(), Gone("410"), PACE, NOW, never)
    assert (state.due_at, state.health, state.reason) == (None, "gone", "gone: 410")


def test_a_failure_keeps_the_cursor_and_says_since_when() -> None:
    first = after_failure(a_state(cursor="c"), Unreachable("502"), PACE, NOW, never)
    again = after_failure(first, Unreachable("503"), PACE, NOW + HOUR, never)
    other = after_failure(again, RateLimited("429"), PACE, NOW + 2 * HOUR, never)
    assert [s.since for s in (first, again, other)] == [NOW, NOW, NOW + 2 * HOUR]
    assert (other.cursor, other.failures) == ("c", 3)
    assert (again.reason, other.reason) == ("unreachable: 503", "rate limited: 429")


@pytest.mark.parametrize(
    ("stored", "quiet_after", "age", "shown"),
    [
        ("unchanged", None, 100 * HOUR, "unchanged"),
        ("unchanged", 24 * HOUR, 23 * HOUR, "unchanged"),
        ("unchanged", 24 * HOUR, 25 * HOUR, "silent"),
        ("empty", 24 * HOUR, 25 * HOUR, "silent"),
        ("failing", 24 * HOUR, 25 * HOUR, "failing"),
    ],
)
def test_silence_is_told_apart_from_calm(
    stored: Health, quiet_after: timedelta | None, age: timedelta, shown: Health
) -> None:
    state = a_state(health=stored, last_entry=NOW - age)
    assert present_health(state, Pace(MINUTE, quiet_after), NOW)[0] == shown


@pytest.mark.parametrize(
    ("before", "after", "goes_on"),
    [
        ("ok", "unchanged", True),
        ("unchanged", "ok", True),
        ("new", "ok", False),
        ("ok", "empty", False),
    ],
)
def test_posts_that_come_and_go_are_one_state(before: Health, after: Health, goes_on: bool) -> None:
    page = Page(posts=(), cursor="c", health=after)
    state = after_page(a_state(health=before), page, PACE, NOW + HOUR, never)
    assert (state.since == NOW) is goes_on


def test_the_most_overdue_come_first_and_never_two_of_one_host() -> None:
    waiting = [
        Waiting("a", NOW - MINUTE, "feed x"),
        Waiting("b", NOW - 2 * MINUTE, "feed x"),
        Waiting("c", NOW - 3 * MINUTE, "feed x"),
        Waiting("d", NOW + MINUTE, "feed x"),
        Waiting("f", NOW, "feed x"),
        Waiting("left the configuration", NOW - HOUR, "feed x"),
    ]
    hosts = {"a": "one", "b": "one", "c": "two", "d": "three", "f": "five"}
    assert due(waiting, hosts, [], 10, NOW) == ["c", "b", "f"]
    assert due(waiting, hosts, ["one"], 10, NOW) == ["c", "f"]
    assert due(waiting, hosts, [], 1, NOW) == ["c"]
    assert due(waiting, hosts, [], 0, NOW) == []
