"""The classifier's verdict and a second opinion, as one verdict. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from libs.common.events import Classification, Label, Reason
from services.classify.classifier import Subject
from services.classify.reading import Field
from services.classify.second_opinion.opinion import Opinion
from services.classify.severity import COMPLAINT_CEILING, QUESTION_CEILING
from services.classify.tagging import is_grave
from services.classify.verdict import REASONS

Outcome: TypeAlias = Literal["confirmed", "changed", "overruled"]
"""confirmed: both say the same. changed: the opinion's label holds. overruled: a grave crisis
candidate stays one."""

_ALONE: Final = re.compile(r"[^+]+(\+[0-9a-f]{8})?")
"""The name of a classifier, with a digest where it has own lexicons."""
CUE: Final = "second_opinion"
"""The name of reasons that a second opinion gives."""
_SEVERITIES: Final[dict[Label, tuple[float, float]]] = {
    "complaint": (0.0, COMPLAINT_CEILING),
    "question": (0.0, QUESTION_CEILING),
    "praise": (0.0, 0.0),
    "crisis_candidate": (0.5, 1.0),
    "other": (0.0, 0.0),
}


def has_second_opinion(model: str) -> bool:
    """Whether a verdict stamped so is one of `with_opinion`."""
    return _ALONE.fullmatch(model) is None


def with_opinion(
    subject: Subject, own: Classification, opinion: Opinion, model: str
) -> tuple[Classification, Outcome]:
    """The verdict of both, and what came of the classifier's own. model: who gave the opinion.

    Scores are the mean of the classifier's and the opinion's, which is 1 for its label and 0 for
    the others. Reasons are the opinion's cues, then the classifier's reasons for the same label.
    """
    agrees = opinion.label == own.label
    if (grave := is_grave(own)) and not agrees:
        return own, "overruled"
    also = (reason for reason in own.reasons if reason.label == opinion.label)
    joined = replace(
        own,
        reasons=(*_reasons(subject, opinion), *also)[:REASONS],
        model=f"{own.model}+{model}",
        uncertain=False,
    )
    if grave:
        return joined, "confirmed"
    least, most = _SEVERITIES[opinion.label]
    return replace(
        joined,
        label=opinion.label,
        scores={
            label: round((score + (label == opinion.label)) / 2, 3)
            for label, score in own.scores.items()
        },
        severity=round(min(max(opinion.severity, least), most), 3),
    ), "confirmed" if agrees else "changed"


def _reasons(subject: Subject, opinion: Opinion) -> Iterator[Reason]:
    """The cues at their places in the original. One with something masked in it has none there."""
    fields: tuple[tuple[Field, str], ...] = (("text", subject.text), ("title", subject.title or ""))
    for cue in opinion.cues:
        for field, text in fields:
            start = text.find(cue)
            if start >= 0:
                yield Reason(
                    cue=CUE,
                    field=field,
                    start=start,
                    end=start + len(cue),
                    label=opinion.label,
                    weight=round(1 / len(opinion.cues), 3),
                )
                break
