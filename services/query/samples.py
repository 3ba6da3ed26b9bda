"""Corrected mentions as the corpus writes them (`training/corpus.py`), to learn from.

A person's word becomes a labelled text: title and text as the classifier reads them, without the
author; accounts and web addresses are masked as public corpora do it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias

import msgspec

from libs.common.events import ClassifiedMention, Kind, Label, Reason
from libs.common.masking import masked
from libs.common.query import columns
from libs.common.taxonomy import THEMES, Industry, Theme
from services.query.correction import severity_of
from services.query.corrections import Corrected

Language: TypeAlias = Literal["de", "en"]
Unfit: TypeAlias = Literal[
    "edited since", "no text", "neither German nor English", "a crisis without a theme"
]
"""Why a corrected mention cannot stand in the corpus."""

LookCloser: TypeAlias = Callable[[ClassifiedMention], Iterable[Reason]]

LONGEST_TEXT: Final = 5_000
LONGEST_TITLE: Final = 1_000
_THEMES: Final[dict[str, Theme]] = {theme: theme for theme in THEMES} | {
    "boycott_call": "boycott",
    "environmental_damage": "environment",
    "legal_action": "legal",
    "press_enquiry": "press",
}
"""By the names of the classifier's cues."""


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the corpus, as far as a correction knows it."""

    text: str
    lang: Language
    label: Label
    severity: float
    kind: Kind
    industry: Industry
    cues: tuple[str, ...] = ()
    theme: Theme | None = None
    rating: int | None = None
    """Stars of five."""


def sample_of(corrected: Corrected, industry: Industry, look_closer: LookCloser) -> Sample | Unfit:
    """The sample that a correction makes, or why it makes none.

    look_closer: asked about a crisis candidate whose theme neither the person nor the verdict names
    (the classifier may have missed the crisis): the reasons it finds may name it.
    """
    mention, correction, edited = corrected
    if edited:
        return "edited since"
    text = _text(mention)
    if not text:
        return "no text"
    known = columns(mention)
    if known.lang not in ("de", "en"):
        return "neither German nor English"
    theme = None
    if correction.label == "crisis_candidate":
        theme = correction.theme or theme_among(mention.classification.reasons)
        theme = theme or theme_among(look_closer(mention))
        if theme is None:
            return "a crisis without a theme"
    cues = dict.fromkeys(map(masked, correction.cues))
    return Sample(
        text=text,
        lang="de" if known.lang == "de" else "en",
        label=correction.label,
        severity=severity_of(
            correction.label, correction.severity, mention.classification.severity
        ),
        kind=mention.kind,
        industry=industry,
        cues=tuple(cue for cue in cues if cue in text),  # of a long text the end is cut
        theme=theme,
        rating=None if known.rating is None else min(5, max(1, round(known.rating))),
    )


def _text(mention: ClassifiedMention) -> str:
    title = (mention.title or "")[:LONGEST_TITLE]
    parts = filter(None, (title.strip(), mention.text[:LONGEST_TEXT].strip()))
    return masked("\n".join(parts))[:LONGEST_TEXT]


def theme_among(reasons: Iterable[Reason]) -> Theme | None:
    """The theme of the weightiest reason that names one. Reasons for other labels name none: a cue
    may be called by its word, and "press" is an everyday one."""
    grave = [each for each in reasons if each.label == "crisis_candidate" and each.cue in _THEMES]
    weightiest = max(grave, key=lambda reason: reason.weight, default=None)
    return None if weightiest is None else _THEMES[weightiest.cue]
