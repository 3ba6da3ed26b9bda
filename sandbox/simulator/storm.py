"""How a storm runs: its script, and from the script the true level of every minute.

The script says how many different critical people speak up in an hour, from the first grumbling
to the last echo. A minute's level is the highest whose usual intensity the script reaches, but for
a fifth, and never above the storm's planned peak. The other criteria follow the level that has
been reached: channels opened, articles written, the share of insults. No detector's table is
asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sandbox.simulator.truth import Circumstance, Shape, Step, StormTruth

LEAST: Final = (0.0, 2.0, 4.0, 10.0, 30.0, 100.0, 300.0)
TIMES_ORDINARY: Final = (0.0, 0.1, 0.3, 1.0, 3.0, 8.0, 20.0)
"""Critical voices an hour that a level has: at least so many, and so many times the ordinary
mentions of the watch."""
REACHED: Final = 0.8
FACTORS: Final = (0.85, 1.6)
"""A peak lies so far around the usual intensity of its level; from REACHED on it counts."""
OPEN_CHANNELS: Final = (1, 1, 2, 4, 6, 8, 8)
ARTICLES: Final = (0.0, 0.0, 0.0, 1.5, 4.0, 10.0, 25.0)
"""Articles an hour; the first comes within minutes of the level."""
PRINT_FROM: Final = 4
INSULTS: Final = (0.0, 0.01, 0.02, 0.05, 0.12, 0.22, 0.38)
REPEATS: Final = (0.0, 0.05, 0.15, 0.2, 0.25, 0.3, 0.35)
"""Further mentions by people who have spoken before, for each new voice."""
REPOSTS: Final = (0.0, 0.0, 0.05, 0.15, 0.25, 0.3, 0.35)
BYSTANDERS: Final = (0.0, 0.1, 0.2, 0.3, 0.3, 0.3, 0.25)
"""Mentions of it that are neither criticism nor praise, for each new voice."""
_LAST: Final = 0.25
"""Below this share of level 1's intensity a storm is over."""


def usual(level: int, per_hour: float) -> float:
    """Critical voices an hour of a level, for a watch with so many ordinary mentions an hour."""
    return max(LEAST[level], TIMES_ORDINARY[level] * per_hour)


@dataclass(frozen=True, slots=True)
class Script:
    """The storm minute by minute, from `truth.begin` on.

    voices: new critical voices an hour. levels: the true level. highest: the highest level so far.
    """

    truth: StormTruth
    voices: NDArray[np.float64]
    levels: NDArray[np.int64]
    highest: NDArray[np.int64]


def script(
    choice: np.random.Generator,
    *,
    id: str,
    watch: str,
    theme: str,
    name: str,
    shape: Shape,
    circumstance: Circumstance,
    peak: int,
    rise: int,
    per_hour: float,
) -> Script:
    """Writes the script of a storm that begins to rise at minute `rise`."""
    height = usual(peak, per_hour) * choice.uniform(*FACTORS)
    ground = min(usual(1, per_hour) * choice.uniform(0.3, 0.7), height)
    smoulder, rising, lasting, half_life = _durations(choice, shape, peak)
    start = max(0, rise - smoulder)
    steps = np.arange(rising)
    up = ground * (height / ground) ** ((steps + 1) / rising)
    over = usual(1, per_hour) * _LAST
    fading = int(np.ceil(half_life * np.log2(height / min(over, height / 2))))
    down = height * 0.5 ** (np.arange(1, fading + 1) / half_life)
    voices = np.concatenate([np.full(rise - start, ground), up, np.full(lasting, height), down])
    levels = true_levels(voices, per_hour, peak)
    onset = np.flatnonzero(levels >= 2)
    truth = StormTruth(
        id=id,
        watch=watch,
        theme=theme,
        name=name,
        shape=shape,
        circumstance=circumstance,
        peak=peak,
        begin=start,
        end=start + len(voices),
        onset=start + int(onset[0]) if len(onset) else None,
        levels=_change_points(levels, start),
    )
    return Script(truth, voices, levels, np.maximum.accumulate(levels))


def true_levels(voices: NDArray[np.float64], per_hour: float, peak: int) -> NDArray[np.int64]:
    """The level of each minute by its intensity; level 1 begins with the first voice."""
    floors = [REACHED * usual(level, per_hour) for level in range(2, peak + 1)]
    levels: NDArray[np.int64] = 1 + np.searchsorted(np.array(floors), voices, side="right")
    return np.minimum(levels, peak)


def _durations(choice: np.random.Generator, shape: Shape, peak: int) -> tuple[int, int, int, float]:
    """Minutes of smouldering, rising, lasting; and the half-life of the fading."""
    if shape == "sudden":
        smoulder, rising = choice.uniform(5, 60), _between(choice, 5, 30)
    else:
        smoulder, rising = _between(choice, 6 * 60, 48 * 60), _between(choice, 3 * 60, 60 * 60)
    lasting = _between(choice, 60, 60 * (3 + peak))
    return int(smoulder), int(rising), int(lasting), _between(choice, 45, 300)


def _between(choice: np.random.Generator, low: float, high: float) -> float:
    """Even on a scale of logarithms."""
    return float(np.exp(choice.uniform(np.log(low), np.log(high))))


def _change_points(levels: NDArray[np.int64], start: int) -> tuple[Step, ...]:
    changes = np.flatnonzero(np.diff(levels, prepend=0))
    steps = [Step(start + int(change), int(levels[change])) for change in changes]
    return (*steps, Step(start + len(levels), 0))
