"""Words that no text has, known by what they mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.classify.linear.features import ALPHABET, NEGATIONS, features_of, space, texts
from services.classify.linear.scoring import Scorer
from training.features import Features
from training.fitting import fit
from training.meanings import FOLDER, read_list, read_meanings
from training.train import head_of

SLOTS = 1 << 14
KNOWN = ["Die Klappe ist kaputt", "ganz kaputt geliefert", "kaputt", "Das Brot schmeckt"] * 3
KNOWN += ["Das Brot ist gut", "gut geliefert", "sehr gut", "nicht gut", "Die Klappe ist da"] * 3
BROKEN = np.array(["kaputt" in text for text in KNOWN], np.int8)


@pytest.fixture
def features(tmp_path: Path) -> Features:
    (tmp_path / "de.tsv").write_text(
        "kaputt\tdefect\nzerdeppert\tdefect,bad\nim eimer\tdefect\ngut\tgood\n", "utf-8"
    )
    return Features(texts(KNOWN, [0] * len(KNOWN)), SLOTS, read_meanings(tmp_path))


@pytest.mark.parametrize("said", ["Zerdeppert!", "Klappe im Eimer"])
def test_what_no_text_says_weighs_as_what_means_the_same(features: Features, said: str) -> None:
    rows = features.matrix(texts(KNOWN, [0] * len(KNOWN)))
    head = head_of(features, [fit(rows, BROKEN)])
    asked = texts([said, "Klappe im Flur", "Das Brot ist gut"], [0] * 3)
    broken, unknown, good = Scorer().logits(asked, head)[:, 0]
    assert broken > unknown > good


def test_serving_sums_up_what_was_learnt_of_words_and_meanings(features: Features) -> None:
    random = np.random.default_rng(3)
    asked = texts(["zerdeppert im Eimer", "nicht gut", "Klappe? kaputt", ""], [0, 1, 0, 0])
    rows = features.matrix(asked)
    coefficients = random.normal(size=(rows.shape[1], 2))
    plain = features.vocabulary.matrix(asked).toarray()
    idf = features.vocabulary.idf
    unweighted = np.divide(plain, idf, out=np.zeros_like(plain), where=idf > 0)
    np.testing.assert_allclose(
        unweighted @ features.weights(coefficients), rows @ coefficients, rtol=1e-4, atol=1e-5
    )


def test_what_is_negated_has_a_meaning_of_its_own(features: Features) -> None:
    said, negated = features.matrix(texts(["gut", "nicht gut"], [0, 0]))[:, SLOTS:].toarray()
    assert np.count_nonzero(said) == 1
    assert np.count_nonzero(negated) == 2


@pytest.mark.parametrize("line", ["kaputt", "kaputt\t", "\tdefect", "a b c\tdefect", "a\tb,,c"])
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "de.tsv").write_text(f"gut\tgood\n{line}\n", "utf-8")
    with pytest.raises(ValueError, match=r"de\.tsv:2: expected a word or two"):
        read_meanings(tmp_path)


@pytest.mark.parametrize("lang", ["de", "en"])
def test_every_entry_is_as_many_words_to_the_classifier_and_stands_there_once(lang: str) -> None:
    entries = [words for words, _ in read_list(FOLDER / f"{lang}.tsv")]
    room = space()
    for words in dict.fromkeys(entries):
        codes = texts([words], [0]).codes
        tokens, *_ = features_of(codes, 0, ALPHABET, NEGATIONS, room)
        assert tokens == len(words.split(" ")), words
    lines = (FOLDER / f"{lang}.tsv").read_text("utf-8").splitlines()
    assert lines == sorted(set(lines))
    assert len({line.partition("\t")[0] for line in lines}) == len(lines)
