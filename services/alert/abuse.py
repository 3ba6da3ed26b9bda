"""Whether a critical text insults or threatens: by a few unmistakable patterns in `abuse.yaml`.

One pass of an automaton over the text finds the sentences worth a closer look; most texts have
none. Nothing is said about the people: only the share of such voices in a storm is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from ahocorasick_rs import AhoCorasick, Implementation
from pydantic import AfterValidator, Field

from libs.common.settings import Strict, load

SHIPPED: Final = Path(__file__).with_name("abuse.yaml")
LONGEST: Final = 5_000
"""Letters of a text that are looked at."""
_GAP: Final = r"(?:[^\w.!?\n]+[\w']+){0,4}"
_BETWEEN: Final = r"[^\w.!?\n]+"
_WORD: Final = re.compile(r"[\w']+\*?")
_SENTENCE_ENDS: Final = ".!?\n"
"""No pattern goes on over one."""


def _can_be_looked_for(pattern: str) -> str:
    words = pattern.split()
    if not words or words[0] == "..." or words[-1] == "...":
        raise ValueError("expected words, and ... only between them")
    for word in words:
        if word != "..." and not all(_WORD.fullmatch(each) for each in word.split("|")):
            raise ValueError(f"expected words such as this|that or begin*, found {word!r}")
    return pattern


Pattern: TypeAlias = Annotated[str, AfterValidator(_can_be_looked_for)]


class AbuseWords(Strict):
    """All of `abuse.yaml`."""

    insults: Annotated[tuple[Pattern, ...], Field(min_length=1)]
    threats: Annotated[tuple[Pattern, ...], Field(min_length=1)]
    harmless: tuple[Pattern, ...]


class Abuse:
    """Finds abuse in texts."""

    def __init__(self, words: AbuseWords) -> None:
        patterns = [_fold(pattern) for pattern in (*words.insults, *words.threats)]
        self._patterns = [re.compile(_expression(pattern)) for pattern in patterns]
        anchors: dict[str, list[int]] = {}
        for number, pattern in enumerate(patterns):
            for anchor in _anchors(pattern):
                anchors.setdefault(anchor, []).append(number)
        self._asking = list(anchors.values())
        self._automaton = AhoCorasick(list(anchors), implementation=Implementation.DFA)
        harmless = "|".join(_expression(_fold(pattern)) for pattern in words.harmless)
        self._harmless = re.compile(harmless or r"(?!)")

    def is_in(self, text: str) -> bool:
        """Whether the text insults or threatens somebody."""
        folded = _fold(text[:LONGEST])
        found = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        if not found:
            return False
        places = dict.fromkeys((index, _sentence(folded, start)) for index, start, _ in found)
        return any(
            self._patterns[number].search(folded, begin, end)
            and not self._harmless.search(folded, begin, end)
            for index, (begin, end) in places
            for number in self._asking[index]
        )


@cache
def load_abuse(path: Path | None = None) -> Abuse:
    """The shipped patterns, or those of that file. Raises ConfigurationError."""
    return Abuse(load(path or SHIPPED, AbuseWords, {}))


def _fold(text: str) -> str:
    """Small letters; umlauts in two letters, one kind of apostrophe."""
    if text.isascii():
        return text.lower()
    return (
        text.lower()
        .replace("ä", "ae")
        .replace("ö", "oe")
        .replace("ü", "ue")
        .replace("ß", "ss")
        .replace("’", "'")
    )


def _expression(pattern: str) -> str:
    expression = ""
    for word in pattern.split():
        if word == "...":
            expression += _GAP
            continue
        expression += (_BETWEEN if expression else r"\b") + _either(word.split("|"))
    return expression


def _either(words: Iterable[str]) -> str:
    return "(?:" + "|".join(_word(word) for word in words) + ")"


def _word(word: str) -> str:
    return re.escape(word.removesuffix("*")) + (r"\w*" if word.endswith("*") else r"\b")


def _anchors(pattern: str) -> list[str]:
    """The words of the pattern of which one stands in every text it finds: those of its place
    whose shortest word is the longest."""
    places = [[each.rstrip("*") for each in word.split("|")] for word in pattern.split()]
    return max(
        (place for place in places if place != ["..."]), key=lambda place: min(map(len, place))
    )


def _sentence(text: str, place: int) -> tuple[int, int]:
    """Where the sentence around that place begins and ends."""
    begin = max([text.rfind(mark, 0, place) for mark in _SENTENCE_ENDS]) + 1
    ends = [end for mark in _SENTENCE_ENDS if (end := text.find(mark, place)) >= 0]
    return begin, min(ends, default=len(text))
