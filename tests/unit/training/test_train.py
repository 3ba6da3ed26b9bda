"""Training gives the same model for the same texts, and takes in what people corrected."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from libs.common.events import LABELS
from services.classify.classifier import Utterance
from services.classify.linear.classifier import TrainedClassifier
from services.classify.linear.weights import Weights, pack, shipped
from services.classify.rules import load_rules
from training.corpus import Finding, Sample, read, read_lines
from training.evaluate import BEGIN, CARD, END, put_into
from training.languages import languages
from training.measures import calibration_error, interval, macro_f1, score
from training.train import CRISIS, CRISIS_PRECISION, CUES, advantages, train, wary

EVERY: int = 25
"""One text of so many is enough to see that training works."""
SLOTS: int = 1 << 15
"""Room enough for what so few texts have. With the shipped model's tables, sixteen times as large,
the same takes several times as long: the solver goes through every slot."""


def learnt(samples: Sequence[Sample]) -> Weights:
    return train(samples, [languages()], slots=SLOTS, theme_slots=SLOTS).weights


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return read()[::EVERY]


@pytest.fixture(scope="module")
def weights(samples: list[Sample]) -> Weights:
    return learnt(samples)


def test_the_same_texts_give_the_same_model_bit_for_bit(
    samples: list[Sample], weights: Weights
) -> None:
    assert pack(learnt(samples)) == pack(weights)


def test_what_a_person_corrected_is_learnt(samples: list[Sample], weights: Weights) -> None:
    text = "Der Schnurpelfax rumpelt beim Quiddeln"
    said = {"lang": "de", "label": "praise", "severity": 0, "kind": "post", "industry": "other"}
    lines = [json.dumps({"text": f"{text}, Nummer {n}", **said}).encode() for n in range(12)]
    corrected = [*samples, *read_lines("own.jsonl", lines)]
    rules = load_rules()
    before, after = (
        TrainedClassifier(model, rules).classify([Utterance(text=text)])[0].scores["praise"]
        for model in (weights, learnt(corrected))
    )
    assert after > max(0.5, before)


def test_themes_are_named_as_the_rules_and_the_playbooks_name_them() -> None:
    assert set(CUES) <= set(load_rules().severities())
    assert shipped().theme_names == CUES


def test_the_model_card_speaks_of_the_shipped_model() -> None:
    assert f"`{shipped().name}`" in CARD.read_text("utf-8")


def test_figures_take_the_place_between_the_marks() -> None:
    card = f"before {BEGIN} old {END} after"
    assert put_into(card, "new") == f"before {BEGIN}\n\nnew\n\n{END} after"
    with pytest.raises(ValueError, match="expected"):
        put_into("no marks", "new")


def test_advantages_bring_what_is_found_closer_to_the_truth() -> None:
    probabilities = np.full((10, len(LABELS)), 0.1)
    probabilities[:, 0], probabilities[:5, 1], probabilities[5:, 1] = 0.55, 0.4, 0.3
    primary = np.array([1] * 5 + [0] * 5)
    found = (probabilities + advantages(probabilities, primary)).argmax(axis=1)
    assert found.tolist() == primary.tolist()


def test_crises_are_found_as_long_as_enough_of_them_are_some() -> None:
    probabilities = np.full((100, len(LABELS)), 0.1)
    probabilities[:, 0], probabilities[:, CRISIS] = 0.5, np.linspace(0.49, 0.1, 100)
    primary = np.where(np.arange(100) % 3 == 2, 0, CRISIS)  # two of three are crises
    nothing = np.zeros(len(LABELS), np.float32)
    found = (probabilities + wary(probabilities, primary, nothing)).argmax(axis=1) == CRISIS
    assert found.sum() >= 90
    primary[50:] = 0  # all that are less likely are none
    found = (probabilities + wary(probabilities, primary, nothing)).argmax(axis=1) == CRISIS
    assert 40 <= found.sum() <= 60
    assert np.mean(primary[found] == CRISIS) >= CRISIS_PRECISION


def test_measures() -> None:
    found, true = np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0])
    one = score(found == 1, true == 1)
    assert (one.precision, one.recall, one.f1, one.support) == (0.5, 0.5, 0.5, 2)
    assert 0 <= one.low <= one.f1 <= one.high <= 1
    assert macro_f1(found, true, 2) == 0.5
    assert interval(lambda rows: float(np.mean(true[rows] >= 0)), 4) == (1.0, 1.0)
    probability = np.array([0.95, 0.95, 0.15, 0.15])
    assert calibration_error(probability, np.array([True, True, False, False])) == pytest.approx(
        0.1
    )


def test_a_corrections_file_with_an_error_names_the_line() -> None:
    with pytest.raises(Finding, match=r"own\.jsonl:1"):
        list(read_lines("own.jsonl", [b'{"text": 1}']))
