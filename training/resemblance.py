"""How much texts repeat one another: near-duplicates, and words that stand together too often."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

NEAR: Final = 0.6
"""Jaccard similarity from which two texts count as near-duplicates. Exact, where MinHash would
estimate it: a corpus of some ten thousand texts allows it."""
_SHINGLE: Final = 3
_WORD: Final = re.compile(r"\w+")
_COMMON: Final = 200
"""A shingle that stands in more texts than this says nothing about any two of them."""


class Commonest(NamedTuple):
    """A sequence of words, and the share of texts it stands in."""

    words: str
    share: float


def near_duplicates(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of texts, by position, whose sets of three-word sequences are as similar as `NEAR`.
    Texts of fewer words are compared as a whole."""
    shingles = [_shingles(text) for text in texts]
    holding: dict[str, list[int]] = defaultdict(list)
    for position, found in enumerate(shingles):
        for shingle in found:
            holding[shingle].append(position)
    shared: Counter[tuple[int, int]] = Counter()
    for positions in holding.values():
        if 1 < len(positions) <= _COMMON:
            for index, first in enumerate(positions):
                for second in positions[index + 1 :]:
                    shared[first, second] += 1
    return sorted(
        pair
        for pair, common in shared.items()
        if common / (len(shingles[pair[0]]) + len(shingles[pair[1]]) - common) >= NEAR
    )


def commonest_sequence(texts: Sequence[str], length: int = 4) -> Commonest:
    """The sequence of so many words that stands in the largest share of the texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        words = _words(text)
        counts.update({" ".join(words[i : i + length]) for i in range(len(words) - length + 1)})
    if not counts:
        return Commonest("", 0.0)
    ((sequence, count),) = counts.most_common(1)
    return Commonest(sequence, count / len(texts))


def _shingles(text: str) -> frozenset[str]:
    words = _words(text)
    if len(words) < _SHINGLE:
        return frozenset((" ".join(words),))
    return frozenset(" ".join(words[i : i + _SHINGLE]) for i in range(len(words) - _SHINGLE + 1))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
