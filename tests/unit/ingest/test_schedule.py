from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.ingest.collector import Gone, Health, Page, RateLimited, Unreachable
from services.ingest.schedule import (
    LONGEST_BACK_OFF,
    Pace,
    SourceState,
    Waiting,
    after_failure,
    after_page,
    configured,
    due,
    present_health,
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
        Waiting("a", NOW - MINUTE),
        Waiting("b", NOW - 2 * MINUTE),
        Waiting("c", NOW - 3 * MINUTE),
        Waiting("d", NOW + MINUTE),
        Waiting("f", NOW),
        Waiting("left the configuration", NOW - HOUR),
    ]
    hosts = {"a": "one", "b": "one", "c": "two", "d": "three", "f": "five"}
    assert due(waiting, hosts, [], 10, NOW) == ["c", "b", "f"]
    assert due(waiting, hosts, ["one"], 10, NOW) == ["c", "f"]
    assert due(waiting, hosts, [], 1, NOW) == ["c"]
    assert due(waiting, hosts, [], 0, NOW) == []
