"""A text as the rules read it: words and signs, folded, each with its way back to the original.

Words and signs stand separated by single spaces in `folded`, with one space at both ends, so a
whole word is found as `" word "` and a beginning as `" wor"`. The number of spaces before a place
is the number of its token; `Spans` leads from tokens back to the characters of title and text.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, TypeAlias

from libs.common.query.fold import fold

READ_CHARACTERS: Final = 10_000
"""So many characters of a text are read, the rest is left out: a verdict stays far below 50 ms
whatever comes, and what a mention is about stands at its beginning."""
READ_TITLE_CHARACTERS: Final = 1_000

BREAK: Final = "|"
"""Stands between title and text; ends a sentence."""

Field: TypeAlias = Literal["title", "text"]

_SIGNS: Final = (
    "!-/:-@\\[-`{-~\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
)
_NUMBER: Final = r"\d+(?:[.,:]\d+)+"
_TOKEN: Final = re.compile(rf"{_NUMBER}|\w+(?:'[^\W\d_]+)?|[{_SIGNS}]")
_MARK: Final = re.compile("[\u0300-\u036f]")
_MARKED_TOKEN: Final = re.compile(rf"{_NUMBER}|\w[\w\u0300-\u036f]*(?:'[^\W\d_]+)?|[{_SIGNS}]")
_TYPOGRAPHY: Final = tuple(zip("’‘“”„–—…", '\'\'"""--.', strict=True))
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)\S+|@[\w.]+", re.IGNORECASE)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Reading(NamedTuple):
    """title, text: what was read, as long as the original's beginning, addresses blanked.
    tokens: of the title, a BREAK, of the text. title_tokens: how many come before the text's.
    words: the tokens, folded."""

    title: str
    text: str
    tokens: list[str]
    title_tokens: int
    folded: str
    words: list[str]

    def starts(self, end: int) -> list[int]:
        """Where the tokens before `end` begin in their field, in characters."""
        tokens, title_tokens = self.tokens, self.title_tokens
        starts = _starts(self.title, tokens[: min(end, title_tokens)]) if title_tokens else []
        return starts + _starts(self.text, tokens[title_tokens:end])


def read(title: str | None, text: str) -> Reading:
    """Reads a bounded part of title and text."""
    text = _readable(text[:READ_CHARACTERS])
    tokens = _tokens(text)
    title_tokens = 0
    if title:
        title = _readable(title[:READ_TITLE_CHARACTERS])
        heading = _tokens(title)
        title_tokens = len(heading) + 1
        tokens = [*heading, BREAK, *tokens]
    folded = f" {fold(' '.join(tokens))} "
    words = folded.split(" ")[1:-1]
    if len(words) != len(tokens):
        # A rare letter folds into several words ("½" is 1 and 2): keep one word per token.
        words = [fold(token).replace(" ", "") for token in tokens]
        folded = f" {' '.join(words)} "
    return Reading(title or "", text, tokens, title_tokens, folded, words)


def _tokens(text: str) -> list[str]:
    if _is_latin(text) or _MARK.search(text) is None:
        return _TOKEN.findall(text)
    return _MARKED_TOKEN.findall(text)


def _readable(text: str) -> str:
    """The same length in plain signs, without what says nothing: addresses, names of accounts,
    halves of characters that JSON can carry and UTF-8 cannot."""
    if "@" in text or "://" in text or "www." in text:
        text = _ADDRESS.sub(_blank, text)
    if _is_latin(text):
        return text
    for typographic, plain in _TYPOGRAPHY:
        text = text.replace(typographic, plain)
    return _SURROGATE.sub("\ufffd", text)


def _is_latin(text: str) -> bool:
    """No letter beyond U+00FF: the quickest way to know that most texts need no special care."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _starts(text: str, tokens: list[str]) -> list[int]:
    starts: list[int] = []
    stop = 0
    for token in tokens:
        start = text.find(token, stop)
        starts.append(start)
        stop = start + len(token)
    return starts
