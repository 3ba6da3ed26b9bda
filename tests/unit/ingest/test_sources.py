"""What the API says about sources: nothing that was not observed is shown as zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from services.ingest.api.sources import Seen, SourceView, views
from services.ingest.health.coverage import Interval
from services.ingest.health.silence import Silence
from services.ingest.schedule.decide import configured
from tests.unit.ingest.building import NOW, a_feed_config

HOUR = timedelta(hours=1)


def a_view(seen: Seen | None = None, silence: Silence | None = None, **state: Any) -> SourceView:
    known = replace(configured("presse", "feed x", NOW), **state)
    silences = {"presse": silence} if silence else {}
    (view,) = views([a_feed_config()], [known], NOW, silences, seen)
    return view


def test_what_was_never_observed_is_not_zero() -> None:
    view = a_view()
    assert (view.coverage.day, view.coverage.week, view.coverage.gaps) == (None, None, ())
    assert (view.seen_a_day, view.usual_a_day) == (None, None)
    (unknown,) = views([a_feed_config()], [], NOW)
    assert (unknown.health, unknown.next_due, unknown.seen_a_day) == ("new", NOW, None)


def test_an_observed_source_without_posts_had_none() -> None:
    seen = Seen(intervals={"presse": [Interval(NOW - 48 * HOUR, NOW)]}, usual={"presse": 12.34})
    view = a_view(seen, health="unchanged", last_success=NOW)
    assert (view.coverage.day, view.coverage.week) == (1.0, 1.0)
    assert (view.seen_a_day, view.usual_a_day) == (0, 12.3)


def test_gaps_are_shown_as_gaps() -> None:
    observed = [Interval(NOW - 48 * HOUR, NOW - 30 * HOUR), Interval(NOW - 12 * HOUR, NOW)]
    view = a_view(Seen(intervals={"presse": observed}, posts={"presse": 7}))
    assert (view.coverage.day, view.coverage.week) == (0.5, round(30 / 48, 4))
    shown = msgspec.json.decode(msgspec.json.encode(view))
    assert shown["coverage"]["gaps"] == [
        {"from": "2026-09-17T04:30:00Z", "to": "2026-09-17T22:30:00Z"}
    ]
    assert view.seen_a_day == 7


def test_a_source_that_fails_has_an_open_gap() -> None:
    view = a_view(
        Seen(intervals={"presse": [Interval(NOW - 24 * HOUR, NOW - HOUR)]}), health="failing"
    )
    assert view.coverage.gaps[-1].end == NOW
    fine = a_view(Seen(intervals={"presse": [Interval(NOW - 24 * HOUR, NOW - HOUR / 10)]}))
    assert fine.coverage.gaps == ()


def test_silence_has_its_reason() -> None:
    silence = Silence("0 posts in 6 h; usually 12 to 31 on a Tuesday morning", NOW - 6 * HOUR)
    view = a_view(silence=silence, health="unchanged", last_success=NOW)
    assert (view.health, view.reason, view.since) == ("silent", silence.reason, silence.since)
