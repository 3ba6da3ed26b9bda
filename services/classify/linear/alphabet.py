"""What every character counts as when a text is cut into words.

Letters are folded: case and diacritics are ignored, and ä, ö, ü, ß count as ae, oe, ue, ss, so
that Grüße, GRUESSE and Gruesse are one word.
"""

from __future__ import annotations

import unicodedata
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

GAP: Final = 0
LETTER: Final = 1
DIGIT: Final = 2
SIGN: Final = 3
"""A token of its own: punctuation, currency, emoji."""
MARK: Final = 4
"""Belongs to the letter before it and stands for nothing."""
JOINER: Final = 5
"""Belongs to a word when a letter follows: the apostrophe in "don't"."""

SIZE: Final = 0x3000
"""Characters from here on are letters (ideograms and the like) or, from EMOJI on, signs."""
EMOJI: Final = 0x1F000
SKIN_TONES: Final = (0x1F3FB, 0x1F3FF)
BOLD: Final = (0x1D400, 0x1D6A4)
"""Letters in disguise: mathematical bold, italic and script, each alphabet A–Z a–z in a row."""

_SPELT: Final = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "oe"}
_SPELT_ONCE: Final = {"đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "t"}
_UMLAUT: Final = 0x308
"""The two dots as a character of their own, after their letter: they count as an e."""
_SAME: Final = {"„": '"', "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "…": "."}
_JOINERS: Final = frozenset("'’‘´`\u00ad\u200b\u200c\u2060")


class Alphabet(NamedTuple):
    """Per code point: its kind, and the one or two code points it is folded to (0 for none)."""

    kind: NDArray[np.uint8]
    first: NDArray[np.uint32]
    second: NDArray[np.uint32]


def alphabet() -> Alphabet:
    """The tables for code points below SIZE."""
    kinds = np.zeros(SIZE, np.uint8)
    first, second = np.zeros(SIZE, np.uint32), np.zeros(SIZE, np.uint32)
    for point in range(SIZE):
        kinds[point], folded = _looked_up(chr(point))
        first[point] = ord(folded[0]) if folded else 0
        second[point] = ord(folded[1]) if len(folded) > 1 else 0
    return Alphabet(kinds, first, second)


def _looked_up(character: str) -> tuple[int, str]:
    if character in _JOINERS:
        return JOINER, ""
    if ord(character) == _UMLAUT:
        return MARK, "e"
    category = unicodedata.category(character)
    if category[0] == "L":
        low = character.lower()
        return LETTER, _SPELT.get(low) or _SPELT_ONCE.get(low) or unicodedata.normalize("NFD", low)[
            0
        ]
    if category[0] == "N":
        return DIGIT, "0"
    if category[0] == "M":
        return MARK, ""
    if category[0] in "PS":
        return SIGN, _SAME.get(character, character)
    return GAP, ""
