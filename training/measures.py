"""How good predictions are: the measures of the model card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Measure: TypeAlias = Callable[[NDArray[np.int64]], float]
"""Of the rows with these numbers."""
RESAMPLES: Final = 1_000
BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Score:
    """precision, recall, f1: 0 to 1. low, high: where F1 lies in 95 of 100 bootstrap samples."""

    precision: float
    recall: float
    f1: float
    low: float
    high: float
    support: int


def score(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> Score:
    """Of one label: where it was found, and where it is true."""
    precision, recall, f1 = _prf(found, true)
    low, high = interval(lambda rows: _prf(found[rows], true[rows])[2], true.size)
    return Score(precision, recall, f1, low, high, int(true.sum()))


def macro_f1(found: NDArray[np.int64], true: NDArray[np.int64], labels: int) -> float:
    """The mean over labels, by number, of F1."""
    return float(np.mean([_prf(found == k, true == k)[2] for k in range(labels)]))


def interval(measure: Measure, size: int) -> tuple[float, float]:
    """Where a measure lies in 95 of 100 resamples of the rows (bootstrap, Efron 1979)."""
    random = np.random.default_rng(1)
    values = [measure(random.integers(0, size, size)) for _ in range(RESAMPLES)]
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def reliability(
    probability: NDArray[np.float64], held: NDArray[np.bool_]
) -> list[tuple[float, float, int]]:
    """Per tenth of probability that occurs: mean probability, share that held, and how many."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    return [
        (float(probability[rows].mean()), float(held[rows].mean()), int(rows.sum()))
        for rows in (bins == k for k in range(BINS))
        if rows.any()
    ]


def calibration_error(probability: NDArray[np.float64], held: NDArray[np.bool_]) -> float:
    """Expected calibration error (Naeini et al. 2015): the mean distance of probability from what
    held, over tenths, by how many texts are in each."""
    points = reliability(probability, held)
    return sum(abs(mean - share) * count for mean, share, count in points) / held.size


def _prf(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> tuple[float, float, float]:
    hits, claimed, there = int(np.sum(found & true)), int(found.sum()), int(true.sum())
    precision, recall = hits / max(claimed, 1), hits / max(there, 1)
    return precision, recall, 2 * hits / max(claimed + there, 1)
