"""The normal form of a query: what `parse` reads back as the same tree.

Operators in upper case, AND always written, brackets around every AND and OR inside another
operator, so that nobody needs to know which binds tighter.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from libs.common.query import ast

_BARE: Final = re.compile(r'[^\s()"„“”«»–−-][^\s()"„“”«»]*')


def render(query: ast.Query) -> str:
    """The query in its normal form; `parse(render(query)).query == query`."""
    match query:
        case ast.Everything():
            return ""
        case ast.And():
            return " AND ".join(map(_operand, query.operands))
        case ast.Or():
            return " OR ".join(map(_operand, query.operands))
        case ast.Not():
            return f"NOT {_operand(query.operand)}"
        case ast.Near():
            operator = "ONEAR" if query.ordered else "NEAR"
            return f"{_operand(query.left)} {operator}/{query.distance} {_operand(query.right)}"
    return _term(query)


def _operand(query: ast.Query) -> str:
    text = render(query)
    return f"({text})" if isinstance(query, ast.And | ast.Or) else text


def _term(query: ast.Query) -> str:
    match query:
        case ast.Word():
            return query.text
        case ast.Phrase():
            return _quoted(query.text)
        case ast.Raw():
            return f"raw:{_quoted(query.text)}"
        case ast.Title():
            return f"title:{render(query.operand)}"
        case ast.Field():
            bare = _BARE.fullmatch(query.value)
            return f"{query.name}:{query.value if bare else _quoted(query.value)}"
        case ast.Compare():
            return f"{query.name}{query.operator}{_number(query.value)}"
        case ast.Published():
            return _period(query)
    raise TypeError(f"not a term: {query!r}")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")


def _period(query: ast.Published) -> str:
    start, end = query.start, query.end
    if end is None:
        return f"date>={_moment(start)}" if start is not None else ""
    if start is None:
        return f"date<{_moment(end)}"
    if _is_midnight(start) and _is_midnight(end):
        first, last = start.date(), (end - timedelta(days=1)).date()
        return f"date:{first}" if first == last else f"date:{first}..{last}"
    return f"date:{_second(start)}..{_second(end - timedelta(seconds=1))}"


def _moment(moment: datetime) -> str:
    return str(moment.date()) if _is_midnight(moment) else _second(moment)


def _second(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second) == (0, 0, 0)
