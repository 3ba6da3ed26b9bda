"""Texts as a sparse matrix of features, by the functions that serve."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.classify.linear.alphabet import Alphabet
from services.classify.linear.compiled import compiled
from services.classify.linear.features import ALPHABET, NEGATIONS, Space, Texts, features_of, space
from services.classify.linear.scoring import BLOCK_WEIGHTS, block_value
from services.classify.linear.weights import tag_of

Matrix: TypeAlias = csr_matrix

SELDOM: Final = 2
"""What fewer texts have is chance."""
NONE_WANTED: Final = np.zeros(0, np.uint32)


@compiled
def _fill(
    codes: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    told: NDArray[np.uint32],
    alphabet: Alphabet,
    negations: NDArray[np.uint32],
    weights: NDArray[np.float32],
    space: Space,
    hashes: NDArray[np.uint32],
    values: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> None:
    count = 0
    for i in range(told.size):
        text = codes[offsets[i] : offsets[i + 1]]
        _, words, parts, signs = features_of(text, told[i], alphabet, negations, space)
        of_words = block_value(weights[0], words)
        of_parts = block_value(weights[1], parts - words)
        of_signs = block_value(weights[2], signs - parts)
        for f in range(signs):
            hashes[count] = space.features[f]
            values[count] = of_words if f < words else of_parts if f < parts else of_signs
            count += 1
        rows[i + 1] = count


def hashed(texts: Texts) -> tuple[NDArray[np.uint32], NDArray[np.float32], NDArray[np.int64]]:
    """The hashes of all features of all texts, what each counts, and where each text begins."""
    room = 12 * texts.codes.size + 32 * texts.told.size
    hashes, values = np.empty(room, np.uint32), np.empty(room, np.float32)
    rows = np.zeros(texts.told.size + 1, np.int64)
    _fill(*texts, ALPHABET, NEGATIONS, BLOCK_WEIGHTS, space(), hashes, values, rows)
    return hashes[: rows[-1]], values[: rows[-1]], rows


class Vocabulary:
    """Which feature owns which slot of a table, and how rare it is.

    A slot belongs to the feature that stands in the most texts; features in fewer than SELDOM
    texts own none, unless they are wanted. `idf` is log((1 + texts) / (1 + texts with it)) + 1 per
    slot.
    """

    def __init__(self, texts: Texts, slots: int, wanted: NDArray[np.uint32] = NONE_WANTED) -> None:
        hashes, _, rows = hashed(texts)
        row = np.repeat(np.arange(texts.told.size, dtype=np.uint64), np.diff(rows))
        once = np.unique(row << np.uint64(32) | hashes)
        known, count = np.unique(once.astype(np.uint32), return_counts=True)
        kept = (count >= SELDOM) | np.isin(known, wanted)
        unseen = np.setdiff1d(wanted, known)
        known = np.concatenate((known[kept], unseen))
        count = np.concatenate((count[kept], np.zeros_like(unseen, np.int64)))
        order = np.lexsort((known, -count))
        slot = known[order] & np.uint32(slots - 1)
        _, first = np.unique(slot, return_index=True)
        owners = order[first]
        self.slots = slots
        self.owner = np.zeros(slots, np.uint32)
        self.idf = np.zeros(slots, np.float32)
        self.owned = np.zeros(slots, bool)
        place = known[owners] & np.uint32(slots - 1)
        self.owned[place] = True
        self.owner[place] = known[owners]
        self.idf[place] = np.log((1 + texts.told.size) / (1 + count[owners])) + 1

    def places(self, hashes: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """The slot of each feature, and whether the feature owns it."""
        slot = hashes & np.uint32(self.slots - 1)
        return slot, self.owned[slot] & (tag_of(self.owner[slot]) == tag_of(hashes))

    def matrix(self, texts: Texts) -> Matrix:
        """The texts as rows of known features, one column per slot, weighted by idf."""
        hashes, values, rows = hashed(texts)
        slot, known = self.places(hashes)
        values = np.where(known, values * self.idf[slot], np.float32(0))
        whole = csr_matrix((values, slot.astype(np.int32), rows), (texts.told.size, self.slots))
        whole.sum_duplicates()
        whole.eliminate_zeros()
        return whole
