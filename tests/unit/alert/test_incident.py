"""The incident's state machine: what may follow what, and that nothing else decides."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.events import (
    Acknowledged,
    IncidentEvent,
    IncidentOpened,
    LevelChanged,
    Noted,
    Resolved,
    SignalJoined,
)
from services.alert.incident import (
    Decision,
    Incident,
    InvalidSequence,
    Refusal,
    acknowledge,
    apply,
    assign,
    do_step,
    fold,
    note,
    on_signal,
    on_signals,
    resolve,
    set_level,
)
from services.alert.signal import SignalKey
from tests.unit.alert.builders import NIGHT, a_signal

CHECKLIST = ("people-first", "call-safety", "inform")
LATER = NIGHT + timedelta(minutes=5)


def an_incident(*decisions: Decision) -> Incident:
    """An opened incident after these decisions, each made of events."""
    incident = fold(on_signal(None, a_signal(), (), NIGHT))
    for decision in decisions:
        incident = after(incident, decision)
    return incident


def after(incident: Incident, decision: Decision) -> Incident:
    assert not isinstance(decision, Refusal)
    for event in decision:
        incident = apply(incident, event)
    return incident


def taken(by: str = "anna") -> Incident:
    incident = an_incident()
    return after(incident, acknowledge(incident, by, LATER))


def over(by: str = "anna") -> Incident:
    incident = taken()
    return after(incident, resolve(incident, "Rückruf läuft", by, LATER))


def test_the_first_signal_opens_an_incident() -> None:
    signal = a_signal()
    assert on_signal(None, signal, (), NIGHT) == (
        IncidentOpened(
            incident=signal.incident,
            at=NIGHT,
            watch="motorrad-ag",
            theme="product-safety",
            title="Motorrad AG: Produkt gefährdet Menschen",
            level=3,
            playbook="product-safety",
            rule="danger",
            mention=signal.mention.id,
            why="rule danger: severity>=0.7",
        ),
    )


def test_the_same_signal_opens_the_same_incident_wherever_it_is_decided() -> None:
    assert a_signal().incident == a_signal().incident
    assert a_signal("1").incident != a_signal("2").incident


def test_a_signal_of_the_same_level_joins_and_changes_nothing_else() -> None:
    incident = an_incident()
    signal = a_signal("2")
    assert on_signal(incident, signal, (), LATER) == (
        SignalJoined(
            incident=incident.id,
            at=LATER,
            rule="danger",
            mention=signal.mention.id,
            why="rule danger: severity>=0.7",
        ),
    )


def test_a_graver_signal_raises_the_level_also_of_what_somebody_has_taken() -> None:
    incident = taken()
    worse = after(incident, on_signal(incident, a_signal("2", rule="storm", level=5), (), LATER))
    assert (worse.level, worse.state, worse.raised_by) == (5, "acknowledged", ("danger", "storm"))


def test_a_milder_signal_never_lowers_the_level() -> None:
    incident = an_incident()
    milder = after(incident, on_signal(incident, a_signal("2", level=1), (), LATER))
    assert milder.level == 3


def test_a_signal_that_was_counted_changes_nothing() -> None:
    signal = a_signal()
    assert on_signal(None, signal, {signal.key}, NIGHT) == ()
    assert on_signals(None, [signal, signal, signal], (), NIGHT).counted == (signal,)


def test_after_the_end_a_signal_opens_a_new_incident() -> None:
    signal = a_signal("2")
    (opened,) = on_signal(over(), signal, (), LATER)
    assert isinstance(opened, IncidentOpened)
    assert opened.incident == signal.incident


def test_taking_it_twice_is_harmless() -> None:
    assert acknowledge(taken("anna"), "anna", LATER) == ()


def test_what_somebody_has_taken_cannot_be_taken_by_another() -> None:
    assert acknowledge(taken("anna"), "bela", LATER) == Refusal(
        "already_acknowledged", "anna has taken it; assign it to hand it over."
    )


def test_whom_it_was_assigned_to_can_take_it_over() -> None:
    incident = taken("anna")
    handed = after(incident, assign(incident, "bela", "anna", LATER))
    assert handed.acknowledged_by == "anna"
    assert after(handed, acknowledge(handed, "bela", LATER)).acknowledged_by == "bela"


def test_a_step_is_ticked_once_by_the_first_person() -> None:
    incident = an_incident()
    done = after(incident, do_step(incident, "inform", CHECKLIST, "anna", LATER))
    assert [(d.step, d.by, d.at) for d in done.steps] == [("inform", "anna", LATER)]
    assert do_step(done, "inform", CHECKLIST, "bela", LATER) == ()


def test_a_step_that_is_not_on_the_list_is_refused_with_the_list() -> None:
    assert do_step(an_incident(), "dance", CHECKLIST, "anna", LATER) == Refusal(
        "unknown_step", "The steps are: people-first, call-safety, inform."
    )


def test_a_person_may_set_the_level_up_and_down_within_the_scale() -> None:
    incident = an_incident()
    assert set_level(incident, 1, "Fehlalarm", "anna", LATER) == (
        LevelChanged(incident=incident.id, at=LATER, level=1, why="Fehlalarm", by="anna"),
    )
    assert set_level(incident, 3, "", "anna", LATER) == ()
    assert set_level(incident, 7, "", "anna", LATER) == Refusal(
        "level_out_of_range", "The level goes from 0 to 6."
    )


def test_who_ends_what_nobody_has_taken_has_taken_it() -> None:
    incident = an_incident()
    assert resolve(incident, "geklärt", "anna", LATER) == (
        Acknowledged(incident=incident.id, at=LATER, by="anna"),
        Resolved(incident=incident.id, at=LATER, by="anna", why="geklärt"),
    )


def test_after_the_end_only_notes_are_taken() -> None:
    incident = over("anna")
    refused = Refusal("already_resolved", "anna has resolved it.")
    assert acknowledge(incident, "bela", LATER) == refused
    assert assign(incident, "bela", "anna", LATER) == refused
    assert do_step(incident, "inform", CHECKLIST, "bela", LATER) == refused
    assert set_level(incident, 5, "", "bela", LATER) == refused
    assert resolve(incident, "", "bela", LATER) == refused
    assert resolve(incident, "", "anna", LATER) == ()
    assert note(incident, "Nachlese", "bela", LATER) == (
        Noted(incident=incident.id, at=LATER, by="bela", text="Nachlese"),
    )


def test_events_that_cannot_follow_one_another_are_refused() -> None:
    opened = on_signal(None, a_signal(), (), NIGHT)
    incident = fold(opened)
    resolved = Resolved(incident=incident.id, at=NIGHT, by="anna", why="")
    stranger = Noted(incident="another", at=NIGHT, by="anna", text="hm")
    with pytest.raises(InvalidSequence, match="opened twice"):
        fold([*opened, *opened])
    with pytest.raises(InvalidSequence, match="resolved by nobody"):
        apply(incident, resolved)
    with pytest.raises(InvalidSequence, match="another incident"):
        apply(incident, stranger)
    with pytest.raises(InvalidSequence, match="without events"):
        fold([])


PEOPLE = st.sampled_from(["anna", "bela", "cem"])
ACTIONS = st.one_of(
    st.tuples(st.just("signal"), st.integers(1, 5), st.integers(1, 6)),
    st.tuples(st.just("ack"), PEOPLE),
    st.tuples(st.just("assign"), PEOPLE, PEOPLE),
    st.tuples(st.just("note"), PEOPLE),
    st.tuples(st.just("step"), st.sampled_from([*CHECKLIST, "dance"]), PEOPLE),
    st.tuples(st.just("level"), st.integers(-1, 8), PEOPLE),
    st.tuples(st.just("resolve"), PEOPLE),
)


def decided(incident: Incident, action: tuple[object, ...], known: set[SignalKey]) -> Decision:
    now = incident.updated_at + timedelta(minutes=1)
    match action:
        case ("signal", int(number), int(level)):
            if incident.state == "resolved":
                return ()
            signal = a_signal(str(number), level=level)
            events = on_signal(incident, signal, known, now)
            known.add(signal.key)
            return events
        case ("ack", str(by)):
            return acknowledge(incident, by, now)
        case ("assign", str(to), str(by)):
            return assign(incident, to, by, now)
        case ("note", str(by)):
            return note(incident, "gesehen", by, now)
        case ("step", str(step), str(by)):
            return do_step(incident, step, CHECKLIST, by, now)
        case ("level", int(level), str(by)):
            return set_level(incident, level, "", by, now)
        case ("resolve", str(by)):
            return resolve(incident, "", by, now)
    raise AssertionError(action)


@given(st.lists(ACTIONS, max_size=30))
def test_whatever_is_commanded_the_events_are_valid_and_add_up_to_the_state(
    actions: list[tuple[object, ...]],
) -> None:
    opening = a_signal("0")
    events: list[IncidentEvent] = list(on_signal(None, opening, (), NIGHT))
    incident = fold(events)
    known: set[SignalKey] = {opening.key}
    for action in actions:
        decision = decided(incident, action, known)
        if not isinstance(decision, Refusal):
            for event in decision:
                incident = apply(incident, event)
            events += decision
    assert fold(events) == incident
    assert incident.seq == len(events)
    assert 0 <= incident.level <= 6
    assert (incident.state == "resolved") == (incident.resolved_by is not None)
    assert (incident.state == "open") == (incident.acknowledged_by is None)
    assert incident.signals == 1 + sum(isinstance(e, SignalJoined) for e in events)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6)), min_size=1, max_size=12))
def test_signals_seen_again_change_nothing_however_they_are_batched(
    given_signals: list[tuple[int, int]],
) -> None:
    signals = [a_signal(str(number), level=level) for number, level in given_signals]
    once = on_signals(None, signals, (), NIGHT)
    twice = on_signals(None, [*signals, *signals], (), NIGHT)
    assert twice == once
    one_by_one: list[IncidentEvent] = []
    incident: Incident | None = None
    known: set[SignalKey] = set()
    for signal in signals:
        for event in on_signal(incident, signal, known, NIGHT):
            incident = apply(incident, event)
            one_by_one.append(event)
        known.add(signal.key)
    assert tuple(one_by_one) == once.events


def test_time_is_what_was_passed_in() -> None:
    at = datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    assert fold(on_signal(None, a_signal(), (), at)).opened_at == at
