"""The corpus is what its data statement says."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from training.corpus import THEMES, Finding, Sample, read, read_lines
from training.resemblance import commonest_sequence, near_duplicates


def a_sample(**fields: object) -> bytes:
    defaults: dict[str, object] = {
        "text": "Die Bremse versagt.",
        "lang": "de",
        "label": "complaint",
        "severity": 0.3,
        "kind": "post",
        "industry": "automotive",
        "cues": ["versagt"],
    }
    return msgspec.json.encode(defaults | fields)


@pytest.fixture(scope="module")
def corpus() -> list[Sample]:
    return read()


@pytest.mark.parametrize("lang", ["de", "en"])
def test_every_industry_theme_and_a_good_share_of_hard_cases_are_there(
    corpus: list[Sample], lang: str
) -> None:
    samples = [sample for sample in corpus if sample.lang == lang]
    themes = Counter(sample.theme for sample in samples if sample.theme is not None)
    assert len({sample.industry for sample in samples}) >= 15
    assert set(themes) == set(THEMES)
    assert min(themes.values()) >= 5
    assert sum(bool(sample.hard) for sample in samples) >= 0.24 * len(samples)
    assert len({sample.kind for sample in samples}) >= 6


@pytest.mark.parametrize("lang", ["de", "en"])
def test_nothing_is_told_twice_and_no_phrase_is_a_template(corpus: list[Sample], lang: str) -> None:
    texts = [sample.text for sample in corpus if sample.lang == lang]
    assert len(near_duplicates(texts)) <= 0.02 * len(texts)
    assert commonest_sequence(texts).share <= 0.01


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"label": "angry"}, "Invalid enum value"),
        ({"severity": 1.5}, "severity"),
        ({"cues": ["Motor"]}, "the cue 'Motor' is not in the text"),
        ({"label": "crisis_candidate", "severity": 0.9}, "expected a theme"),
        ({"theme": "fire"}, "expected a theme for crisis candidates, and for no other"),
        (
            {"label": "crisis_candidate", "theme": "fire", "severity": 0.3},
            "expected a severity from 0.5 on",
        ),
        ({"label": "praise"}, "expected the severity 0 for praise"),
        ({"also": "complaint"}, "expected another label"),
    ],
)
def test_a_wrong_line_is_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(Finding, match=r"de\.jsonl:2: ") as raised:
        list(read_lines("de.jsonl", [a_sample(), a_sample(**wrong)]))
    assert said in str(raised.value)


def test_texts_with_swapped_words_are_near_duplicates() -> None:
    base = "Seit drei Wochen warte ich auf mein Paket und niemand antwortet mir auf meine Fragen"
    texts = [base, base.replace("Fragen", "Mails"), "Ein ganz anderer Text über Brot und Butter"]
    assert near_duplicates(texts) == [(0, 1)]


def test_the_commonest_sequence_and_its_share() -> None:
    texts = ["Ich warte seit drei Wochen", "warte seit drei Wochen!", "Das ist gut so", "Na ja"]
    assert commonest_sequence(texts) == ("warte seit drei wochen", 0.5)
