"""How high the greatest bursts of the last weeks were, on one time scale."""

from __future__ import annotations

import math
from typing import Final

import msgspec

DAY: Final = 288
"""In buckets of five minutes."""
FADE: Final = 0.02
"""A remembered height loses so much a day, as a natural logarithm,"""
FORGET_DAYS: Final = 60.0
"""and of what it has over the usual level the part that makes 1/e in so many days."""
SECOND: Final = 0.5
"""The share of the second greatest: one storm alone must not hide the next one for months."""
APART: Final = DAY
"""Bursts less than this apart are one."""
SWAY: Final = 0.4
"""The level of a watch goes up and down by so much, as a natural logarithm, and means nothing."""
FADES_EACH: Final = 12
"""An hour."""


class Height(msgspec.Struct):
    """A burst remembered. over: its height over `usual`, the height of the level when it was."""

    over: float
    usual: float

    def now(self, usual: float) -> float:
        """Its height; lower where the level of the watch has sunk since, by more than it sways."""
        sunk = self.usual - usual - SWAY
        return self.over + self.usual - (sunk if sunk > 0.0 else 0.0)

    def fade(self, days: float) -> None:
        if self.over > 0.0:
            lost = FADE * FORGET_DAYS
            self.over = max(0.0, (self.over + lost) * math.exp(-days / FORGET_DAYS) - lost)


class Peaks(msgspec.Struct):
    """The two greatest bursts. at: the bucket of the greatest. aged: up to when they have faded."""

    first: Height | None = None
    second: Height | None = None
    at: int = -1
    aged: int = -1

    def height(self, bucket: int, usual: float) -> float:
        """What is to be passed. usual: the height of the present level."""
        if self.first is None:
            return math.inf
        self._age(bucket)
        first = self.first.now(usual)
        if self.second is None:
            return first
        return (1.0 - SECOND) * first + SECOND * self.second.now(usual)

    def take(self, bucket: int, height: float, usual: float) -> bool:
        """Remembers a height if it is one of the greatest; tells whether it is."""
        if self.first is None or height > self.first.now(usual):
            if bucket > self.at + APART:
                self.second = self.first
            self.first, self.at = Height(height - usual, usual), bucket
            return True
        if bucket > self.at + APART and (self.second is None or height > self.second.now(usual)):
            self.second = Height(height - usual, usual)
            return True
        return False

    @property
    def fades_at(self) -> int:
        """The bucket in which its height changes although nothing is taken."""
        return self.aged + FADES_EACH

    def _age(self, bucket: int) -> None:
        if self.aged < 0:
            self.aged = bucket
        elapsed = bucket - self.aged
        if elapsed < FADES_EACH:
            return
        for burst in (self.first, self.second):
            if burst is not None:
                burst.fade(elapsed / DAY)
        self.aged = bucket
