"""The gold sets are large enough, agreed on, and unknown to the model."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from libs.common.events import LABELS
from training.corpus import THEMES, Language, read
from training.gold import GoldText, cohens_kappa, read_gold
from training.resemblance import near_duplicates


@pytest.mark.parametrize("lang", get_args(Language))
def test_there_are_enough_texts_of_every_label_in_each_language(lang: Language) -> None:
    texts = read_gold(lang)
    labels = Counter(text.label for text in texts)
    assert len(texts) >= 700
    assert len({text.id for text in texts}) == len(texts)
    assert min(labels[label] for label in LABELS) >= 100
    assert {text.theme for text in texts if text.label == "crisis_candidate"} == set(THEMES)
    assert all((text.theme is not None) == (text.label == "crisis_candidate") for text in texts)


@pytest.mark.parametrize("lang", get_args(Language))
def test_the_label_is_one_that_a_reader_gave_and_readers_agree(lang: Language) -> None:
    texts = read_gold(lang)
    assert cohens_kappa(texts) >= 0.8
    third = [text for text in texts if text.label not in text.labels]
    assert not third


def test_no_gold_text_resembles_one_that_was_trained_on() -> None:
    gold = [text.text for lang in get_args(Language) for text in read_gold(lang)]
    trained = [sample.text for sample in read()]
    pairs = near_duplicates([*gold, *trained])
    assert [(a, b) for a, b in pairs if a < len(gold)] == []


def test_kappa_is_agreement_beyond_chance() -> None:
    def said(first: str, second: str) -> GoldText:
        return GoldText(
            id="1", text="a", lang="de", label="praise", labels=(first, second),  # type: ignore[arg-type]
            severity=0, kind="post", industry="rail",
        )  # fmt: skip

    same = [said("praise", "praise"), said("other", "other")]
    assert cohens_kappa(same) == pytest.approx(1)
    mixed = [*same, said("praise", "other"), said("other", "praise")]
    assert cohens_kappa(mixed) == pytest.approx(0)
