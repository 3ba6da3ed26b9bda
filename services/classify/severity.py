"""How bad it would be if a text were true and seen by many, 0 to 1.

A crisis candidate starts from the worst theme it names, weighted by how sure the theme is; further
themes, feeling, directness (first person, a concrete event) and reach move it. An ordinary
complaint never exceeds 0.5, a question or praise stays near zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from libs.common.events import Label

COMPLAINT_CEILING: Final = 0.5
QUESTION_CEILING: Final = 0.35
DOUBT: Final = 0.7
"""Below 1: half a doubt about a danger takes less than half of its severity."""


class Circumstances(NamedTuple):
    """All 0 to 1, but `followers`: how many people follow the author, None when unknown."""

    intensity: float
    directness: float
    followers: int | None


class Theme(NamedTuple):
    """A theme of crises in a text: how sure it is and how bad such a thing is, 0 to 1."""

    sure: float
    severity: float


def severity(
    label: Label,
    scores: Mapping[Label, float],
    themes: Mapping[str, Theme],
    circumstances: Circumstances,
) -> float:
    danger = _danger(themes, circumstances)
    if label == "crisis_candidate":
        return min(1.0, danger)
    if label == "complaint":
        grievance = 0.1 + 0.2 * scores["complaint"] + 0.06 * circumstances.intensity
        grievance += 0.04 * circumstances.directness + _reach(circumstances.followers)
        return min(COMPLAINT_CEILING, max(grievance, danger))
    if label == "question":
        return min(QUESTION_CEILING, max(0.05, danger))
    return min(QUESTION_CEILING, danger * (1.0 - scores["praise"]))


def _danger(themes: Mapping[str, Theme], circumstances: Circumstances) -> float:
    if not themes:
        return 0.0
    worst = max(theme.severity * math.pow(theme.sure, DOUBT) for theme in themes.values())
    directness = 0.94 + 0.06 * circumstances.directness
    further = min(0.12, 0.06 * (sum(theme.sure >= 0.4 for theme in themes.values()) - 1))
    feeling = 0.04 * circumstances.intensity
    return worst * directness + max(0.0, further) + feeling + _reach(circumstances.followers)


def _reach(followers: int | None) -> float:
    """Nothing up to a thousand followers, then 0.03 for every tenfold, at most 0.12."""
    if followers is None or followers <= 1_000:
        return 0.0
    return min(0.12, 0.03 * math.log10(followers / 1_000))
