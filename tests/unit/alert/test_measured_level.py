"""A level that is measured over many mentions: it rises, pages from 2 on, and falls."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec.structs import replace as altered

from libs.common.events import LevelChanged, Rated
from services.alert.incident import (
    Decision,
    Incident,
    Refusal,
    apply,
    fold,
    on_signals,
    rate,
    set_level,
)
from services.alert.notify import Notice, Silence, judge
from services.alert.signal import BEFORE, LEVEL, Signal
from tests.unit.alert.builders import NIGHT, a_mention

LATER = NIGHT + timedelta(hours=1)


def a_signal(rule: str, level: int, number: int = 1, *, before: int = 0) -> Signal:
    return Signal(
        rule=rule,
        level=level,
        theme="product-safety",
        playbook="product-safety",
        title="Motorrad AG: Produkt gefährdet Menschen",
        why="",
        mention=a_mention(str(number)),
        numbers={BEFORE: float(before)} if rule == LEVEL else {"surprise": 3.0, "severity": 0.8},
    )


def decided(incident: Incident, decision: Decision) -> Incident:
    assert not isinstance(decision, Refusal)
    for event in decision:
        incident = apply(incident, event)
    return incident


def after(*signals: Signal, incident: Incident | None = None) -> Incident | None:
    return on_signals(incident, signals, (), NIGHT).incident


def levels(*signals: Signal) -> list[int | None]:
    """The incident's level after each of these."""
    incident: Incident | None = None
    found = []
    for signal in signals:
        incident = after(signal, incident=incident)
        found.append(incident.level if incident else None)
    return found


def test_a_measured_level_opens_an_incident_from_2_on() -> None:
    assert levels(a_signal(LEVEL, 1), a_signal(LEVEL, 2, 2)) == [None, 2]


def test_a_level_on_its_way_down_opens_nothing() -> None:
    assert after(a_signal(LEVEL, 3, before=4)) is None


def test_a_measured_level_rises_and_falls() -> None:
    told = (2, 4, 3, 1)
    steps = zip((0, *told), told, strict=False)
    rungs = [a_signal(LEVEL, new, n, before=old) for n, (old, new) in enumerate(steps)]
    assert levels(*rungs) == [2, 4, 3, 1]


def test_what_a_rule_said_is_the_floor_until_more_was_measured() -> None:
    rungs = [
        a_signal("danger", 3),
        a_signal(LEVEL, 2, 2),
        a_signal(LEVEL, 5, 3, before=2),
        a_signal(LEVEL, 1, 4, before=5),
    ]
    assert levels(*rungs) == [3, 3, 5, 1]


def test_a_level_that_falls_raises_nothing_where_a_person_set_it_lower() -> None:
    storm = after(a_signal(LEVEL, 5))
    assert storm is not None
    calmed = decided(storm, set_level(storm, 1, "halb so wild", "anna", LATER))
    falling = on_signals(calmed, [a_signal(LEVEL, 4, 2, before=5)], (), LATER)
    assert falling.events == ()
    rising = on_signals(calmed, [a_signal(LEVEL, 6, 3, before=5)], (), LATER)
    assert rising.incident is not None
    assert rising.incident.level == 6


def test_a_level_that_holds_opens_another_incident_after_the_end() -> None:
    assert after(a_signal(LEVEL, 3, before=3)) is not None
    going_on = after(a_signal(LEVEL, 3))
    assert on_signals(going_on, [a_signal(LEVEL, 3, 2, before=3)], (), LATER).events == ()


def test_a_rise_after_a_day_of_calm_wakes_people_also_below_what_it_once_was() -> None:
    grave = after(a_signal("danger", 3))
    rise = a_signal(LEVEL, 3, 2, before=1)
    soon = on_signals(grave, [rise], (), LATER)
    assert soon.events == ()
    late = on_signals(grave, [rise], (), NIGHT + timedelta(days=2))
    (verdict,) = judge(grave, late.events, ())
    assert isinstance(verdict, Notice)
    assert verdict.cause == "worsened"


def test_a_danger_that_is_severe_wakes_people_whose_incident_is_open() -> None:
    grave = after(a_signal("danger", 3))
    numbers = {"severity": 0.97, "needed": 0.7}
    worse = on_signals(grave, [replace(a_signal("danger", 3, 2), numbers=numbers)], (), LATER)
    (verdict,) = judge(grave, worse.events, ())
    assert isinstance(verdict, Notice)
    alike = on_signals(grave, [a_signal("danger", 3, 3)], (), LATER)
    assert judge(grave, alike.events, ()) == [Silence(2, "joined_at_the_same_level")]


@pytest.mark.parametrize(("rule", "level", "wakes"), [
    ("tone", 1, False), ("campaign", 1, False), (LEVEL, 2, True), ("danger", 3, True),
    ("hint", 1, True), ("my-own-rule", 1, True),
])  # fmt: skip
def test_a_quiet_incident_wakes_nobody(rule: str, level: int, wakes: bool) -> None:
    reaction = on_signals(None, [a_signal(rule, level)], (), NIGHT)
    (verdict,) = judge(None, reaction.events, ())
    assert isinstance(verdict, Notice) is wakes
    if not wakes:
        assert verdict == Silence(1, "below_what_pages")


def test_a_quiet_incident_that_becomes_a_storm_wakes_people() -> None:
    quiet = after(a_signal("tone", 1))
    reaction = on_signals(quiet, [a_signal(LEVEL, 2, 2)], (), LATER)
    (verdict,) = judge(quiet, reaction.events, ())
    assert isinstance(verdict, Notice)
    assert verdict.cause == "worsened"


def test_two_stories_may_change_their_levels_at_one_mention() -> None:
    one = a_signal(LEVEL, 2)
    assert one.key != replace(one, theme="outage").key


def test_among_equal_levels_surprise_and_harm_come_first() -> None:
    plain = after(a_signal(LEVEL, 3))
    grave = after(a_signal("danger", 3))
    assert plain is not None
    assert grave is not None
    assert 3.0 <= plain.rank < grave.rank < 4.0
    assert altered(grave, level=4).rank > grave.rank


def test_a_word_on_what_it_was_worth_is_taken_also_after_the_end() -> None:
    incident = after(a_signal("danger", 3))
    assert incident is not None
    said = rate(incident, True, "Werbung", "anna", LATER)
    assert said == (Rated(incident=incident.id, at=LATER, by="anna", noise=True, why="Werbung"),)
    assert decided(incident, said).noise is True


def test_the_evidence_of_the_level_is_what_the_last_change_says() -> None:
    reaction = on_signals(None, [a_signal(LEVEL, 2), a_signal(LEVEL, 3, 2)], (), NIGHT)
    assert isinstance(reaction.events[-1], LevelChanged)
    assert fold(reaction.events) == reaction.incident
