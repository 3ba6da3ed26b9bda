"""The compiled sums are those that a plain reading of the model gives, bit for bit."""

from __future__ import annotations

import hashlib
from typing import get_args

import numpy as np
import pytest

from libs.common.events import LABELS
from services.classify.classifier import Utterance
from services.classify.linear.classifier import TrainedClassifier
from services.classify.linear.features import texts
from services.classify.linear.scoring import Scorer
from services.classify.linear.weights import Weights, shipped
from services.classify.rules import load_rules
from tests.unit.classify.linear import plain
from training.corpus import Language
from training.gold import read_gold
from training.matrix import hashed

LONG = (
    "Die Bremse versagt, wieder! " * 400,
    "nicht " * 2_000,
    "ü " * 6_000,
    "a" * 12_000,
    "😀" * 300,
    "",
)
GOLD = [gold.text for lang in get_args(Language) for gold in read_gold(lang)]
READ = [*GOLD, *LONG]
FEATURES_OF_GOLD = "69f6ab4b33c5204c"
"""BLAKE2b of what the shipped model's features make of the gold texts."""


@pytest.fixture(scope="module")
def weights() -> Weights:
    return shipped()


def test_the_features_are_those_that_the_shipped_model_was_made_for() -> None:
    features, *_ = hashed(texts(GOLD, [0] * len(GOLD)))
    assert hashlib.blake2b(features.tobytes(), digest_size=8).hexdigest() == FEATURES_OF_GOLD


@pytest.mark.parametrize("table", ["labels", "themes"])
def test_logits_are_the_plain_sums(weights: Weights, table: str) -> None:
    head = getattr(weights, table)
    expected = np.array([plain.logits(text, head) for text in READ])
    np.testing.assert_array_equal(Scorer().logits(texts(READ, [0] * len(READ)), head), expected)


def test_phrases_are_those_of_the_plain_sums(weights: Weights) -> None:
    wanted = np.arange(len(READ)) % len(LABELS)
    found = Scorer().phrases(texts(READ, [0] * len(READ)), weights.labels, wanted)
    expected = [
        plain.phrases(text, weights.labels, int(outcome))
        for text, outcome in zip(READ, wanted, strict=True)
    ]
    assert found == expected


def test_a_verdict_is_the_same_alone_as_in_a_batch(weights: Weights) -> None:
    classifier = TrainedClassifier(weights, load_rules())
    subjects = [Utterance(text=text) for text in READ]
    alone = [classifier.classify([subject])[0] for subject in subjects]
    assert classifier.classify(subjects) == alone
