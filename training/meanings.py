"""Words and pairs of words with what they mean: what 40,000 texts do not teach.

A linear model learns every word by itself, so it knows next to nothing of rare ones. The lists in
`training/meanings/` say what 38,000 words and pairs mean in posts about companies: `ignored`,
`good_strong`, `can_it`. A text gets one more feature per meaning: what its words of that meaning
count together; words in the reach of a negation make another, the negated meaning. What is learnt
for a meaning is in the end added to the weights of its words (`training/train.py`). So all words of
one meaning share weight, also those that no text of the corpus has, and serving neither knows of
meanings nor takes longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.classify.linear.features import texts
from training.matrix import Matrix, Vocabulary, hashed

FOLDER: Final = Path(__file__).with_name("meanings")
NEGATION: Final = "nicht"
"""Any: every negation makes the same feature of the words in its reach."""
STRENGTH: Final = 8.0
"""How readily a meaning is learnt, against single words; found by leaving out parts of the
corpus."""


@dataclass(frozen=True, slots=True)
class Meanings:
    """features: hashes; columns: per feature the meaning it has, a feature of several stands there
    several times; count: of meanings."""

    features: NDArray[np.uint32]
    columns: NDArray[np.int32]
    count: int

    def over(self, vocabulary: Vocabulary) -> Matrix:
        """Slots × meanings: times rows of the vocabulary's features it gives the features of
        meanings, times their coefficients the share of each slot's weight."""
        slot, known = vocabulary.places(self.features)
        values = np.where(known, STRENGTH / vocabulary.idf[slot].clip(min=1.0), 0.0)
        whole = csr_matrix((values, (slot, self.columns)), (vocabulary.slots, self.count))
        whole.eliminate_zeros()
        return whole


def read_meanings(folder: Path = FOLDER) -> Meanings:
    """Raises ValueError that names file and line for what is no `words<TAB>meaning,meaning`."""
    meant = [pair for path in sorted(folder.glob("*.tsv")) for pair in read_list(path)]
    names = {name: n for n, name in enumerate(sorted({name for _, name in meant}))}
    words = list(dict.fromkeys(word for word, _ in meant))
    plain = _features(words, [0 if " " not in word else 2 for word in words])
    single = [word for word in words if " " not in word]
    negated = _features([f"{NEGATION} {word}" for word in single], [3] * len(single))
    as_said = dict(zip(words, plain.tolist(), strict=True))
    as_negated = dict(zip(single, negated.tolist(), strict=True))
    pairs = {(as_said[word], names[name]) for word, name in meant}
    pairs |= {
        (as_negated[word], len(names) + names[name]) for word, name in meant if word in as_negated
    }
    features, columns = np.array(sorted(pairs)).T
    return Meanings(features.astype(np.uint32), columns.astype(np.int32), 2 * len(names))


def read_list(path: Path) -> Iterable[tuple[str, str]]:
    """Words and a meaning of theirs, a pair for each. Raises ValueError as above."""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        words, tab, names = line.partition("\t")
        if not tab or len(words.split(" ")) > 2 or not all([*words.split(" "), *names.split(",")]):
            raise ValueError(f"{path.name}:{number}: expected a word or two, a tab, meanings")
        for name in names.split(","):
            yield words, name


def _features(read: list[str], which: list[int]) -> NDArray[np.uint32]:
    """Of each text one of its features. Words come first, each followed by the pair it ends and by
    itself as negated (`services/classify/linear/features.py`)."""
    hashes, _, rows = hashed(texts(read, [0] * len(read)))
    return np.asarray(hashes[rows[:-1] + np.array(which)])
