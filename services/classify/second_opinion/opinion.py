"""What is answered: an opinion that holds against the text, or why there is none."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from libs.common.events import LABELS, Label
from services.classify.second_opinion.question import Question

Why: TypeAlias = Literal[
    "no text",
    "budget",
    "rate",
    "paused",
    "no time",
    "slow",
    "unreachable",
    "throttled",
    "status",
    "malformed",
    "refused",
    "label",
    "severity",
    "cue",
    "failed",
]
"""Why a text got no second opinion; `libs/common/metrics.py` says what each means."""

MOST_CUES: Final = 20
_LABELS: Final[dict[str, Label]] = {label: label for label in LABELS}


class Opinion(msgspec.Struct, frozen=True):
    """A label, how bad it would be (0 to 1), and parts of the question that decided."""

    label: Label
    severity: float
    cues: tuple[str, ...]


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    label: str
    severity: float
    cues: list[str]


_DECODER: Final = msgspec.json.Decoder(_Answer)


def opinion_of(content: str, question: Question) -> Opinion | Why:
    """The opinion in an answer, if all of it holds; else what does not."""
    try:
        answer = _DECODER.decode(content)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return "malformed"
    label = _LABELS.get(answer.label)
    if label is None:
        return "label"
    if not 0.0 <= answer.severity <= 1.0:
        return "severity"
    if len(answer.cues) > MOST_CUES or not all(_stands_in(question, cue) for cue in answer.cues):
        return "cue"
    return Opinion(label, answer.severity, tuple(dict.fromkeys(answer.cues)))


def _stands_in(question: Question, cue: str) -> bool:
    return bool(cue.strip()) and (cue in question.text or cue in (question.title or ""))
