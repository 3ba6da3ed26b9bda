"""The words of a watch: what a text speaks of, and how usual that is.

A term is a word without its ending, so that "Bremse" and "Bremsen" are one. How usual one is comes
from two sides: how often people write it anywhere (`stopwords.yaml`) and how often this watch's
ordinary mentions have it, learned from a sample.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec
from ruamel.yaml import YAML

from libs.common.events import Mention
from libs.common.query.fold import fold

MOST_TERMS: Final = 20
"""Of one text; what it speaks of stands at its beginning."""
READ_CHARACTERS: Final = 600
LONGEST_TERM: Final = 16
"""Letters. What words have in common stands at their beginning."""

_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_NO_WORDS: Final = re.compile(r"https?://\S+|\bwww\.\S+|\S*@\S+")
_ENDINGS: Final = re.compile(r"(?<=\w{4})(?:ing|est|ern|e[nrsmd]|t?e|[nst])$")
_FILE: Final = Path(__file__).parent / "stopwords.yaml"

_KNOWN_WORDS: Final = 32_768
_LONGEST_PIECE: Final = 40
"""Letters between two blanks; more than that is hardly met twice, and neither is a link."""
_MOST_WORDS: Final = 160
_UNHEARD: Final = 0.001
"""Share of texts with a word nobody is known to use often."""
_TRUST: Final = 60.0
"""As many texts of its own as weigh as much as what people write anywhere."""
_SAMPLED: Final = "01"
"""The last digits of the ids that are learned from: an eighth of all."""
_DOOR: Final = 256
"""Bytes of the filter that new words pass, eight words a byte."""
_FORGET_DOOR: Final = 48
"""After as many texts the filter is emptied: it is half full then."""


class Everyday(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `stopwords.yaml` holds.

    stop: words that say nothing of a subject. everyday: terms that people use about everything, by
    the texts in a thousand that have them. insults: never repeated in a headline; a star stands
    for any ending.
    """

    stop: dict[str, str]
    everyday: dict[int, str]
    insults: str


class Vocabulary(msgspec.Struct):
    """How often the watch's ordinary mentions have a word: counts that fade as new ones come.

    A word is counted from its second appearance on, so that the many words that appear once cost
    nothing: `door` remembers which were seen, as a filter of single bits.
    """

    texts: int = 0
    counts: dict[str, int] = {}
    door: bytearray = msgspec.field(default_factory=lambda: bytearray(_DOOR))
    behind_door: int = 0

    def learn(self, mention: Mention) -> None:
        """Takes an ordinary mention in: an eighth of them, chosen by their ids."""
        if mention.id[-1] in _SAMPLED:
            self.take(terms(mention))

    def take(self, said: tuple[str, ...]) -> None:
        """Counts one text's terms."""
        self.texts += 1
        counts = self.counts
        for term in said:
            if term in counts:
                counts[term] += 1
            elif self._seen(term):
                counts[term] = 2
        if len(counts) > _MOST_WORDS:
            self._fade()
        self.behind_door += 1
        if self.behind_door >= _FORGET_DOOR:
            self.behind_door = 0
            self.door = bytearray(_DOOR)

    def share(self, term: str) -> float:
        """In what share of the usual texts the term stands, above 0."""
        anywhere = everyday().get(term, _UNHEARD)
        return (self.counts.get(term, 0) + _TRUST * anywhere) / (self.texts + _TRUST)

    def _seen(self, term: str) -> bool:
        byte, bit = divmod(crc32(term.encode()) % (8 * _DOOR), 8)
        seen = self.door[byte] >> bit & 1
        self.door[byte] |= 1 << bit
        return bool(seen)

    def _fade(self) -> None:
        self.texts //= 2
        self.counts = {term: half for term, count in self.counts.items() if (half := count // 2)}


def terms(mention: Mention) -> tuple[str, ...]:
    """What a mention speaks of, each term once, in the order of the text."""
    text = mention.text
    return terms_of(f"{mention.title}\n{text}" if mention.title else text)


def terms_of(text: str) -> tuple[str, ...]:
    """As `terms`, of a text. No addresses, no handles, no numbers, no stop words."""
    pieces = text[:READ_CHARACTERS].split()
    return tuple(dict.fromkeys(chain.from_iterable(map(_PIECES.__getitem__, pieces))))[:MOST_TERMS]


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, in order, unfolded."""
    return _WORD.findall(without_addresses(text[:READ_CHARACTERS].lower()))


def without_addresses(text: str) -> str:
    """Without links, handles and e-mail addresses."""
    if "@" in text or "http" in text or "www." in text:
        return _NO_WORDS.sub(" ", text)
    return text


def term_of(word: str) -> str:
    """The term a word in small letters stands for; empty for a stop word."""
    return _TERMS[word]


class _Terms(dict[str, str]):
    """The terms of the words met so far: a text has a hundred words, nearly all of them known, and
    to look one up here takes half as long as in an `lru_cache`."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _KNOWN_WORDS:
            self.clear()
        folded = fold(word)
        said = len(folded) >= 3 and folded not in stop_words()
        term = self[word] = _ENDINGS.sub("", folded)[:LONGEST_TERM] if said else ""
        return term


_TERMS: Final = _Terms()


class _Pieces(dict[str, tuple[str, ...]]):
    """The terms of what stands between two blanks, as it is written: to look up `Bremse,` is
    quicker than to find the word in it. No word or address goes on over a blank."""

    def __missing__(self, piece: str) -> tuple[str, ...]:
        if len(self) >= _KNOWN_WORDS:
            self.clear()
        said = tuple(term for word in words_of(piece) if (term := _TERMS[word]))
        if len(piece) <= _LONGEST_PIECE and "://" not in piece:
            self[piece] = said
        return said


_PIECES: Final = _Pieces()


@cache
def stop_words() -> frozenset[str]:
    """Words, folded, that say nothing of what a text is about."""
    return frozenset(fold(" ".join(_words().stop.values())).split())


@cache
def stop_words_in(language: str) -> frozenset[str]:
    """Those of one language, `de` or `en`."""
    return frozenset(fold(_words().stop[language]).split())


@cache
def everyday() -> dict[str, float]:
    """Terms that people use about everything, with the share of texts that have them."""
    return {
        term: thousandths / 1000
        for thousandths, line in _words().everyday.items()
        for term in line.split()
    }


def is_insult(word: str) -> bool:
    """Whether a folded word is one that is never repeated."""
    whole, beginnings = _insults()
    return word in whole or word.startswith(beginnings)


@cache
def _insults() -> tuple[frozenset[str], tuple[str, ...]]:
    words = fold(_words().insults).split()
    beginnings = tuple(word[:-1] for word in words if word[-1] == "*")
    return frozenset(words), beginnings


@cache
def _words() -> Everyday:
    return msgspec.convert(YAML(typ="safe").load(_FILE), Everyday)
