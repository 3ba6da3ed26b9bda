"""How much each source says, so that what is unobserved can be made up for."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

import msgspec

HALF_LIFE_SECONDS: Final = 14 * 86_400.0
MOST_SOURCES: Final = 24
"""Those that say least share one place: they change little by being blind."""
LEAST_WEIGHT: Final = 50.0
"""Mentions before which no source is known well enough to be missed."""
_TOO_LARGE: Final = 2.0**20


class Shares(msgspec.Struct):
    """Mentions by source, older ones counting less. `epoch`: when one counts one."""

    weights: dict[str, float] = {}
    total: float = 0.0
    epoch: float = -1.0

    def add(self, source: str, at: float) -> None:
        """Takes in a mention."""
        if self.epoch < 0.0:
            self.epoch = at
        age = (at - self.epoch) / HALF_LIFE_SECONDS
        weight = 2.0 ** (age if age < 500.0 else 500.0)
        if weight > _TOO_LARGE:
            self._rebase(at, weight)
            weight = 1.0
        weights = self.weights
        before = weights.get(source)
        if before is None and len(weights) >= MOST_SOURCES:
            del weights[min(weights, key=weights.__getitem__)]
        weights[source] = weight if before is None else before + weight
        self.total += weight

    def seen(self, blind: Set[str]) -> float:
        """Which part, 0 to 1, of what is usually said comes from the other sources."""
        if not blind or self.total < LEAST_WEIGHT:
            return 1.0
        unseen = sum(weight for source, weight in self.weights.items() if source in blind)
        return max(0.0, 1.0 - unseen / self.total)

    def _rebase(self, at: float, weight: float) -> None:
        self.weights = {source: each / weight for source, each in self.weights.items()}
        self.total /= weight
        self.epoch = at
