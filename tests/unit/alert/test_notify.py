"""Whether anybody is told, who, and why."""

from __future__ import annotations

from datetime import timedelta

from libs.common.events import IncidentEvent, Paged
from services.alert.incident import (
    Incident,
    Refusal,
    acknowledge,
    apply,
    fold,
    note,
    on_signal,
    on_signals,
    resolve,
    set_level,
)
from services.alert.notify import Directory, Notice, Silence, judge
from services.alert.settings import AlertSettings
from tests.unit.alert.builders import NIGHT, a_mention, a_signal

LATER = NIGHT + timedelta(minutes=5)
SETTINGS = AlertSettings.model_validate(
    {
        "people": [
            {"id": "anna", "name": "Anna", "contacts": ["mailto:anna@example.org"]},
            {
                "id": "bela",
                "name": "Bela",
                "language": "en",
                "contacts": ["mailto:bela@example.org", "mailto:bela@private.example"],
            },
        ],
        "channels": [
            {"id": "room", "kind": "log"},
            {
                "id": "mail",
                "kind": "email",
                "smtp": "smtp://localhost",
                "from": "a@example.org",
                "to": ["crisis@example.org"],
            },
        ],
        "rules": [
            {"id": "danger", "when": "severity>=0.7", "level": 3, "notify": ["person:anna"]},
            {"id": "storm", "when": "severity>=0.9", "level": 5, "notify": ["channel:room"]},
            {"id": "all", "when": "severity>=0.5", "level": 2},
        ],
    }
)


def an_incident() -> Incident:
    return fold(on_signal(None, a_signal(), (), NIGHT))


def events_of(decision: tuple[IncidentEvent, ...] | Refusal) -> tuple[IncidentEvent, ...]:
    assert not isinstance(decision, Refusal)
    return decision


def told(directory: Directory, incident: Incident, notice: Notice) -> list[tuple[str, str]]:
    return [(to.to, to.address) for to in directory.recipients(incident, notice)]


def test_the_beginning_is_told() -> None:
    signal = a_signal()
    events = on_signal(None, signal, (), NIGHT)
    assert judge(None, events, ()) == [Notice("opened", 1, signal.why, signal.mention.id)]


def test_what_joins_at_the_same_level_is_not_told() -> None:
    incident = an_incident()
    events = on_signal(incident, a_signal("2"), (), LATER)
    assert judge(incident, events, ()) == [Silence(2, "joined_at_the_same_level")]


def test_worsening_is_told_also_to_those_who_have_it_in_hand() -> None:
    incident = an_incident()
    for event in events_of(acknowledge(incident, "anna", LATER)):
        incident = apply(incident, event)
    signal = a_signal("2", rule="storm", level=5)
    assert judge(incident, on_signal(incident, signal, (), LATER), ()) == [
        Silence(3, "joined_at_the_same_level"),
        Notice("worsened", 4, signal.why, signal.mention.id),
    ]


def test_what_begins_and_worsens_in_one_batch_is_told_once() -> None:
    signals = [a_signal("1"), a_signal("2", level=4), a_signal("3", level=6)]
    verdicts = judge(None, on_signals(None, signals, (), NIGHT).events, ())
    assert [v for v in verdicts if isinstance(v, Notice)] == [
        Notice("opened", 1, signals[0].why, signals[0].mention.id)
    ]
    assert [v.name for v in verdicts if isinstance(v, Silence)] == [
        "joined_at_the_same_level",
        "said_by_another_page",
        "joined_at_the_same_level",
        "said_by_another_page",
    ]


def test_every_hint_is_told_whatever_else_happens() -> None:
    incident = an_incident()
    hints = [a_signal(str(n), level=1, mention=a_mention(str(n), kind="hint")) for n in (7, 8)]
    worse = a_signal("9", level=5)
    reaction = on_signals(incident, [*hints, worse], (), LATER)
    verdicts = judge(incident, reaction.events, {hint.mention.id for hint in hints})
    assert [(v.cause, v.mention) for v in verdicts if isinstance(v, Notice)] == [
        ("hint", hints[0].mention.id),
        ("hint", hints[1].mention.id),
        ("worsened", worse.mention.id),
    ]


def test_a_person_who_raises_the_level_tells_the_others_and_lowering_tells_nobody() -> None:
    incident = an_incident()
    raised = events_of(set_level(incident, 5, "Presse ruft an", "anna", LATER))
    assert judge(incident, raised, ()) == [
        Notice("worsened", 2, "Presse ruft an", incident.mention, "anna")
    ]
    lowered = events_of(set_level(incident, 1, "Fehlalarm", "anna", LATER))
    assert judge(incident, lowered, ()) == [Silence(2, "level_not_raised")]


def test_ending_what_nobody_had_taken_is_told_once() -> None:
    incident = an_incident()
    events = events_of(resolve(incident, "geklärt", "anna", LATER))
    assert judge(incident, events, ()) == [
        Silence(2, "said_by_another_page"),
        Notice("resolved", 3, "anna has resolved it", by="anna"),
    ]


def test_a_note_concerns_no_one_else() -> None:
    incident = an_incident()
    events = events_of(note(incident, "hm", "anna", LATER))
    assert judge(incident, events, ()) == [Silence(2, "concerns_no_one_else")]


def test_a_rule_names_who_is_told_and_the_log_always_is() -> None:
    notice = Notice("opened", 1, "why")
    assert told(Directory(SETTINGS), an_incident(), notice) == [
        ("person:anna", "anna@example.org"),
        ("channel:log", ""),
    ]


def test_a_rule_that_names_nobody_tells_everybody() -> None:
    incident = fold(on_signal(None, a_signal(rule="all"), (), NIGHT))
    assert told(Directory(SETTINGS), incident, Notice("opened", 1, "why")) == [
        ("person:anna", "anna@example.org"),
        ("person:bela", "bela@example.org"),
        ("person:bela", "bela@private.example"),
        ("channel:room", ""),
        ("channel:mail", "crisis@example.org"),
        ("channel:log", ""),
    ]


def test_when_it_gets_worse_those_of_both_rules_are_told() -> None:
    incident = an_incident()
    for event in on_signal(incident, a_signal("2", rule="storm", level=5), (), LATER):
        incident = apply(incident, event)
    assert told(Directory(SETTINGS), incident, Notice("worsened", 3, "why")) == [
        ("person:anna", "anna@example.org"),
        ("channel:room", ""),
        ("channel:log", ""),
    ]


def test_that_somebody_has_taken_it_is_told_to_those_told_before_but_not_to_themselves() -> None:
    incident = an_incident()
    for to in ("person:anna", "person:bela", "channel:log"):
        incident = apply(
            incident,
            Paged(incident=incident.id, at=NIGHT, channel="x", page="p", why="w", to=to),
        )
    notice = Notice("acknowledged", 5, "bela has taken it", by="bela")
    assert told(Directory(SETTINGS), incident, notice) == [
        ("person:anna", "anna@example.org"),
        ("channel:log", ""),
    ]


def test_everybody_is_told_in_their_own_language() -> None:
    incident = fold(on_signal(None, a_signal(rule="all"), (), NIGHT))
    found = Directory(SETTINGS).recipients(incident, Notice("opened", 1, "why"))
    assert [to.language for to in found] == ["de", "en", "en", "de", "de", "de"]
