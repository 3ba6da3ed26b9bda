"""Training and serving see the same features of a text."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.linear.features import ALPHABET, NEGATIONS, features_of, space, texts
from services.classify.linear.scoring import Scorer
from services.classify.linear.weights import Head, tag_of
from training.matrix import Vocabulary, hashed

SPACE = space()
ODD = "don't @bahn https://x.de/a 2.500 € 😀😀 … ß İ e\u0308 sooooo 𝗯𝗼𝗹𝗱 שלום 漢字 \ud800 www.x.de"
PLAIN = "nicht keine Bremse Grüße GRUESSE toll!! kaputt a"
WORDS = st.sampled_from([*ODD.split(" "), *PLAIN.split(" ")])
TEXTS = st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=80)


def tokens_of(text: str) -> list[tuple[str, str]]:
    """The tokens of a text as they stand in it, and their folded letters."""
    batch = texts([text], [0])
    n, *_ = features_of(batch.of(0), 0, ALPHABET, NEGATIONS, SPACE)
    return [
        (
            text[SPACE.begins[t] : SPACE.ends[t]],
            "".join(map(chr, SPACE.letters[SPACE.letters_begin[t] : SPACE.letters_end[t]])),
        )
        for t in range(n)
    ]


def features_in(text: str) -> set[int]:
    return set(hashed(texts([text], [0]))[0].tolist())


def head_of(vocabulary: Vocabulary) -> Head:
    """Any weights, in the slots of this vocabulary."""
    random = np.random.default_rng(7)
    slots = random.integers(-127, 128, (vocabulary.slots, 4)).astype(np.int8)
    slots[:, 0] = np.where(vocabulary.owned, tag_of(vocabulary.owner), 0).view(np.int8)
    return Head(slots, np.array([0.1, 0.2, 0.3], np.float32), np.array([1, -2, 0.5], np.float32))


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8), st.lists(TEXTS, min_size=1, max_size=8))
def test_a_sum_in_serving_is_the_product_in_training(known: list[str], asked: list[str]) -> None:
    vocabulary = Vocabulary(
        texts([*known, *known], [n % 3 for n in range(2 * len(known))]), 1 << 12
    )
    head = head_of(vocabulary)
    batch = texts(asked, [n % 3 for n in range(len(asked))])
    rows = vocabulary.matrix(batch).toarray()
    unweighted = np.divide(rows, vocabulary.idf, out=np.zeros_like(rows), where=vocabulary.owned)
    expected = unweighted @ head.slots[:, 1:].astype(np.float64) * head.scale + head.bias
    np.testing.assert_allclose(Scorer().logits(batch, head), expected, rtol=1e-3, atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_a_text_gets_the_same_alone_as_in_a_batch(asked: list[str]) -> None:
    head = head_of(Vocabulary(texts([*asked, *asked], [0] * 2 * len(asked)), 1 << 12))
    scorer = Scorer()
    together = scorer.logits(texts(asked, [0] * len(asked)), head)
    alone = [scorer.logits(texts([text], [0]), head)[0] for text in asked]
    np.testing.assert_array_equal(together, np.array(alone))


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_tokens_stand_in_the_text_one_after_the_other(text: str) -> None:
    batch = texts([text], [0])
    n, *_ = features_of(batch.of(0), 0, ALPHABET, NEGATIONS, SPACE)
    places = [(int(SPACE.begins[t]), int(SPACE.ends[t])) for t in range(n)]
    assert all(begin < end for begin, end in places)
    assert all(one[1] <= other[0] for one, other in pairwise(places))
    assert not places or places[-1][1] <= len(text)


def test_words_signs_and_addresses_are_tokens() -> None:
    assert tokens_of("Das ist NICHT gut!! @bahn_de https://x.de/a, don't 😀😀 2.500") == [
        ("Das", "das"),
        ("ist", "ist"),
        ("NICHT", "nicht"),
        ("gut", "gut"),
        ("!!", ""),
        ("@bahn_de", ""),
        ("https://x.de/a,", ""),
        ("don't", "dont"),
        ("😀😀", ""),
        ("2", "0"),
        (".", ""),
        ("500", "00"),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Grüße aus Köln", "gruesse aus Koeln"),
        ("Grüße", "Gru\u0308ße"),
        ("„super“ – klar…", '"super" - klar.'),
        ("soooo gut", "sooooooooo gut"),
        ("don’t", "dont"),
        ("@bahn hilft", "@jemand_anders hilft"),
        ("𝗴𝘂𝘁 𝘴𝘰", "gut so"),
        ("Zimmer 12", "zimmer 97"),
    ],
)
def test_spellings_of_the_same_are_the_same_features(one: str, other: str) -> None:
    assert features_in(one) == features_in(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("schon gut", "schön gut"),
        ("nicht gut", "gut nicht"),
        ("gut?", "gut!"),
        ("GUTER Tag", "Tag"),
    ],
)
def test_what_differs_has_different_features(one: str, other: str) -> None:
    assert features_in(one) != features_in(other)


def test_a_negation_reaches_the_next_words_of_its_sentence() -> None:
    reached = features_in("nicht so gut") & features_in("nie richtig gut")
    assert reached - features_in("nicht. So gut")
