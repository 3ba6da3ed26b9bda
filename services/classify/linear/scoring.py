"""Sums of weights: of whole texts for every outcome, and of each token for one."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.classify.linear.alphabet import Alphabet
from services.classify.linear.compiled import compiled
from services.classify.linear.features import (
    ALPHABET,
    BLOCKS,
    NEGATIONS,
    SIGNS,
    WEIGHTS,
    Code,
    Space,
    Texts,
    features_of,
    space,
)
from services.classify.linear.weights import TAG_SHIFT, Head

AT_MOST: Final = 5
"""So many phrases explain a verdict."""
COUNTS_FROM: Final = 0.35
"""A token with less than this part of the weightiest token's weight decides nothing."""
GAP: Final = 1
"""Characters between tokens that still read as one phrase; a line feed, as between title and text,
parts them."""
LINE_FEED: Final = 10
BLOCK_WEIGHTS: Final = np.array(WEIGHTS, np.float32)


class Phrase(NamedTuple):
    """Words side by side that speak for an outcome: from where to where in the text, and their
    part, 0 to 1, of all that speaks for it."""

    begin: int
    end: int
    weight: float


@compiled
def block_values(ends: tuple[int, int, int], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """What one feature of each block counts."""
    values = np.empty(BLOCKS, np.float32)
    begin = 0
    for block in range(BLOCKS):
        values[block] = weights[block] / np.sqrt(np.float32(max(ends[block] - begin, 1)))
        begin = ends[block]
    return values


@compiled
def _slot(hashed: Code, slots: NDArray[np.int8]) -> np.int64:
    """The slot of a feature; -1 when the table does not know it."""
    slot = np.int64(hashed & np.uint32(slots.shape[0] - 1))
    tag = max(np.uint32(hashed) >> np.uint32(TAG_SHIFT), np.uint32(1))
    return slot if np.uint8(slots[slot, 0]) == np.uint8(tag) else np.int64(-1)


@compiled
def _sums(
    codes: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    told: NDArray[np.uint32],
    slots: NDArray[np.int8],
    alphabet: Alphabet,
    negations: NDArray[np.uint32],
    weights: NDArray[np.float32],
    space: Space,
    sums: NDArray[np.float32],
    silent: NDArray[np.bool_],
) -> None:
    outcomes = sums.shape[1]
    block_sums = np.empty(outcomes, np.int32)
    for i in range(told.size):
        text = codes[offsets[i] : offsets[i + 1]]
        n, words, parts, signs = features_of(text, told[i], alphabet, negations, space)
        silent[i] = not (space.kinds[:n] <= SIGNS).any()
        ends = (words, parts, signs)
        values = block_values(ends, weights)
        begin = 0
        for block in range(BLOCKS):
            block_sums[:] = 0
            for f in range(begin, ends[block]):
                slot = _slot(space.features[f], slots)
                if slot >= 0:
                    for outcome in range(outcomes):
                        block_sums[outcome] += slots[slot, 1 + outcome]
            for outcome in range(outcomes):
                sums[i, outcome] += values[block] * block_sums[outcome]
            begin = ends[block]


@compiled
def _token_sums(
    codes: NDArray[np.uint32],
    told: Code,
    slots: NDArray[np.int8],
    outcome: int,
    alphabet: Alphabet,
    negations: NDArray[np.uint32],
    weights: NDArray[np.float32],
    space: Space,
    sums: NDArray[np.float32],
) -> int:
    n, words, parts, signs = features_of(codes, told, alphabet, negations, space)
    ends = (words, parts, signs)
    values = block_values(ends, weights)
    sums[:n] = 0
    block = 0
    for f in range(parts):  # the signs speak of the whole text
        block = 0 if f < words else 1
        slot = _slot(space.features[f], slots)
        if slot >= 0:
            # A pair speaks for both of its words.
            value = values[block] * slots[slot, 1 + outcome] / 2
            sums[space.first_token[f]] += value
            sums[space.last_token[f]] += value
    return n


@compiled
def _tells(code: Code) -> bool:
    """Whether a sign tells a reader something: exclamation, question, picture."""
    return bool(code == 33 or code == 63 or code > 0x2190)


@compiled
def _join_phrases(
    codes: NDArray[np.uint32],
    n: int,
    space: Space,
    sums: NDArray[np.float32],
    found: NDArray[np.float64],
) -> int:
    """Joins neighbouring tokens that decide into phrases: rows of begin, end, weight. How many."""
    whole, most = 0.0, 0.0
    for t in range(n):
        if sums[t] > 0:
            whole += sums[t]
            most = max(most, sums[t])
    count = 0
    for t in range(n):
        sign = space.kinds[t] == SIGNS and not _tells(codes[space.begins[t]])
        if sums[t] <= 0 or sums[t] < COUNTS_FROM * most or sign:
            continue
        line = found[count - 1, 1] if count > 0 else 0
        near = count > 0 and space.begins[t] - line <= GAP and codes[np.int64(line)] != LINE_FEED
        if near:
            found[count - 1, 1] = space.ends[t]
            found[count - 1, 2] += sums[t] / whole
            continue
        found[count, 0] = space.begins[t]
        found[count, 1] = space.ends[t]
        found[count, 2] = sums[t] / whole
        count += 1
    return count


class Scorer:
    """Sums weights. Not for two threads at once: it has one space to work in."""

    def __init__(self) -> None:
        self._space = space()
        self._token_sums = np.empty(self._space.hashes.size, np.float32)
        self._phrases = np.empty((self._space.hashes.size, 3))

    def logits(self, texts: Texts, head: Head) -> NDArray[np.float32]:
        """Per text and outcome."""
        return self.logits_and_silence(texts, head)[0]

    def logits_and_silence(
        self, texts: Texts, head: Head
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Per text and outcome; and which texts say nothing but addresses and names of accounts."""
        sums = np.zeros((texts.told.size, head.bias.size), np.float32)
        silent = np.zeros(texts.told.size, np.bool_)
        _sums(*texts, head.slots, ALPHABET, NEGATIONS, BLOCK_WEIGHTS, self._space, sums, silent)
        return sums * head.scale + head.bias, silent

    def phrases(
        self, codes: NDArray[np.uint32], told: int, head: Head, outcome: int
    ) -> list[Phrase]:
        """The phrases of one text that speak most for an outcome, weightiest first."""
        found, sums = self._phrases, self._token_sums
        n = _token_sums(
            codes, told, head.slots, outcome, ALPHABET, NEGATIONS, BLOCK_WEIGHTS, self._space, sums
        )
        count = _join_phrases(codes, n, self._space, sums, found)
        phrases = [Phrase(int(b), int(e), round(w, 3)) for b, e, w in found[:count].tolist()]
        return sorted(phrases, key=_weight, reverse=True)[:AT_MOST]


def _weight(phrase: Phrase) -> float:
    return phrase.weight
