"""The same sums as the compiled ones, one feature after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.classify.linear.features import (
    ALPHABET,
    NEGATIONS,
    SIGNS,
    WEIGHTS,
    features_of,
    space,
    texts,
)
from services.classify.linear.scoring import AT_MOST, COUNTS_FROM, GAP
from services.classify.linear.weights import Head, tag_of

SPACE = space()
Phrases = list[tuple[int, int, float]]


def weights_of(hashes: NDArray[np.uint32], head: Head) -> NDArray[np.int64]:
    """Per feature and outcome, its weight in the table; zeros for an unknown feature."""
    rows = head.slots[hashes & np.uint32(head.slots.shape[0] - 1)]
    known = rows[:, 0].view(np.uint8) == tag_of(hashes)
    return np.where(known[:, None], rows[:, 1:], 0).astype(np.int64)


def logits(text: str, head: Head) -> NDArray[np.float32]:
    """Block by block in the precision of serving."""
    batch = texts([text], [0])
    _, *ends = features_of(batch.of(0), 0, ALPHABET, NEGATIONS, SPACE)
    sums = np.zeros(head.bias.size, np.float32)
    begin = 0
    for weight, end in zip(WEIGHTS, ends, strict=True):
        value = np.float32(weight) / np.sqrt(np.float32(max(end - begin, 1)))
        block = weights_of(SPACE.features[begin:end], head).sum(axis=0)
        sums = (sums + np.float64(value) * block).astype(np.float32)
        begin = end
    return sums * head.scale + head.bias


def phrases(text: str, head: Head, outcome: int) -> Phrases:
    """The phrases that speak most for an outcome."""
    batch = texts([text], [0])
    n, words, parts, _ = features_of(batch.of(0), 0, ALPHABET, NEGATIONS, SPACE)
    weights = weights_of(SPACE.features[:parts], head)[:, outcome]
    of_word, of_part = (
        np.float32(weight) / np.sqrt(np.float32(max(size, 1)))
        for weight, size in ((WEIGHTS[0], words), (WEIGHTS[1], parts - words))
    )
    sums = np.zeros(n, np.float32)
    owners = np.repeat(np.arange(n), np.diff(SPACE.parts_end[:n], prepend=words))
    for f in range(parts):
        if f < words:
            share, both = of_word * np.float32(weights[f]), (SPACE.first_token, SPACE.last_token)
            tokens = [int(place[f]) for place in both]
        else:
            share, tokens = of_part * np.float32(weights[f]), [int(owners[f - words])] * 2
        for token in tokens:
            sums[token] = np.float32(float(sums[token]) + float(share) / 2)
    found = joined(text, sums)
    rounded = [(begin, end, round(weight, 3)) for begin, end, weight in found]
    return sorted(rounded, key=lambda phrase: phrase[2], reverse=True)[:AT_MOST]


def joined(text: str, sums: NDArray[np.float32]) -> Phrases:
    """Neighbouring tokens that decide, as phrases in the order of the text."""
    speaking = [float(one) for one in sums if one > 0]
    whole, most = sum(speaking), max(speaking, default=0.0)
    found: Phrases = []
    for t, weight in enumerate(map(float, sums)):
        begin, end = int(SPACE.begins[t]), int(SPACE.ends[t])
        tells = text[begin] in "!?" or text[begin] > "\u2190"
        if weight <= 0 or weight < COUNTS_FROM * most:
            continue
        if SPACE.kinds[t] == SIGNS and not tells:
            continue
        if found and begin - found[-1][1] <= GAP and text[found[-1][1]] != "\n":
            first, _, before = found.pop()
            found.append((first, end, before + weight / whole))
        else:
            found.append((begin, end, weight / whole))
    return found
