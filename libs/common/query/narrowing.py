"""The part of a query that a store can look up: a necessary condition, never more.

A store turns the narrowing into its own conditions over the words of `index_text` and the values
of `columns`, and lets `matches` decide on what comes back. A post that matches always satisfies the
narrowing; the reverse does not hold.

Words are encoded to `[a-z0-9]+`, so that no tokeniser of a database can split or alter them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, Literal, TypeAlias

from libs.common.query import ast
from libs.common.query.fold import SIGNS, words, words_of
from libs.common.query.pattern import WILDCARD, Pattern, patterns, raw_patterns
from libs.common.query.reading import Reading
from libs.common.query.subject import Columns, Subject

MAX_TERM: Final = 64
"""Characters of a word that are indexed; longer words are cut in the index and in the terms."""

ColumnName: TypeAlias = Literal[
    "source",
    "platform",
    "kind",
    "lang",
    "label",
    "severity",
    "reach",
    "rating",
    "published_at",
]
COLUMNS: Final = tuple(field.name for field in fields(Columns))


@dataclass(frozen=True, slots=True)
class All:
    """No condition."""


@dataclass(frozen=True, slots=True)
class Term:
    """`index_text` has this word, or with `prefix` a word that begins so. Only `[a-z0-9]+`."""

    folded: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A value of `columns` compares so.

    A value that is missing (NULL) satisfies `!=` (SQL's IS DISTINCT FROM) and nothing else.
    """

    name: ColumnName
    op: Literal["=", "!=", "<", "<=", ">", ">="]
    value: str | float | datetime


@dataclass(frozen=True, slots=True)
class And:
    operands: tuple[Narrowing, ...]


@dataclass(frozen=True, slots=True)
class Or:
    operands: tuple[Narrowing, ...]


Narrowing: TypeAlias = All | Term | Column | And | Or


def index_text(subject: Subject) -> str:
    """The words of title and text as a full-text index holds them: each once, space-joined."""
    folded = Reading(subject).folded
    found = dict.fromkeys(words(folded))
    if folded.isascii() and max(map(len, found), default=0) <= MAX_TERM:
        return " ".join(found)  # as nearly always: every word is its own code
    return " ".join(dict.fromkeys(map(encode, found)))


def encode(token: str) -> str:
    """A folded word in `[a-z0-9]+`; the code of a prefix is a prefix of the code."""
    if not token.isascii():
        token = "".join(
            character if character.isascii() else f"u{ord(character):x}" for character in token
        )
    return token[:MAX_TERM]


def narrow(query: ast.Query) -> Narrowing:
    """The condition that every post that matches `query` satisfies."""
    return _simplified(_narrow(query, wanted=True))


def _narrow(query: ast.Query, *, wanted: bool) -> Narrowing:
    """`wanted` is False below an odd number of NOTs."""
    match query:
        case ast.Not():
            return _narrow(query.operand, wanted=not wanted)
        case ast.And() | ast.Or():
            operands = tuple(_narrow(operand, wanted=wanted) for operand in query.operands)
            return And(operands) if isinstance(query, ast.And) == wanted else Or(operands)
        case ast.Field():
            return _narrow_field(query, wanted)
        case ast.Compare():
            return Column(query.name, query.operator, query.value) if wanted else All()
        case ast.Published():
            return _narrow_time(query, wanted)
    return _narrow_words(query) if wanted else All()


def _narrow_words(query: ast.Query) -> Narrowing:
    match query:
        case ast.Word() | ast.Phrase():
            return And(tuple(term for each in patterns(query) for term in _terms(each)))
        case ast.Raw():
            return And(tuple(term for each in raw_patterns(query) for term in _terms(each)))
        case ast.Title():
            return _narrow_words(query.operand)
        case ast.Near():
            return And((_narrow(query.left, wanted=True), _narrow(query.right, wanted=True)))
    return All()


def _terms(pattern: Pattern) -> list[Term]:
    """The words a pattern needs: a hashtag's parts, and what stands before the first wildcard."""
    found = WILDCARD.search(pattern.text)
    if found is None:
        return [Term(encode(word)) for word in words_of(pattern.text)]
    start = pattern.text[: found.start()]
    *whole, first = start.lstrip(SIGNS).split("_")
    terms = [Term(encode(word)) for part in whole for word in words_of("#" + part)]
    parts = words_of("#" + first)
    terms += [Term(encode(word)) for word in parts[:-1]]
    return terms + [Term(encode(word), prefix=True) for word in parts[-1:]]


def _narrow_field(query: ast.Field, wanted: bool) -> Narrowing:
    if WILDCARD.search(query.value):
        return All()
    match query.name:
        case "source" | "platform" | "kind" | "label":
            return Column(query.name, "=" if wanted else "!=", query.value.lower())
        case "lang" if wanted or "-" not in query.value:
            return Column("lang", "=" if wanted else "!=", query.value.partition("-")[0])
        case "is" if query.value in {"repost", "hint"}:
            return Column("kind", "=" if wanted else "!=", query.value)
    return All()


def _narrow_time(query: ast.Published, wanted: bool) -> Narrowing:
    bounds: list[Narrowing] = []
    if query.start is not None:
        bounds.append(Column("published_at", ">=" if wanted else "<", query.start))
    if query.end is not None:
        bounds.append(Column("published_at", "<" if wanted else ">=", query.end))
    return And(tuple(bounds)) if wanted else Or(tuple(bounds))


def _simplified(narrowing: Narrowing) -> Narrowing:
    """The same condition without `All` inside, without repeats, and flat."""
    if not isinstance(narrowing, And | Or):
        return narrowing
    kind = type(narrowing)
    operands: dict[Narrowing, None] = {}
    for operand in map(_simplified, narrowing.operands):
        operands.update(
            dict.fromkeys(operand.operands) if isinstance(operand, kind) else {operand: None}
        )
    if kind is Or and All() in operands:
        return All()
    operands.pop(All(), None)
    if not operands:
        return All()
    return next(iter(operands)) if len(operands) == 1 else kind(tuple(operands))
