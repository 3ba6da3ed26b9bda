"""What a model learns from: the features that serve, and the meanings of words beside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import hstack

from services.classify.linear.features import Texts
from training.matrix import Matrix, Vocabulary
from training.meanings import Meanings


class Features:
    """Columns: a vocabulary's slots, then meanings."""

    def __init__(self, texts: Texts, slots: int, meanings: Meanings) -> None:
        self.vocabulary = Vocabulary(texts, slots, meanings.features)
        self._shares = meanings.over(self.vocabulary)

    def matrix(self, texts: Texts) -> Matrix:
        """The texts as rows."""
        rows = self.vocabulary.matrix(texts)
        whole: Matrix = hstack((rows, rows @ self._shares), format="csr")
        return whole

    def weights(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a feature of each slot weighs, per outcome: by itself, by its meanings, and by how
        rare it is. coefficients: columns × outcomes."""
        slots = self.vocabulary.slots
        own, meant = coefficients[:slots], coefficients[slots:]
        return np.asarray((own + self._shares @ meant) * self.vocabulary.idf[:, None])
