"""The quick look for grave themes misses none that reading would find."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.classifier import Utterance
from services.classify.grave import GRAVE
from services.classify.language import KNOWN
from services.classify.rules import RulesClassifier, load_rules
from training.corpus import Language, read
from training.gold import read_gold

RULES = load_rules()
LITERALS = sorted(
    {
        literal.strip()
        for known in KNOWN
        for entry in RULES.entries(known)
        if entry.severity >= GRAVE
        for part in entry.cue.parts
        for literal in part
    }
)
SIGNS = st.sampled_from((r"\1", r" \1", r"\1 ", r" \1 "))
BETWEEN = st.sampled_from((" ", "", ". ", "-", "\n", " nicht ", " ja 😀 ", "'", "_", "ä", "…"))
TEXTS = st.lists(st.tuples(st.sampled_from(LITERALS), SIGNS, BETWEEN), max_size=8).map(
    lambda pieces: "".join(
        re.sub(r" ?([^\w\s]) ?", spelt, literal) + between for literal, spelt, between in pieces
    )
)


def graves(rules: RulesClassifier, text: str) -> set[str]:
    """The grave themes that reading finds in a text, in either language."""
    return {
        name
        for lang in KNOWN
        for name, theme in rules.examine(Utterance(text=text), lang).themes.items()
        if theme.severity >= GRAVE
    }


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_whatever_cues_are_put_together_no_theme_is_missed(text: str) -> None:
    assert RULES.may_be_grave(text) or not graves(RULES, text)


def test_no_theme_of_the_gold_texts_and_of_a_part_of_the_corpus_is_missed() -> None:
    read_texts = [gold.text for lang in get_args(Language) for gold in read_gold(lang)]
    read_texts += [sample.text for sample in read()[::20]]
    looked_at = {text for text in read_texts if RULES.may_be_grave(text)}
    assert not [text for text in read_texts if text not in looked_at and graves(RULES, text)]
    assert 0 < len(looked_at) < len(read_texts) / 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bei 120 keine Bremswirkung mehr, Tochter saß drin", True),
        ("Die Bremse versagt", True),
        ("Die Bremse ist neu und gut.", False),
        ("Danke für den Service", False),
        ("", False),
    ],
)
def test_all_parts_of_a_cue_must_be_there(text: str, expected: bool) -> None:
    assert RULES.may_be_grave(text) is expected
