"""A quick look for the cues of grave themes, at a fifth of the price of reading a text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, product
from typing import Final, TypeAlias

from ahocorasick_rs import AhoCorasick

from libs.common.query.fold import fold
from services.classify.cues import Entry

GRAVE: Final = 0.6
"""From this severity on a theme is grave."""

_SIGN: Final = re.compile(r" ?([^\w\s]) ?")
_Use: TypeAlias = tuple[str, bool, bool]
"""A literal, and whether a word begins and ends with it."""


class GraveCues:
    """Knows which parts make up each cue of a grave theme.

    A text that fulfils such a cue holds all its parts, so a text without them need not be read.
    How far the parts stand apart, and what is negated or harmless, only reading tells.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        cues = [entry.cue.parts for entry in entries if entry.severity >= GRAVE]
        shared = Counter(part for parts in cues for part in parts)
        uses: dict[str, set[_Use]] = {}
        self._further: dict[str, list[list[frozenset[str]]]] = {}
        for parts in cues:
            for literal in chain(*parts):
                use = (literal, literal[0] == " ", literal[-1] == " ")
                for spelling in _spellings(literal):
                    uses.setdefault(spelling, set()).add(use)
            rarest = min(parts, key=shared.__getitem__)
            further = [part for part in parts if part is not rarest]
            for literal in rarest:
                self._further.setdefault(literal, []).append(further)
        self._uses = list(uses.values())
        self._automaton = AhoCorasick(list(uses))

    def may_stand_in(self, text: str) -> bool:
        """False when no cue of a grave theme stands in the text."""
        folded = f" {' '.join(fold(text).split())} "
        uses = self._uses
        found: set[str] = set()
        for number, start, end in self._automaton.find_matches_as_indexes(folded, overlapping=True):
            for literal, begins_word, ends_word in uses[number]:
                if begins_word and folded[start - 1].isalnum():
                    continue
                if ends_word and folded[end].isalnum():
                    continue
                found.add(literal)
        for literal in found:
            for further in self._further.get(literal, ()):
                if not any(part.isdisjoint(found) for part in further):
                    return True
        return False


def _spellings(literal: str) -> Iterator[str]:
    """A literal as texts may spell it: signs stand with or without spaces, or as some rare sign
    that is folded away, where reading sees words of their own."""
    words = _SIGN.split(literal.strip())
    between = [(f" {sign} ", f"{sign} ", f" {sign}", sign, " ") for sign in words[1::2]]
    for signs in product(*between):
        spelt = "".join(chain(*zip(words[::2], (*signs, ""), strict=True)))
        yield " ".join(spelt.split())
