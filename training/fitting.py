"""One outcome against the rest: a logistic regression over telling features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import diags
from sklearn.linear_model import LogisticRegression

from training.matrix import Matrix

STRENGTH: Final = 1.0
"""Inverse of the regularisation, found by leaving out parts of the corpus."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A logit is row · coefficients + intercept."""

    coefficients: NDArray[np.float64]
    intercept: float

    def logits(self, matrix: Matrix) -> NDArray[np.float64]:
        return np.asarray(matrix @ self.coefficients + self.intercept)


def fit(matrix: Matrix, wanted: NDArray[np.int8], strength: float = STRENGTH) -> Fitted:
    """Learns from rows with 1 and 0; -1 is not known. Both sides have the same weight."""
    said = wanted >= 0
    rows, outcome = matrix[said], wanted[said]
    scale = telling(rows, outcome)
    model = LogisticRegression(C=strength, class_weight="balanced", solver="liblinear", tol=1e-3)
    model.fit(rows @ diags(scale), outcome)
    return Fitted(model.coef_[0] * scale, float(model.intercept_[0]))


def telling(matrix: Matrix, outcome: NDArray[np.int8]) -> NDArray[np.float64]:
    """How much each column by itself says of the outcome: the root of the distance of its
    log-odds. Columns are scaled by it, so that what tells much is learnt sooner (after Wang and
    Manning, Baselines and Bigrams, ACL 2012, who take the log-odds themselves)."""
    there = matrix.copy()
    there.data = np.ones_like(there.data)
    with_it, without = outcome == 1, outcome == 0
    odds = (_count(there[with_it]) + 1) / (np.sum(with_it) + 2)
    odds /= (_count(there[without]) + 1) / (np.sum(without) + 2)
    return np.asarray(np.sqrt(np.abs(np.log(odds))))


def _count(there: Matrix) -> NDArray[np.float64]:
    return np.asarray(there.sum(axis=0), np.float64).ravel()
