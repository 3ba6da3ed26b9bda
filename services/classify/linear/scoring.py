"""Sums of weights: of whole texts for every outcome, and of each token for one."""

from __future__ import annotations

from typing import Final, TypeAlias

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

LIFT: Final = 128
LIFTED: Final = np.uint64(0x8080808080808080)
"""Turns eight signed bytes into unsigned ones, each larger by LIFT."""
EVEN: Final = np.uint64(0x00FF00FF00FF00FF)
"""Every second byte of eight, with room for a sum."""
AT_ONCE: Final = 256
"""So many bytes add up to less than 16 bits hold."""


Phrase: TypeAlias = tuple[int, int, float]
"""Words side by side that speak for an outcome: from where to where in the text, and their part, 0
to 1, of all that speaks for it."""


@compiled
def block_value(weight: np.float32, size: int) -> np.float32:
    """What one feature of a block of this size counts."""
    return np.float32(weight / np.sqrt(np.float32(max(size, 1))))


@compiled
def _tag(hashed: np.uint32) -> np.uint64:
    """The tag of a feature, as `tag_of` makes it."""
    return max(np.uint64(hashed >> np.uint32(TAG_SHIFT)), np.uint64(1))


@compiled
def _silent(kinds: NDArray[np.uint8], n: int) -> bool:
    """Whether a text has neither words nor signs."""
    said = 0
    for t in range(n):
        said += kinds[t] <= SIGNS
    return said == 0


@compiled
def _column_sums(
    features: NDArray[np.uint32],
    begin: int,
    end: int,
    table: NDArray[np.uint64],
    column: int,
    lanes: NDArray[np.int64],
) -> None:
    """Sums one column of the table over the features from `begin` to before `end`.

    A column holds eight bytes a row. They are summed as eight lanes at once, each weight lifted by
    LIFT so that none is negative, in two numbers of four lanes of 16 bits: AT_ONCE bytes fit.
    lanes: what the sums of the eight are added to.
    """
    last = np.uint32(table.shape[0] - 1)
    tag_of_row = np.uint64(0xFF)
    while begin < end:
        stop = min(begin + AT_ONCE, end)
        even, odd = np.uint64(0), np.uint64(0)
        for f in range(begin, stop):
            hashed = features[f]
            slot = np.uint64(hashed & last)
            known = (table[slot, 0] & tag_of_row) == _tag(hashed)
            row = (table[slot, column] if known else np.uint64(0)) ^ LIFTED
            even += row & EVEN
            odd += (row >> np.uint64(8)) & EVEN
        lifted = LIFT * (stop - begin)
        for lane in range(4):
            shift = np.uint64(16 * lane)
            lanes[2 * lane] += np.int64((even >> shift) & np.uint64(0xFFFF)) - lifted
            lanes[2 * lane + 1] += np.int64((odd >> shift) & np.uint64(0xFFFF)) - lifted
        begin = stop


@compiled
def _sums(
    codes: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    told: NDArray[np.uint32],
    table: NDArray[np.uint64],
    alphabet: Alphabet,
    negations: NDArray[np.uint32],
    weights: NDArray[np.float32],
    space: Space,
    lanes: NDArray[np.int64],
    sums: NDArray[np.float32],
    silent: NDArray[np.bool_],
) -> None:
    outcomes = sums.shape[1]
    for i in range(told.size):
        text = codes[offsets[i] : offsets[i + 1]]
        n, words, parts, signs = features_of(text, told[i], alphabet, negations, space)
        silent[i] = _silent(space.kinds, n)
        begin = 0
        for block in range(BLOCKS):
            end = words if block == 0 else parts if block == 1 else signs
            value = block_value(weights[block], end - begin)
            for column in range(table.shape[1]):
                lanes[:] = 0
                _column_sums(space.features, begin, end, table, column, lanes)
                for lane in range(8):
                    outcome = 8 * column + lane - 1  # the first byte of a row is its tag
                    if 0 <= outcome < outcomes:
                        sums[i, outcome] += value * np.int32(lanes[lane])
            begin = end


@compiled
def _weight(hashed: np.uint32, table: NDArray[np.int8], column: int) -> np.int8:
    """The weight of a feature; 0 when the table does not know it."""
    slot = np.uint64(hashed & np.uint32(table.shape[0] - 1))
    known = np.uint64(np.uint8(table[slot, 0])) == _tag(hashed)
    return table[slot, column] if known else np.int8(0)


@compiled
def _token_sums(
    space: Space,
    n: int,
    words: int,
    parts: int,
    slots: NDArray[np.int8],
    column: int,
    weights: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:
    """Per token, what its word, its pairs and its parts speak for an outcome; the signs speak of
    the whole text."""
    sums[:n] = 0
    value = block_value(weights[0], words)
    for f in range(words):
        # A pair speaks for both of its words.
        share = value * _weight(space.features[f], slots, column) / 2
        sums[space.first_token[f]] += share
        sums[space.last_token[f]] += share
    value, begin = block_value(weights[1], parts - words), words
    for t in range(n):
        for f in range(begin, space.parts_end[t]):
            share = value * _weight(space.features[f], slots, column) / 2
            sums[t] += share
            sums[t] += share
        begin = space.parts_end[t]


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


@compiled
def _weightiest(
    found: NDArray[np.float64],
    count: int,
    places: NDArray[np.int64],
    shares: NDArray[np.float64],
) -> int:
    """Copies the weightiest phrases, of equal ones the earlier first, weights rounded. How many."""
    for p in range(count):
        found[p, 2] = np.rint(found[p, 2] * 1000) / 1000
    kept = min(count, AT_MOST)
    for k in range(kept):
        first = 0
        for p in range(count):
            if found[p, 2] > found[first, 2]:
                first = p
        places[k, 0] = np.int64(found[first, 0])
        places[k, 1] = np.int64(found[first, 1])
        shares[k] = found[first, 2]
        found[first, 2] = -1
    return kept


@compiled
def _phrases(
    codes: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    told: NDArray[np.uint32],
    slots: NDArray[np.int8],
    wanted: NDArray[np.intp],
    alphabet: Alphabet,
    negations: NDArray[np.uint32],
    weights: NDArray[np.float32],
    space: Space,
    sums: NDArray[np.float32],
    found: NDArray[np.float64],
    places: NDArray[np.int64],
    shares: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> None:
    """wanted: per text the outcome to explain. places, shares: per text rows of begin and end, and
    weights, of which `counts` are filled."""
    for i in range(told.size):
        text = codes[offsets[i] : offsets[i + 1]]
        n, words, parts, _ = features_of(text, told[i], alphabet, negations, space)
        _token_sums(space, n, words, parts, slots, 1 + wanted[i], weights, sums)
        count = _join_phrases(text, n, space, sums, found)
        counts[i] = _weightiest(found, count, places[i], shares[i])


class Scorer:
    """Sums weights. Not for two threads at once: it has one space to work in."""

    def __init__(self) -> None:
        self._space = space()
        self._lanes = np.empty(8, np.int64)
        self._token_sums = np.empty(self._space.hashes.size, np.float32)
        self._found = np.empty((self._space.hashes.size, 3))

    def logits(self, texts: Texts, head: Head) -> NDArray[np.float32]:
        """Per text and outcome."""
        return self.logits_and_silence(texts, head)[0]

    def logits_and_silence(
        self, texts: Texts, head: Head
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Per text and outcome; and which texts say nothing but addresses and names of accounts."""
        sums = np.zeros((texts.told.size, head.bias.size), np.float32)
        silent = np.zeros(texts.told.size, np.bool_)
        _sums(
            *texts,
            _columns_of(head.slots),
            ALPHABET,
            NEGATIONS,
            BLOCK_WEIGHTS,
            self._space,
            self._lanes,
            sums,
            silent,
        )
        return sums * head.scale + head.bias, silent

    def phrases(self, texts: Texts, head: Head, wanted: NDArray[np.intp]) -> list[list[Phrase]]:
        """Per text the phrases that speak most for the outcome wanted of it, weightiest first."""
        count = texts.told.size
        places, shares = np.empty((count, AT_MOST, 2), np.int64), np.empty((count, AT_MOST))
        counts = np.zeros(count, np.int64)
        _phrases(
            *texts,
            head.slots,
            wanted,
            ALPHABET,
            NEGATIONS,
            BLOCK_WEIGHTS,
            self._space,
            self._token_sums,
            self._found,
            places,
            shares,
            counts,
        )
        rows = zip(places.tolist(), shares.tolist(), counts.tolist(), strict=True)
        return [
            [(begin, end, share) for (begin, end), share in zip(spans[:n], weights, strict=False)]
            for spans, weights, n in rows
        ]


def _columns_of(slots: NDArray[np.int8]) -> NDArray[np.uint64]:
    """A table as numbers of eight bytes each, the last one filled up with weights of nothing."""
    missing = -slots.shape[1] % 8
    if missing:
        slots = np.pad(slots, ((0, 0), (0, missing)))
    return slots.view(np.uint64)
