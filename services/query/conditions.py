"""What a database can look up of a query: the narrowing as conditions on `tables.mentions`.

Words that stand together become one full-text expression. A condition never leaves out a mention
that matches; whether a mention does match is decided on its body afterwards.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, and_, bindparam, column, or_, select, table, text, true
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.sql.expression import cast

from libs.common.query.narrowing import All, And, Column, Narrowing, Or, Term
from services.query.rows import microseconds
from services.query.tables import mentions
from services.query.writing import EVERY_WORD

Dialect: TypeAlias = Literal["sqlite", "postgresql"]

_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Narrowed(NamedTuple):
    """A narrowing in two parts that must both hold.

    words: a full-text expression in the database's own syntax, or None.
    rest: everything else.
    """

    words: str | None
    rest: ColumnElement[bool]


def narrowed(narrowing: Narrowing, dialect: Dialect) -> Narrowed:
    """The narrowing for this database."""
    words = _words(narrowing, dialect)
    if words is not None:
        return Narrowed(words, true())
    if not isinstance(narrowing, And):
        return Narrowed(None, _condition(narrowing, dialect))
    return Narrowed(
        _joined_words(narrowing, dialect),
        and_(
            true(),
            *(_condition(o, dialect) for o in narrowing.operands if _words(o, dialect) is None),
        ),
    )


def has_words(words: str, dialect: Dialect) -> ColumnElement[bool]:
    """The condition that the full-text expression holds."""
    if dialect == "sqlite":
        index = table("mention_words", column("rowid"))
        found = select(index.c.rowid).where(
            text("mention_words MATCH :words").bindparams(bindparam("words", words, unique=True))
        )
        return mentions.c.seq.in_(found)
    expression = cast(f"({words}) | '{EVERY_WORD}'", TSQUERY)
    return column("words").op("@@", is_comparison=True)(expression)


def _condition(narrowing: Narrowing, dialect: Dialect) -> ColumnElement[bool]:
    match narrowing:
        case All():
            return true()
        case Column():
            return _comparison(narrowing)
        case Term():
            return has_words(_term(narrowing, dialect), dialect)
    parts: list[ColumnElement[bool]] = []
    words = _joined_words(narrowing, dialect)
    if words is not None:
        parts.append(has_words(words, dialect))
    parts += [_condition(o, dialect) for o in narrowing.operands if _words(o, dialect) is None]
    return and_(*parts) if isinstance(narrowing, And) else or_(*parts)


def _comparison(condition: Column) -> ColumnElement[bool]:
    value = condition.value
    if isinstance(value, datetime):
        value = microseconds(value)
    stored = mentions.c[condition.name]
    if condition.op == "!=":
        return stored.is_distinct_from(value)
    compared: ColumnElement[bool] = _COMPARISONS[condition.op](stored, value)
    return compared


def _joined_words(narrowing: And | Or, dialect: Dialect) -> str | None:
    """The operands that are words alone, joined as the narrowing joins them."""
    found = [w for o in narrowing.operands if (w := _words(o, dialect)) is not None]
    return _join(found, isinstance(narrowing, And), dialect) if found else None


def _words(narrowing: Narrowing, dialect: Dialect) -> str | None:
    """The full-text expression of a narrowing of words alone; None of any other."""
    if isinstance(narrowing, Term):
        return _term(narrowing, dialect)
    if not isinstance(narrowing, And | Or):
        return None
    parts = [_words(operand, dialect) for operand in narrowing.operands]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    return _join(found, isinstance(narrowing, And), dialect)


def _term(term: Term, dialect: Dialect) -> str:
    if dialect == "sqlite":
        return f'"{term.folded}"' + ("*" if term.prefix else "")
    return f"'{term.folded}'" + (":*" if term.prefix else "")


def _join(parts: list[str], conjunction: bool, dialect: Dialect) -> str:
    if dialect == "sqlite":
        sign = " AND " if conjunction else " OR "
    else:
        sign = " & " if conjunction else " | "
    return parts[0] if len(parts) == 1 else "(" + sign.join(parts) + ")"
