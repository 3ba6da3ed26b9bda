"""Big voice: somebody criticises who reaches far more people than this watch's voices usually do.

The usual reach is a histogram of the logarithm with two bins an octave; old voices fade as new ones
come. A reach that the watch has seen lately is no news, whoever has it: a few accounts are large,
and come again. What a platform does not say is unknown, not zero, and teaches nothing.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from services.alert.detector import Finding, Voice

LEAST: Final = 10_000
"""Followers or views. Below, a post does not leave its circle, whatever is usual."""
TIMES: Final = 20.0
"""The usual reach, so many times: one voice that weighs as much as a day of large ones."""
SHARE: Final = 0.95
"""The usual reach is what so many voices do not exceed."""
BINS: Final = 64
BINS_PER_OCTAVE: Final = 2
MEMORY: Final = 50_000
"""When so many voices are counted, all counts are halved."""
PRIOR_VOICES: Final = 20
"""What is thought of a watch before it has spoken: as many voices reach up to 5,800 people, so
that a new one takes 100,000 for far."""
PRIOR_BIN: Final = 24


class BigVoice(msgspec.Struct):
    """counts: voices per bin; known: all of them."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * BINS)
    known: int = 0

    def fold(self, voice: Voice) -> Finding | None:
        reach = voice.reach
        if reach <= 0:
            return None
        finding = self._weigh(voice) if reach >= LEAST and voice.critical else None
        self._learn(reach)
        return finding

    def usual(self) -> float:
        """The reach that one voice in twenty exceeds."""
        left = (1.0 - SHARE) * (self.known + PRIOR_VOICES)
        for place in range(BINS - 1, -1, -1):
            left -= self.counts[place] + (PRIOR_VOICES if place == PRIOR_BIN else 0)
            if left < 0.0:
                return _upper_edge(place)
        return _upper_edge(0)

    def _weigh(self, voice: Voice) -> Finding | None:
        usual = self.usual()
        if voice.reach < TIMES * usual:
            return None
        beyond = sum(self.counts[_bin(voice.reach) :])
        if beyond:
            return None
        return Finding(
            detector="big_voice",
            at=voice.at,
            surprise=math.log10(self.known + PRIOR_VOICES + 1),
            numbers={"reach": voice.reach, "usual": usual, "ratio": voice.reach / usual},
        )

    def _learn(self, reach: int) -> None:
        self.counts[_bin(reach)] += 1
        self.known = known = self.known + 1
        if known >= MEMORY:
            self.counts = [count // 2 for count in self.counts]
            self.known = sum(self.counts)


def _bin(reach: int) -> int:
    place = int(BINS_PER_OCTAVE * math.log2(reach))
    return place if place < BINS else BINS - 1


def _upper_edge(place: int) -> float:
    return float(2.0 ** ((place + 1) / BINS_PER_OCTAVE))
