"""How written text becomes what is compared: folding and splitting into words.

Folding: case is ignored, diacritics are stripped, ß is ss, and the transcriptions ae, oe, ue become
a, o, u, the last one unless it follows a vowel or q (the rule of the German2 stemmer by Porter), so
that Müller, Mueller and Muller are one word but Quelle and Feuer stay whole. Letters in disguise
(full width, mathematical bold) become plain, invisible characters vanish.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_TRANSCRIBED_U: Final = re.compile(r"(?<![aeiouyqäöü])ue")
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]+")
_LETTERS: Final = str.maketrans(
    {"æ": "a", "œ": "o", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th"}
)
_EMOJI: Final = "\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_MARKS: Final = range(0x300, 0x370)
_LAST_STRIPPED: Final = 0x530
"""Diacritics are stripped from Latin, Greek and Cyrillic letters; elsewhere a mark is a letter."""
SIGNS: Final = "#@"
EITHER_U: Final = "\x1a"
"""Stands for `ue` right after a wildcard: whether it is folded depends on the letter before it."""
WILDCARDS: Final = "*?" + EITHER_U
_IDEOGRAM: Final = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_FIRST_IDEOGRAM: Final = "\u3040"
_SHORT: Final = 16
_PICTURE: Final = f"[\U0001f1e6-\U0001f1ff]{{2}}|[{_EMOJI}]|[{_IDEOGRAM}]"
_TOKEN: Final = re.compile(rf"[^\W_{_IDEOGRAM}]+|(?<!\w)[{SIGNS}]\w+|{_PICTURE}")
_TOKEN_WITH_WILDCARDS: Final = re.compile(
    rf"(?:[^\W_{_IDEOGRAM}]|[{WILDCARDS}])+"
    rf"|(?<![\w{WILDCARDS}])[{SIGNS}][\w{WILDCARDS}]+|{_PICTURE}"
)
_LETTER: Final = rf"[^\W_{_IDEOGRAM}]"
_LETTERS_ONLY: Final = re.compile(f"{_LETTER}+")
_BETWEEN_WORDS: Final = rf"(?:[^\w{_EMOJI}{_IDEOGRAM}]|_)+"
_WORD: Final = re.compile(rf"{_LETTER}+|{_PICTURE}")
_ASCII_WORD: Final = re.compile("[a-z0-9]+")
_NOT_PLAIN: Final = re.compile(rf"[^\w{_EMOJI}]")


def fold(text: str) -> str:
    """The text as it is compared. Word boundaries stay where they were."""
    composed = text if text.isascii() else unicodedata.normalize("NFC", text)
    folded = _fold_transcriptions(composed.casefold())
    if folded.isascii():
        return folded
    folded = folded.replace("ä", "a").replace("ö", "o").replace("ü", "u")
    return folded if folded.isascii() else _FOREIGN.sub(_fold_match, folded)


def joins(character: str) -> bool:
    """Whether a word goes on over this character. Some letters outside Europe are left out."""
    return character.isalnum() and character < _FIRST_IDEOGRAM


def tokens(folded: str, *, wildcards: bool = False) -> list[str]:
    """The words of a folded text in order: words, hashtags, handles, emoji, ideograms.

    A hashtag or handle is one token with its sign; `words_of` gives the words in it. With
    `wildcards` the characters of `WILDCARDS` belong to the words.
    """
    return (_TOKEN_WITH_WILDCARDS if wildcards else _TOKEN).findall(folded)


def words(folded: str) -> list[str]:
    """The words of a folded text in order, those in hashtags and handles without their sign."""
    return (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)


def side_by_side(wanted: Sequence[str]) -> re.Pattern[str] | None:
    """Finds these words where they follow one another in a folded text, as `tokens` splits it.

    None when one of them is no plain word but a hashtag, handle, emoji or ideogram.
    """
    if not all(map(_LETTERS_ONLY.fullmatch, wanted)):
        return None
    # What stands before the first word is looked at after it: a search for a literal is fast.
    begun = f"{wanted[0]}(?<!{_LETTER}{wanted[0]})"
    return re.compile(f"{_BETWEEN_WORDS}".join((begun, *wanted[1:])) + f"(?!{_LETTER})")


def words_of(token: str) -> list[str]:
    """The words a token counts for: itself, or what stands in a hashtag or handle."""
    return _WORD.findall(token) if token[0] in SIGNS else [token]


def _fold_transcriptions(text: str) -> str:
    if "ue" in text:
        text = _TRANSCRIBED_U.sub("u", text)
    return text.replace("ae", "a").replace("oe", "o")


def _fold_match(match: re.Match[str]) -> str:
    run = match.group()
    return _fold_short_run(run) if len(run) <= _SHORT else _fold_run(run)


def _fold_run(run: str) -> str:
    """A run of characters outside ASCII."""
    visible = "".join(
        character
        for character in run
        if unicodedata.category(character) != "Cf"
        and not 0xFE00 <= ord(character) <= 0xFE0F
        and ord(character) not in _SKIN_TONES
    )
    plain = _fold_transcriptions(unicodedata.normalize("NFKC", visible).casefold())
    stripped = "".join(map(_without_mark, plain)).translate(_LETTERS)
    return _NOT_PLAIN.sub(_separator, stripped)


def _without_mark(letter: str) -> str:
    if ord(letter) in _MARKS:
        return ""
    first = unicodedata.normalize("NFD", letter)[0]
    return first if ord(first) < _LAST_STRIPPED else letter


def _separator(match: re.Match[str]) -> str:
    character = match.group()
    return character if character in SIGNS else " "


_fold_short_run: Final = lru_cache(maxsize=16_384)(_fold_run)
"""Texts repeat their emoji and quotation marks, so what became of them is kept."""
