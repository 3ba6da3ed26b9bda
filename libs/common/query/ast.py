"""The one syntax tree of the query language: frozen nodes that compare by value.

Nodes keep what was written (case, umlauts, punctuation); folding happens where they are evaluated.
`And` and `Or` have at least two operands. A tree made by `parse` is at most `MAX_DEPTH` deep, so
recursion over it is safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

FieldName: TypeAlias = Literal[
    "site", "url", "source", "platform", "author", "lang", "country", "kind", "label", "has", "is"
]
NumberName: TypeAlias = Literal["severity", "reach", "rating"]
Operator: TypeAlias = Literal[">=", "<=", ">", "<", "="]


@dataclass(frozen=True, slots=True)
class Everything:
    """The empty query: every post."""


@dataclass(frozen=True, slots=True)
class Word:
    """One written word, with or without wildcards, `#` or `@`.

    What punctuation splits (`motorrad-hersteller`) must stand side by side in the post.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in quotes, side by side. `*` is a wildcard in it, `?` is punctuation."""

    text: str


@dataclass(frozen=True, slots=True)
class Raw:
    """Text that must stand in the post exactly as written: case, umlauts, punctuation."""

    text: str


@dataclass(frozen=True, slots=True)
class Near:
    """Two operands at most `distance` words apart; `ordered`: left before right."""

    left: NearOperand
    right: NearOperand
    distance: int
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Title:
    """A word or phrase that must stand in the title."""

    operand: Word | Phrase


@dataclass(frozen=True, slots=True)
class Field:
    """A property of the post, for example `platform:mastodon`."""

    name: FieldName
    value: str


@dataclass(frozen=True, slots=True)
class Compare:
    """A number of the post, for example `reach>=50000`."""

    name: NumberName
    operator: Operator
    value: float


@dataclass(frozen=True, slots=True)
class Published:
    """Published in the half-open time `[start, end)`, in UTC and whole seconds; None is open."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Not:
    operand: Query


@dataclass(frozen=True, slots=True)
class And:
    operands: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    operands: tuple[Query, ...]


NearOperand: TypeAlias = Word | Phrase | Or
Query: TypeAlias = (
    Everything | Word | Phrase | Raw | Near | Title | Field | Compare | Published | Not | And | Or
)
