"""What companies do, and what a crisis is about, in the words of the corpus."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Industry: TypeAlias = Literal[
    "automotive",
    "rail",
    "airline",
    "telecom",
    "banking",
    "insurance",
    "energy",
    "ecommerce",
    "parcel",
    "fashion",
    "electronics",
    "food",
    "restaurant",
    "grocery",
    "pharma",
    "health",
    "cosmetics",
    "toys",
    "software",
    "games",
    "travel",
    "hotel",
    "employer",
    "public",
    "education",
    "housing",
    "fitness",
    "media",
    "construction",
    "other",
]
"""What the company does that is spoken of."""
Theme: TypeAlias = Literal[
    "safety_defect",
    "injury",
    "fire",
    "contamination",
    "recall",
    "data_leak",
    "outage",
    "fraud",
    "discrimination",
    "harassment",
    "boycott",
    "staff_misconduct",
    "environment",
    "legal",
    "press",
]
"""What a crisis candidate is about."""

INDUSTRIES: Final[tuple[Industry, ...]] = get_args(Industry)
THEMES: Final[tuple[Theme, ...]] = get_args(Theme)
