"""What is drawn for the mentions of a day, many at once: when, of which label, taken for which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from sandbox.simulator.plan import MINUTES
from sandbox.simulator.rhythm import BIN_SECONDS, BINS, times
from sandbox.simulator.settings import Settings
from sandbox.simulator.texts import BUCKETS, CRISIS
from sandbox.simulator.truth import Spell, SpellKind

ORDINARY: Final = (0.22, 0.18, 0.2, 0.0, 0.4)
MIXES: Final[dict[SpellKind, tuple[float, ...]]] = {
    "good_news": (0.03, 0.07, 0.75, 0.0, 0.15),
    "match_day": (0.15, 0.1, 0.25, 0.0, 0.5),
    "giveaway": (0.02, 0.06, 0.2, 0.0, 0.72),
    "press_day": (0.08, 0.12, 0.1, 0.0, 0.7),
}
"""Shares of complaint, question, praise, crisis candidate and other. Crisis candidates among the
ordinary ones are set by `Settings.dangers`."""
SMALL: Final = 0.5
"""Spells of a quieter watch are as strong as if it had so many mentions an hour."""
_ERRORS: Final = (
    (0, 37, 42, 0, 40),
    (28, 0, 5, 0, 15),
    (45, 17, 0, 0, 30),
    (30, 19, 5, 0, 15),
    (52, 8, 15, 0, 0),
)
"""What an earlier classifier took texts for where it erred, by true label: counts on the gold sets,
without what it took for crisis candidates."""


Draw: TypeAlias = tuple[float, int, int, int, float, float, float, float]
"""What is drawn for one mention: at, true, found, bucket, german, who, where, late.

`at` is in seconds since the day's begin; `true` and `found` are places in LABELS; `bucket` says how
sure the classifier is; the others are shares from 0 to 1. A plain tuple: there are millions.
"""


class Confusion:
    """How the classifier errs."""

    def __init__(self, settings: Settings) -> None:
        self._cumulated = np.cumsum([self._row(true, settings) for true in range(5)], axis=1)

    @staticmethod
    def _row(true: int, settings: Settings) -> list[float]:
        danger = 0.0 if true == CRISIS else min(settings.false_danger, settings.confusion)
        weight = (settings.confusion - danger) / sum(_ERRORS[true])
        row = [weight * count for count in _ERRORS[true]]
        row[true] = 1.0 - settings.confusion
        if true != CRISIS:
            row[CRISIS] = danger
        return row

    def found(self, true: NDArray[np.int64], choice: np.random.Generator) -> NDArray[np.int64]:
        """What the classifier takes texts of these labels for."""
        shares = choice.random((len(true), 1))
        found: NDArray[np.int64] = (shares > self._cumulated[true]).sum(axis=1)
        return np.minimum(found, 4)


def draws(
    at: NDArray[np.float64],
    true: NDArray[np.int64],
    confusion: Confusion,
    choice: np.random.Generator,
) -> Iterator[Draw]:
    """All that is drawn for mentions at these moments, of these labels."""
    columns = (
        at.tolist(),
        true.tolist(),
        confusion.found(true, choice).tolist(),
        choice.integers(BUCKETS, size=len(at)).tolist(),
        *choice.random((4, len(at))).tolist(),
    )
    return cast(Iterator[Draw], zip(*columns, strict=True))


def labels(count: int, mix: Sequence[float], choice: np.random.Generator) -> NDArray[np.int64]:
    """So many labels at these shares, as places in LABELS."""
    bounds = np.cumsum(mix) / np.sum(mix)
    return np.searchsorted(bounds[:-1], choice.random(count), side="right")


def spell_times(
    spell: Spell, day: int, expected: NDArray[np.float64], choice: np.random.Generator
) -> NDArray[np.float64]:
    """When the mentions of a spell come on a day, in seconds since the day's begin."""
    since = (day * MINUTES + (np.arange(BINS) + 0.5) * BIN_SECONDS / 60) - spell.begin
    during = (since >= 0) & (since <= spell.end - spell.begin)
    if spell.kind != "match_day":
        strength = spell.factor * np.exp(-np.maximum(since, 0.0) / spell.lasting)
    else:
        strength = np.full(BINS, spell.factor)
    rates = np.where(during, strength * np.maximum(expected, SMALL), 0.0)
    return times(rates * choice.gamma(8.0, size=BINS) / 8.0, choice)


def within(day: int, begin: int, end: int) -> bool:
    """Whether a time given in minutes touches a day."""
    return begin < (day + 1) * MINUTES and end > day * MINUTES
