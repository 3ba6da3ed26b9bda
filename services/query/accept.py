"""Which of our two languages a caller prefers."""

from __future__ import annotations

from typing import Literal, TypeAlias

Language: TypeAlias = Literal["de", "en"]


def preferred_language(accept_language: str) -> Language:
    """`de` or `en`, by the header Accept-Language; English when it names neither."""
    best: Language = "en"
    best_weight = 0.0
    for item in accept_language.split(","):
        tag, _, parameter = item.partition(";")
        weight = _weight(parameter)
        language = tag.strip().lower().partition("-")[0]
        if weight > best_weight and language in ("de", "en"):
            best = "de" if language == "de" else "en"
            best_weight = weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
