"""Which language a text is in: German, English, or neither as far as we can tell.

The platform's word counts when it names a language. Otherwise function words decide, and letters
where there are too few of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Final, Literal, TypeAlias, get_args

from libs.common.query.fold import fold

Known: TypeAlias = Literal["de", "en"]
KNOWN: Final = get_args(Known)

LOOK_AT_WORDS: Final = 80
CLEAR: Final = 5
"""So many more function words of one language leave no doubt which of the two it is."""
_ENGLISH_UNIT: Final = 1_000
_OTHER_UNIT: Final = 1_000_000
UNDETERMINED: Final = frozenset(("und", "zxx", "mul", "mis", "qam", "qct", "qht", "qme", "qst"))
"""Codes by which platforms say that they do not know (ISO 639-2 and X's own)."""

_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?=$|[-_])")
_UMLAUTS: Final = re.compile("[äöüßÄÖÜ]")
_FOREIGN_LETTERS: Final = re.compile("[àâçèêëîïñòóôõøåæœùûýčďěňřšťůžąćęłńśźżğışőű¿¡]")
_OTHER_SCRIPTS: Final = re.compile(
    "[\u0370-\u1fff\u2c00-\u2dff\u2e80-\ud7ff\uf900-\ufaff\ufb1d-\ufdff\ufe70-\ufefc]"
)

# Letters that are common in one language and rare in the other, in folded text.
_GERMAN_LETTERS: Final = re.compile(
    "sch|cht|ung(?:en)? |lich|keit|ein|zu[mr]? |ier[et]|pf|tz|(?:[a-z]{4}en |ge[a-z]{4,}t )|[jkvz]e"
)
_ENGLISH_LETTERS: Final = re.compile(
    "th|ing |(?:tion|ous|ness|ment|able|ful|ly|ty|ed|es|ght|y) |wh|ou|ea|oo|'s |n't |sh|ck "
)


def from_platform(tag: str | None) -> str | None:
    """The language subtag of a BCP 47 tag, in lower case; None when it names no language."""
    match = _TAG.match(tag) if tag else None
    if match is None or match[0].lower() in UNDETERMINED:
        return None
    return match[0].lower()


class Detector:
    """Tells German from English and both from the rest.

    german, english, others: function words; those of other languages keep a Dutch or French text
    from passing for one of ours.
    """

    def __init__(
        self, german: Iterable[str], english: Iterable[str], others: Iterable[str]
    ) -> None:
        de, en, rest = ({fold(word) for word in words} for words in (german, english, others))
        # Three counts in one sum: one look per word instead of three.
        votes = Counter[str]()
        for unit, words in ((1, de - en), (_ENGLISH_UNIT, en - de), (_OTHER_UNIT, rest - de - en)):
            votes.update(dict.fromkeys(words, unit))
        self._votes = dict(votes)

    def detect(self, text: str, words: Sequence[str]) -> Known | None:
        """The language of a text given with its folded words; None for any other or too little."""
        words = words[:LOOK_AT_WORDS]
        votes = sum(map(self._votes.get, words, repeat(0)))
        german: float = votes % _ENGLISH_UNIT
        english: float = votes % _OTHER_UNIT // _ENGLISH_UNIT
        foreign: float = votes // _OTHER_UNIT
        if abs(german - english) >= CLEAR + foreign:
            return "de" if german > english else "en"
        if not text.isascii():
            german += 1.5 * min(3, len(_UMLAUTS.findall(text, 0, 1000)))
            if len(_OTHER_SCRIPTS.findall(text, 0, 1000)) * 2 > sum(map(len, words)):
                return None
        if abs(german - english) < 2:
            folded = f" {' '.join(words)} "
            german += 0.3 * len(_GERMAN_LETTERS.findall(folded))
            english += 0.3 * len(_ENGLISH_LETTERS.findall(folded))
        if foreign and not text.isascii():
            foreign += 0.7 * min(4, len(_FOREIGN_LETTERS.findall(text.lower(), 0, 1000)))
        if max(german, english) <= foreign:
            return None
        return "de" if german >= english else "en"
