"""What the shipped lexicons must get right, mention by mention, and how they do on unseen ones."""

from __future__ import annotations

import pytest

from libs.common.events import Label
from services.classify.rules import RulesClassifier, load_rules
from tests.unit.classify import examples_de, examples_en, examples_unseen
from tests.unit.classify.subjects import a_mention

UNSEEN_ACCURACY = 0.60
UNSEEN_CRISIS_RECALL = 0.65


@pytest.fixture(scope="module")
def rules() -> RulesClassifier:
    return load_rules()


@pytest.mark.parametrize(("label", "text"), examples_de.EXAMPLES)
def test_a_german_mention_gets_its_label(rules: RulesClassifier, label: Label, text: str) -> None:
    [verdict] = rules.classify([a_mention(text)])
    assert (verdict.label, verdict.lang) == (label, "de"), verdict


@pytest.mark.parametrize(("label", "text"), examples_en.EXAMPLES)
def test_an_english_mention_gets_its_label(rules: RulesClassifier, label: Label, text: str) -> None:
    [verdict] = rules.classify([a_mention(text)])
    assert (verdict.label, verdict.lang) == (label, "en"), verdict


def test_unseen_mentions_are_mostly_right_and_no_calm_one_becomes_a_crisis(
    rules: RulesClassifier,
) -> None:
    wanted = [label for label, _ in examples_unseen.EXAMPLES]
    verdicts = rules.classify([a_mention(text) for _, text in examples_unseen.EXAMPLES])
    got = [verdict.label for verdict in verdicts]
    pairs = list(zip(wanted, got, strict=True))
    crises = [found for right, found in pairs if right == "crisis_candidate"]
    false_alarms = [p for p in pairs if p[1] == "crisis_candidate" and p[0] != p[1]]

    assert len(pairs) >= 60
    assert sum(right == found for right, found in pairs) / len(pairs) >= UNSEEN_ACCURACY
    assert crises.count("crisis_candidate") / len(crises) >= UNSEEN_CRISIS_RECALL
    assert false_alarms == []


@pytest.mark.parametrize(
    "text",
    [
        "Bei voller Fahrt hat die Bremse versagt, mein Kumpel liegt im Krankenhaus",
        "Motorrad AG: Bremse versagt bei Tempo 130, Fahrer tödlich verunglückt",
        "Die Bremse hat versagt und dann fing der Motor Feuer",
        "Gestern Nacht hat das Ladegerät Feuer gefangen, die halbe Garage ist abgebrannt",
        "My brakes failed at full speed and my friend is in hospital",
        "The charger caught fire in my garage last night",
    ],
)
def test_a_danger_to_life_is_severe(rules: RulesClassifier, text: str) -> None:
    [verdict] = rules.classify([a_mention(text)])
    assert verdict.label == "crisis_candidate"
    assert verdict.severity >= 0.7


@pytest.mark.parametrize("followers", [None, 10, 5_000_000])
@pytest.mark.parametrize(
    "text",
    [text for label, text in examples_de.EXAMPLES + examples_en.EXAMPLES if label == "complaint"],
)
def test_an_ordinary_complaint_is_never_severe(
    rules: RulesClassifier, text: str, followers: int | None
) -> None:
    [verdict] = rules.classify([a_mention(text, followers=followers)])
    assert 0 < verdict.severity <= 0.5
