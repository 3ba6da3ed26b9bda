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
    reasons = []
    for begin, end, weight in phrases:
        name = cue or _name(text[begin:end][:LONGEST_CUE])
        if title is None or begin >= title:
            skipped = 0 if title is None else title + 1
            reason = Reason(
                cue=name,
                field="text",
                start=begin - skipped,
                end=end - skipped,
                label=label,
                weight=weight,
            )
        else:
            reason = Reason(
                cue=name, field="title", start=begin, end=end, label=label, weight=weight
            )
        reasons.append(reason)
    return tuple(reasons)


def _name(words: str) -> str:
    """Words as the name of a cue: JSON cannot carry halves of characters."""
    return (words if words.isascii() else _SURROGATE.sub("\ufffd", words)).casefold()
