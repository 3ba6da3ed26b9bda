"""From a classified mention to a signal."""

from __future__ import annotations

from typing import Any

import pytest

from services.alert.playbook import load_playbooks
from services.alert.rules import HINT_WHY, Rules
from services.alert.settings import Rule
from services.alert.signal import Signal
from tests.unit.alert.builders import a_mention, cues_in, reclassified


def rules(*configured: dict[str, Any]) -> Rules:
    chosen = [Rule.model_validate(rule) for rule in configured]
    return Rules(chosen, load_playbooks(), {"motorrad-ag": "Motorrad AG"}, "de")


def danger() -> Rules:
    return rules({"id": "danger", "when": "label:crisis_candidate severity>=0.7", "level": 3})


def test_a_mention_that_matches_raises_a_signal() -> None:
    mention = a_mention(severity=0.7)
    assert danger().signal(mention) == Signal(
        rule="danger",
        level=3,
        theme="product-safety",
        playbook="product-safety",
        title="Motorrad AG: Produkt gefährdet Menschen",
        why="rule danger: label:crisis_candidate severity>=0.7",
        mention=mention,
    )


@pytest.mark.parametrize(
    "mention",
    [
        a_mention(severity=0.69),
        a_mention(label="complaint", severity=0.9),
        a_mention(label="other", severity=0.0),
        a_mention(backfill=True),
        a_mention(kind="hint", backfill=True),
        reclassified(a_mention(severity=0.95)),
        reclassified(a_mention(kind="hint")),
    ],
    ids=[
        *("too mild", "a complaint", "other", "from the past", "a hint from the past"),
        *("judged anew", "a hint judged anew"),
    ],
)
def test_what_raises_no_signal(mention: Any) -> None:
    assert danger().signal(mention) is None


@pytest.mark.parametrize(
    ("text", "cue", "playbook"),
    [
        ("Unsere Passwörter stehen im Netz", "data_leak", "data-leak"),
        ("Seit Stunden geht nichts", "outage", "outage"),
        ("Der Chef hat mich beleidigt", "staff_misconduct", "misconduct"),
        ("Kauft da nicht mehr", "boycott_call", "service-failure"),
        ("Die Zeitung fragt an", "press_enquiry", "general"),
    ],
)
def test_the_playbook_follows_from_what_the_text_speaks_of(
    text: str, cue: str, playbook: str
) -> None:
    signal = danger().signal(a_mention(text=text, reasons=cues_in(text, **{text: cue})))
    assert signal is not None
    assert (signal.playbook, signal.theme) == (playbook, playbook)


def test_a_rule_may_name_playbook_theme_and_reason() -> None:
    signal = rules(
        {
            "id": "loud",
            "when": "reach>=1000",
            "level": 2,
            "playbook": "service-failure",
            "theme": "influencers",
            "why": "jemand mit Reichweite",
        }
    ).signal(a_mention(followers=5000))
    assert signal is not None
    assert (signal.level, signal.playbook, signal.theme, signal.why) == (
        2,
        "service-failure",
        "influencers",
        "rule loud: jemand mit Reichweite",
    )


def test_a_mention_that_matches_several_rules_is_one_signal_of_the_strongest() -> None:
    several = rules(
        {"id": "mild", "when": "severity>=0.5", "level": 1},
        {"id": "grave", "when": "severity>=0.7", "level": 4},
        {"id": "also-grave", "when": "bremse", "level": 4},
    )
    signal = several.signal(a_mention())
    assert signal is not None
    assert signal.rule == "grave"


def test_every_hint_raises_a_signal_also_without_rules() -> None:
    hint = a_mention(kind="hint", label="other", severity=0.0, text="Schaut mal", reasons=())
    assert rules().signal(hint) == Signal(
        rule="hint",
        level=1,
        theme="hint",
        playbook="hint",
        title="Motorrad AG: Persönlicher Hinweis",
        why=HINT_WHY,
        mention=hint,
    )


def test_a_hint_joins_what_machines_found_about_the_same_thing() -> None:
    hint = rules().signal(a_mention("7", kind="hint", label="complaint", severity=0.3))
    found = danger().signal(a_mention("8"))
    assert hint is not None
    assert found is not None
    assert hint.theme == found.theme == "product-safety"
