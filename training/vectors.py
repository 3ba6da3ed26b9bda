"""The shipped features as a scikit-learn transformer, to train other models on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from sklearn.base import BaseEstimator, TransformerMixin

from services.classify.linear.features import texts
from training.matrix import Matrix, Vocabulary

SLOTS = 1 << 19


# scikit-learn has no types.
class HashedFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """From texts to rows of the features that the classifier sees."""

    def fit(self, read: Sequence[str], _labels: object = None) -> Self:
        self.vocabulary_ = Vocabulary(texts(read, [0] * len(read)), SLOTS)
        return self

    def transform(self, read: Sequence[str]) -> Matrix:
        return self.vocabulary_.matrix(texts(read, [0] * len(read)))
