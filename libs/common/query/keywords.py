"""What a platform's own search can be asked for: words and phrases that a query cannot do without.

A platform's search knows no folding, distances or fields. It is asked for the fewest keywords of
which every wanted post holds one; the matcher then decides about what comes back.
"""

from __future__ import annotations

from typing import Final

from libs.common.query import ast
from libs.common.query.pattern import WILDCARD

SHORTEST_STEM: Final = 4
"""Letters before a wildcard that make a keyword: fewer find everything."""


def keywords(query: ast.Query) -> tuple[str, ...]:
    """Words and phrases as written, one of which is in every post that matches; of several ways
    the one with the fewest. Phrases have spaces, and no quotes around them.

    Of a word with a wildcard it is what stands before the wildcard, so inflected forms may be
    missed where a platform finds whole words only. Empty when the query names no words that are
    needed, as `site:fanclub.example` or `NOT x`: it can't be searched for.
    """
    found = _needed(query)
    return () if found is None else tuple(dict.fromkeys(found))


def _needed(query: ast.Query) -> tuple[str, ...] | None:
    """None: nothing is needed."""
    match query:
        case ast.Word():
            stem = WILDCARD.split(query.text)[0]
            whole = stem == query.text
            return (stem,) if whole or len(stem) >= SHORTEST_STEM else None
        case ast.Phrase() | ast.Raw():
            return _phrase(query)
        case ast.Title():
            return _needed(query.operand)
        case ast.Near():
            return _fewest([_needed(query.left), _needed(query.right)])
        case ast.And():
            return _fewest([_needed(operand) for operand in query.operands])
        case ast.Or():
            each = [_needed(operand) for operand in query.operands]
            if None in each:
                return None
            return tuple(word for words in each if words for word in words)
    return None


def _phrase(query: ast.Phrase | ast.Raw) -> tuple[str, ...] | None:
    """The longest run of words without a wildcard."""
    runs: list[list[str]] = [[]]
    for word in query.text.split():
        if isinstance(query, ast.Phrase) and "*" in word:
            runs.append([])
        else:
            runs[-1].append(word)
    longest = max(runs, key=lambda run: sum(map(len, run)))
    return (" ".join(longest),) if longest else None


def _fewest(choices: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """Of what is needed, the choice with the fewest keywords, and of those the longest."""
    known = [choice for choice in choices if choice is not None]
    if not known:
        return None
    return min(known, key=lambda choice: (len(choice), -min(map(len, choice), default=0)))
