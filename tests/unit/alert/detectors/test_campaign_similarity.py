"""How alike texts are, exactly and by their sketches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alert.detectors.similarity import (
    MOST_LETTERS,
    PERMUTATIONS,
    Sketch,
    estimated,
    nearest,
    similarity,
    sketch,
)
from tests.unit.alert.detectors.campaign_posts import CHEATED, OTHER, REWORDED, ordinary_texts


def the_sketch(text: str) -> Sketch:
    drawn = sketch(text)
    assert drawn is not None
    return drawn


def estimate(first: str, second: str) -> float:
    a, b = the_sketch(first), the_sketch(second)
    return estimated(PERMUTATIONS - (a.low ^ b.low | a.high ^ b.high).bit_count())


@pytest.mark.parametrize(
    "dressed",
    [
        CHEATED.upper(),
        CHEATED.replace("ä", "ae") + " 😡😡😡",
        f"@hotel {CHEATED} #niewieder https://x.example/1?u=2",
        CHEATED.replace(" ", "\n\t "),
        "Das Zimmer war dreckig, das Personal unverschämt, und am Ende wurden wir um unser Geld "
        "betrogen. Nie wieder Hotel Alpenhof!",
    ],
)
def test_case_order_signs_and_addresses_are_dress(dressed: str) -> None:
    assert similarity(CHEATED, dressed) == 1.0
    assert estimate(CHEATED, dressed) == 1.0


def test_a_word_replaced_costs_its_share_and_a_mistyped_letter_less() -> None:
    words = "eins zwei drei vier fuenf sechs sieben acht neun zehn"
    replaced = words.replace("sieben", "kuchen")
    mistyped = words.replace("sieben", "siebem")
    assert 0.7 < similarity(words, replaced) < similarity(words, mistyped) < 1.0


def test_similarity_is_twice_the_common_triples_of_letters_by_those_of_both() -> None:
    # " ab", "ab " and " cd", "cd " against " ab", "ab " and " ef", "ef ".
    assert similarity("ab cd", "ab ef") == 2 * 2 / (4 + 4)
    assert similarity("", "ab ef") == 0.0
    assert similarity("😡", "😡") == 0.0


def test_different_things_about_the_same_are_not_alike() -> None:
    assert similarity(CHEATED, OTHER) < 0.3
    assert similarity(CHEATED, REWORDED) > 0.8


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Danke!",
        "Top",
        "Nie wieder",
        "Nie wieder! Nie wieder! Nie wieder! Nie wieder! Nie wieder! Nie wieder!",
        "😡😡😡😡😡😡😡😡",
        "https://hotel.example/bewertungen/eine-sehr-lange-adresse-mit-vielen-worten",
        "Hotel Alpenhof Grünegg GmbH & Co. KG",
        "@hotelalpenhof #niewieder #betrug #dreckig #unverschaemt #nichtmitmir #urlaub",
        "Bin sehr zufrieden, gerne wieder!",
    ],
)
def test_what_says_too_little_has_no_sketch(text: str) -> None:
    assert sketch(text) is None


def test_sketches_estimate_the_similarity() -> None:
    rng = Random(3)
    texts = [text for text in ordinary_texts() if len(text) > 120 and sketch(text)]
    words = [word for text in texts for word in text.split()]
    errors = []
    for text in texts:
        changed = text.split()
        for place in rng.sample(range(len(changed)), len(changed) // 5):
            changed[place] = rng.choice(words)
        rewrite = " ".join(changed)
        if sketch(rewrite):
            errors.append(estimate(text, rewrite) - similarity(text, rewrite))
    assert len(errors) > 100
    assert abs(sum(errors) / len(errors)) < 0.02
    assert sum(error**2 for error in errors) / len(errors) < 0.07**2


def test_no_two_ordinary_texts_look_alike_by_their_sketches() -> None:
    sketches = [drawn for text in ordinary_texts() if (drawn := sketch(text))]
    low, high = bytearray(), bytearray()
    closest = []
    for drawn in sketches:
        if low:
            closest.append(nearest(low, high, drawn)[1])
        low += drawn.low.to_bytes(8, "little")
        high += drawn.high.to_bytes(8, "little")
    assert len(closest) > 800
    assert sum(agreeing >= 41 for agreeing in closest) <= 2


def test_the_nearest_row_is_the_first_that_agrees_most() -> None:
    wanted = the_sketch(CHEATED)
    rows = [the_sketch(OTHER), the_sketch(REWORDED), wanted, wanted]
    low = bytearray().join(row.low.to_bytes(8, "little") for row in rows)
    high = bytearray().join(row.high.to_bytes(8, "little") for row in rows)
    assert nearest(low, high, wanted) == (2, PERMUTATIONS)


def test_of_a_very_long_text_only_its_beginning_is_read() -> None:
    beginning = " ".join(ordinary_texts())[:MOST_LETTERS]
    endless = beginning + "x" * 1_000_000
    assert sketch(endless) == sketch(beginning)
    assert similarity(endless, beginning) == 1.0


def test_a_long_text_and_its_slightly_changed_twin_are_alike() -> None:
    long = " ".join(ordinary_texts()[:60])[:MOST_LETTERS]
    assert similarity(long, long.replace("nicht", "nie")) > 0.95
    assert estimate(long, long.replace("nicht", "nie")) > 0.85


@given(st.text(max_size=300) | st.text(alphabet="\ud800\udfff\u202eاب אב字😡\u200d\u0301aA# @"))
def test_whatever_is_written_can_be_compared(text: str) -> None:
    drawn = sketch(text)
    assert sketch(text) == drawn
    assert 0.0 <= similarity(text, CHEATED) <= 1.0


@pytest.mark.parametrize("piece", ["\ud800", "a\u0301", "\u202e", "https://", "@a#", "ﷺ", "字"])
def test_a_million_of_anything_is_read_no_further_than_the_limit(piece: str) -> None:
    assert sketch(piece * 1_000_000) == sketch(piece * MOST_LETTERS)


def test_a_sketch_is_the_same_whether_its_words_were_met_before_or_not() -> None:
    words = [f"{syllable}wort{'x' * number}" for number, syllable in enumerate(("neu", "alt") * 25)]
    at_first = the_sketch(" ".join(words))
    assert the_sketch(" ".join(reversed(words))) == at_first
    the_sketch(" ".join(f"{word}anders" for word in words))
    assert the_sketch(" ".join((*words, *words))) == at_first


def test_every_process_draws_the_same_sketch() -> None:
    program = (
        "from services.alert.detectors.similarity import sketch\n"
        "import sys\n"
        "print(tuple(sketch(sys.argv[1])))"
    )
    drawn = {
        subprocess.run(
            [sys.executable, "-c", program, CHEATED],
            cwd=Path(__file__).parents[4],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert drawn == {f"{tuple(the_sketch(CHEATED))}\n"}
