"""The words of a query as they are compared with the words of a post."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from libs.common.query import ast
from libs.common.query.fold import EITHER_U, WILDCARDS, fold, tokens

WILDCARD: Final = re.compile(f"[{WILDCARDS}]")

_UE_AFTER_WILDCARD: Final = re.compile(r"(?<=[*?])ue")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One folded word, hashtag, handle or emoji; `regex` when it has wildcards."""

    text: str
    regex: re.Pattern[str] | None = None


def patterns(term: ast.Word | ast.Phrase) -> tuple[Pattern, ...]:
    """The words of a term, side by side as they must stand; wildcards as in `Word` and `Phrase`."""
    text = term.text.casefold().replace(EITHER_U, " ")
    if isinstance(term, ast.Phrase):
        text = text.replace("?", " ")
    text = _UE_AFTER_WILDCARD.sub(EITHER_U, text)
    return tuple(_pattern(token) for token in tokens(fold(text), wildcards=True))


def raw_patterns(term: ast.Raw) -> tuple[Pattern, ...]:
    """The folded words in a raw text; may be empty, as for `raw:"++"`."""
    return tuple(Pattern(token) for token in tokens(fold(term.text)))


def wildcard_regex(text: str, any_character: str) -> str:
    """A regular expression for text with wildcards that stand for `any_character`.

    What a `*` skips is the shortest possible and never reconsidered, which changes no result and
    keeps the time linear however many there are.
    """
    meaning = {"?": any_character, EITHER_U: "ue??"}
    first, *others = (
        "".join(meaning.get(character) or re.escape(character) for character in piece)
        for piece in text.split("*")
    )
    if not others:
        return first
    *middle, last = others
    skipped = "".join(f"(?>{any_character}*?{piece})" for piece in middle if piece)
    return f"{first}{skipped}{any_character}*{last}"


def _pattern(token: str) -> Pattern:
    if not WILDCARD.search(token):
        return Pattern(token)
    return Pattern(token, re.compile(wildcard_regex(token, r"\w")))
