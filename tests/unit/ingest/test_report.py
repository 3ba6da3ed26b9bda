"""Who is ill for long is told once; who recovers for long is told once; flapping tells nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from libs.common.events import SourceHealthChanged
from services.ingest.failure import Health
from services.ingest.health.report import Presented, Reported, due_reports, presented
from services.ingest.health.silence import Silence
from services.ingest.schedule.decide import configured
from tests.unit.ingest.building import NOW, a_feed_config

MINUTE = timedelta(minutes=1)
GRACE = 10 * MINUTE


def a_source(health: Health = "ok", lasting: timedelta = timedelta(), **fields: Any) -> Presented:
    defaults: dict[str, Any] = {
        "source": "presse",
        "kind": "feed",
        "health": health,
        "reason": None if health == "ok" else f"{health}: why",
        "since": NOW - lasting,
        "last_success": NOW - lasting,
        "failures": 0,
    }
    return Presented(**{**defaults, **fields})


def due(state: Presented, told: str | None = None) -> list[SourceHealthChanged]:
    reported = {"presse": Reported(told, NOW - timedelta(hours=1))} if told else {}
    return due_reports([state], reported, NOW, GRACE)


@pytest.mark.parametrize("health", ["auth_failed", "over_budget", "gone"])
def test_what_does_not_go_away_by_itself_is_told_at_once(health: Health) -> None:
    assert due(a_source(health)) == [
        SourceHealthChanged(
            source="presse",
            kind="feed",
            at=NOW,
            health=health,
            reason=f"{health}: why",
            well=False,
            since=NOW,
        )
    ]


@pytest.mark.parametrize("health", ["failing", "blocked", "rate_limited", "silent"])
def test_what_may_go_away_is_told_when_it_stays(health: Health) -> None:
    assert due(a_source(health, 9 * MINUTE)) == []
    assert [event.health for event in due(a_source(health, GRACE))] == [health]


@pytest.mark.parametrize("health", ["new", "ok", "unchanged", "empty"])
def test_a_source_that_was_never_told_ill_is_not_told_well(health: Health) -> None:
    assert due(a_source(health, timedelta(days=1))) == []


def test_failing_in_ever_other_ways_is_told_too() -> None:
    restless = a_source("blocked", failures=3, last_success=NOW - GRACE)
    assert [event.health for event in due(restless)] == ["blocked"]
    assert due(restless._replace(failures=2)) == []
    assert due(restless._replace(last_success=NOW - 9 * MINUTE)) == []
    assert len(due(restless._replace(last_success=None))) == 1


def test_what_was_told_is_not_told_again() -> None:
    assert due(a_source("auth_failed", timedelta(days=3)), told="auth_failed") == []


def test_another_illness_is_told_when_it_stays() -> None:
    assert due(a_source("auth_failed", MINUTE), told="failing") == []
    assert [e.health for e in due(a_source("auth_failed", GRACE), told="failing")] == [
        "auth_failed"
    ]


def test_recovery_is_told_when_it_lasts() -> None:
    assert due(a_source("ok", 9 * MINUTE), told="failing") == []
    (event,) = due(a_source("ok", GRACE), told="failing")
    assert (event.well, event.health, event.since) == (True, "ok", NOW - GRACE)


def test_a_source_that_comes_and_goes_is_told_once() -> None:
    told: dict[str, Reported] = {}
    events: list[SourceHealthChanged] = []
    for minute in range(240):
        now = NOW + minute * MINUTE
        is_ill = minute % 8 < 5  # never well for the whole of the grace period
        since = now - (minute % 8 if is_ill else minute % 8 - 5) * MINUTE
        state = a_source("auth_failed" if is_ill else "ok", since=since)
        for event in due_reports([state], told, now, GRACE):
            events.append(event)
            told["presse"] = Reported(event.health, event.since)
    assert [event.health for event in events] == ["auth_failed"]


def test_a_source_that_left_the_configuration_is_told_well() -> None:
    (event,) = due_reports([], {"alt": Reported("gone", NOW)}, NOW, GRACE)
    assert (event.source, event.well, event.reason) == (
        "alt",
        True,
        "it is not configured any more",
    )


def test_without_grace_everything_is_told_at_once() -> None:
    events = due_reports([a_source("failing")], {}, NOW, timedelta())
    assert [event.health for event in events] == ["failing"]


def shown(silence: Silence | None, now: datetime = NOW, **state: Any) -> Presented:
    known = replace(configured("presse", "feed x", NOW), **state)
    return presented(a_feed_config(), known, silence, now)


SILENT = Silence("0 posts in 6 h; usually 12 to 31 on a Tuesday morning", NOW - 6 * MINUTE)


def test_a_readable_source_can_be_silent() -> None:
    how = shown(SILENT, health="unchanged")
    assert (how.health, how.reason, how.since) == ("silent", SILENT.reason, SILENT.since)


def test_a_source_that_cannot_be_read_says_why_instead() -> None:
    how = shown(SILENT, health="blocked", reason="blocked: a challenge page")
    assert (how.health, how.reason) == ("blocked", "blocked: a challenge page")


def test_without_silence_it_is_as_stored() -> None:
    how = shown(None, health="ok", failures=0, last_success=NOW)
    assert how == Presented("presse", "feed", "ok", None, NOW, NOW, 0)
