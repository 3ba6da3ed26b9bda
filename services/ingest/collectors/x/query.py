"""Words and phrases in the query language of X.

https://docs.x.com/x-api/posts/search/integrate/build-a-query
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.ingest.failure import Rejected

_BARE: Final = re.compile(r"[#@]?\w+")
_OPERATORS: Final = frozenset({"or", "and", "not"})
_OLD_CODES: Final = {"he": "iw", "id": "in"}
_NEW_CODES: Final = {old: new for new, old in _OLD_CODES.items()}
_NO_LANGUAGE: Final = frozenset({"und", "zxx", "art"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which posts are wanted.

    terms: words and phrases, one of which is in each. longest: characters of a query. languages:
    two-letter codes; without any, all. query: asked as it stands instead of all that.
    """

    terms: Sequence[str]
    longest: int
    languages: Sequence[str] = ()
    reposts: bool = False
    query: str | None = None

    def queries(self) -> list[str]:
        """As few as it takes to find them all. Raises Rejected when there is nothing to ask for, or
        when a word alone is too long."""
        if self.query is not None:
            return [self.query]
        if not self.terms:
            raise Rejected("no watch names a word to search for: set `terms` or `query`")
        conditions = _conditions(self.languages, reposts=self.reposts)
        room = self.longest - len(conditions) - len("()")
        groups: list[str] = []
        for term in dict.fromkeys(_term(term, room) for term in self.terms):
            if groups and len(groups[-1]) + len(" OR ") + len(term) <= room:
                groups[-1] += f" OR {term}"
            else:
                groups.append(term)
        return [f"({group}){conditions}" for group in groups]


def language_read(code: str | None) -> str | None:
    """The language of a post by its present code; None when X names none."""
    if not code or code in _NO_LANGUAGE or (len(code) == 3 and code.startswith("q")):
        return None
    return _NEW_CODES.get(code, code)


def _conditions(languages: Sequence[str], *, reposts: bool) -> str:
    wanted = " OR ".join(f"lang:{_OLD_CODES.get(code, code)}" for code in languages)
    if len(languages) > 1:
        wanted = f"({wanted})"
    return (f" {wanted}" if wanted else "") + ("" if reposts else " -is:retweet")


def _term(term: str, room: int) -> str:
    """The word, or the phrase in quotes. What does not fit loses its end: the beginning of a
    phrase is in every post that has all of it."""
    words = term.replace('"', " ").split()
    while words:
        phrase = " ".join(words)
        bare = _BARE.fullmatch(phrase) and phrase.lower() not in _OPERATORS
        written = phrase if bare else f'"{phrase}"'
        if len(written) <= room:
            return written
        words.pop()
    raise Rejected(f"{term[:100]!r} cannot be searched for within the length of a query")
