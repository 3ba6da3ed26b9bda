"""Why: the words that decided, with their places in the original."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from libs.common.events import Label, Reason
from services.classify.linear.scoring import Phrase

LONGEST_CUE: Final = 60
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def explain(
    text: str, title: int | None, phrases: Sequence[Phrase], *, label: Label, cue: str | None
) -> tuple[Reason, ...]:
    """The phrases as reasons for `label`, in their order.

    title: characters of the title that stands before the text, None without one. cue: how every
    reason is named; None names each by its words.
    """
    return tuple(_reason(text, title, phrase, label, cue) for phrase in phrases)


def _reason(text: str, title: int | None, phrase: Phrase, label: Label, cue: str | None) -> Reason:
    begin, end, weight = phrase
    name = cue or _SURROGATE.sub("\ufffd", text[begin:end][:LONGEST_CUE]).casefold()
    if title is None:
        return Reason(cue=name, field="text", start=begin, end=end, label=label, weight=weight)
    if begin < title:
        return Reason(cue=name, field="title", start=begin, end=end, label=label, weight=weight)
    begin, end = begin - title - 1, end - title - 1
    return Reason(cue=name, field="text", start=begin, end=end, label=label, weight=weight)
