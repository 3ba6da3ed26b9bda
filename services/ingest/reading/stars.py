"""Stars and other marks that reviewers give, on the scales their platforms use."""

from __future__ import annotations

import re
from typing import Final

from libs.common.events import Rating

FIVE: Final = 5.0
_NUMBER: Final = re.compile(r"-?[0-9]{1,6}(?:[.,][0-9]{1,6})?")
_LONGEST: Final = 40
"""Characters of a mark with its scale; what is longer is none."""
_PARTED: Final = re.compile(r"(.+?)\s*(?:/|von|of|out of)\s*(.+)")


def of_five(stars: float | None) -> Rating | None:
    """One to five stars; None for anything else."""
    if stars is None or not 1 <= stars <= FIVE:
        return None
    return Rating(value=stars, best=FIVE)


def on_scale(value: str, best: str, worst: str) -> Rating | None:
    """A mark as a page writes it: `4`, `4,3`, `4/5`, `80 %`, with its scale from worst to best,
    which is one to five where the page does not say (as on schema.org).

    Scales that begin at zero or one stay as they are. On others, such as school marks of which one
    is the best, `value out of best` would say nothing or the contrary: they become stars by
    `1 + 4 * (value - worst) / (best - worst)`, and `stated` keeps what the page says. None for
    what is no number or not on its scale.
    """
    mark, highest = _mark(value.strip()) if len(value) <= _LONGEST else (None, None)
    top = highest or _number(best) or FIVE
    bottom = _number(worst)
    if bottom is None:
        bottom = 0.0 if highest == 100.0 else min(1.0, top - 1)
    if mark is None or top == bottom:
        return None
    share = (mark - bottom) / (top - bottom)
    if not 0 <= share <= 1:
        return None
    if bottom in (0, 1) and top > bottom:
        return Rating(value=mark, best=top)
    stars = round(1 + (FIVE - 1) * share, 2)
    return Rating(value=stars, best=FIVE, stated=f"{mark:g} ({bottom:g}–{top:g})")


def _mark(text: str) -> tuple[float | None, float | None]:
    """The number, and the best one where it stands beside it."""
    if text.endswith("%"):
        return _number(text.rstrip("%")), 100.0
    if found := _PARTED.fullmatch(text):
        return _number(found[1]), _number(found[2])
    return _number(text), None


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None
