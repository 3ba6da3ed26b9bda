"""One post as queries see it: folded once, split into words once, and only when asked."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cached_property
from typing import Final, TypeAlias

from libs.common.query.fold import SIGNS, fold, tokens, words_of
from libs.common.query.pattern import Pattern
from libs.common.query.subject import Subject

MAX_DISTANCE: Final = 100
"""The largest n of NEAR/n; title and text are further apart than this."""

Span: TypeAlias = tuple[int, int]
"""Numbers of the first word and of the one after the last."""
Units: TypeAlias = dict[str, list[Span]]
"""Where each word, hashtag, handle and emoji stands, in words from the start."""


class Reading:
    """A post's words. Positions count words; the text's follow the title's after a gap."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.folded_title = fold(subject.title) if subject.title else ""

    @cached_property
    def folded_text(self) -> str:
        return fold(self.subject.text)

    @property
    def folded(self) -> str:
        """Title and text, folded."""
        title = self.folded_title
        return f"{title}\n{self.folded_text}" if title else self.folded_text

    @cached_property
    def title_units(self) -> Units:
        units: Units = {}
        if self.folded_title:
            _place(tokens(self.folded_title), 0, units)
        return units

    @cached_property
    def units(self) -> Units:
        """Of title and text together."""
        units: Units = {}
        end = 0
        if self.folded_title:
            end = _place(tokens(self.folded_title), 0, units) + MAX_DISTANCE
        _place(tokens(self.folded_text), end, units)
        return units

    @cached_property
    def written(self) -> str:
        """Title and text as written, white space as single spaces, for `raw:`."""
        return as_written(f"{self.subject.title or ''}\n{self.subject.text}")


def as_written(text: str) -> str:
    """Canonically composed, with single spaces: what `raw:` compares."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def units_of(text: str) -> Units:
    """The words of a text and where they stand."""
    units: Units = {}
    _place(tokens(fold(text)), 0, units)
    return units


def spans(wanted: Iterable[Pattern], units: Units) -> list[Span]:
    """Where these words stand side by side."""
    found: list[Span] | None = None
    for pattern in wanted:
        here = _occurrences(pattern, units)
        if found is None:
            found = here
        else:
            follows: dict[int, list[int]] = {}
            for start, end in here:
                follows.setdefault(start, []).append(end)
            found = [(start, after) for start, end in found for after in follows.get(end, ())]
        if not found:
            return []
    return found or []


def _occurrences(pattern: Pattern, units: Units) -> list[Span]:
    if pattern.regex is None:
        return units.get(pattern.text, [])
    fits = pattern.regex.fullmatch
    return [span for unit, places in units.items() if fits(unit) for span in places]


def _place(found: list[str], position: int, units: Units) -> int:
    """Enter the tokens from `position` on; the position after the last."""
    for token in found:
        if token[0] not in SIGNS:
            units.setdefault(token, []).append((position, position + 1))
            position += 1
            continue
        start = position
        for word in words_of(token):
            units.setdefault(word, []).append((position, position + 1))
            position += 1
        if position > start:
            units.setdefault(token, []).append((start, position))
    return position
