"""Deciding exactly whether a query matches a post.

A condition on a property the post does not have is false, whatever it compares; NOT makes it true.
So `lang:de` leaves out posts of unknown language and `NOT lang:de` keeps them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from libs.common.query import ast
from libs.common.query.fields import field_test
from libs.common.query.fold import side_by_side
from libs.common.query.pattern import WILDCARD, Pattern, patterns, raw_patterns
from libs.common.query.reading import Reading, Span, as_written, spans
from libs.common.query.subject import Subject, rating, reach, severity

Predicate: TypeAlias = Callable[[Reading], bool]
_Compared: TypeAlias = Callable[[float, float], bool]

_NUMBERS: dict[ast.NumberName, Callable[[Subject], float | None]] = {
    "severity": severity,
    "reach": reach,
    "rating": rating,
}
_OPERATORS: dict[ast.Operator, _Compared] = {
    ">=": float.__ge__,
    "<=": float.__le__,
    ">": float.__gt__,
    "<": float.__lt__,
    "=": float.__eq__,
}


def matches(query: ast.Query, subject: Subject) -> bool:
    """Whether the post satisfies the query. For many queries at once there is `Matcher`."""
    return _kept_predicate(query)(Reading(subject))


def predicate(query: ast.Query) -> Predicate:
    """The query as a function."""
    match query:
        case ast.Everything():
            return _always
        case ast.Not():
            return _not(predicate(query.operand))
        case ast.And():
            return _and(tuple(predicate(operand) for operand in query.operands))
        case ast.Or():
            return _or(tuple(predicate(operand) for operand in query.operands))
        case ast.Field():
            return field_test(query)
        case ast.Compare():
            return _compare(query)
        case ast.Published():
            return _published(query)
    return _text_predicate(query)


def _text_predicate(query: ast.Word | ast.Phrase | ast.Raw | ast.Near | ast.Title) -> Predicate:
    match query:
        case ast.Title():
            return _words(patterns(query.operand), of_title=True)
        case ast.Raw():
            return _raw(query)
        case ast.Near():
            return _near(query)
    return _words(patterns(query))


def _always(_: Reading) -> bool:
    return True


def _words(wanted: tuple[Pattern, ...], *, of_title: bool = False) -> Predicate:
    plain = [pattern.text for pattern in wanted if pattern.regex is None]
    words = side_by_side(plain) if len(plain) == len(wanted) else None
    return _in_units(wanted, of_title) if words is None else _in_text(words, of_title)


def _in_text(words: re.Pattern[str], of_title: bool) -> Predicate:
    """Plain words are found in the folded text as it is, which saves splitting it into words."""
    search = words.search
    if of_title:
        return lambda reading: search(reading.folded_title) is not None
    return lambda reading: (
        search(reading.folded_text) is not None or search(reading.folded_title) is not None
    )


def _in_units(wanted: tuple[Pattern, ...], of_title: bool) -> Predicate:
    pieces = tuple(max(WILDCARD.split(pattern.text), key=len) for pattern in wanted)

    def found(reading: Reading) -> bool:
        folded = reading.folded
        for piece in pieces:
            if piece not in folded:
                return False
        return bool(spans(wanted, reading.title_units if of_title else reading.units))

    return found


def _raw(query: ast.Raw) -> Predicate:
    written = as_written(query.text)
    left = r"(?<!\w)" if written[:1].isalnum() else ""
    right = r"(?!\w)" if written[-1:].isalnum() else ""
    search = re.compile(left + re.escape(written) + right).search
    wanted = raw_patterns(query)
    if not wanted:
        return lambda reading: search(reading.written) is not None
    folded = _words(wanted)
    return lambda reading: folded(reading) and search(reading.written) is not None


def _near(query: ast.Near) -> Predicate:
    left, right = _alternatives(query.left), _alternatives(query.right)
    distance, ordered = query.distance, query.ordered

    def near(reading: Reading) -> bool:
        units = reading.units
        ones = [span for wanted in left for span in spans(wanted, units)]
        if not ones:
            return False
        others = [span for wanted in right for span in spans(wanted, units)]
        return _follows(ones, others, distance) or (
            not ordered and _follows(others, ones, distance)
        )

    return near


def _follows(ones: list[Span], others: list[Span], distance: int) -> bool:
    """Whether one of the others begins within `distance` words after the end of one."""
    starts = sorted(start for start, _ in others)
    for _, end in ones:
        index = bisect_left(starts, end)
        if index < len(starts) and starts[index] - end < distance:
            return True
    return False


def _alternatives(operand: ast.Query) -> list[tuple[Pattern, ...]]:
    """The words of each alternative in an operand of NEAR."""
    if isinstance(operand, ast.Or):
        return [each for inner in operand.operands for each in _alternatives(inner)]
    if isinstance(operand, ast.Word | ast.Phrase):
        return [patterns(operand)]
    raise TypeError(f"not an operand of NEAR: {operand!r}")


def _compare(query: ast.Compare) -> Predicate:
    number, compares, limit = _NUMBERS[query.name], _OPERATORS[query.operator], float(query.value)

    def compare(reading: Reading) -> bool:
        value = number(reading.subject)
        return value is not None and compares(value, limit)

    return compare


def _published(query: ast.Published) -> Predicate:
    start, end = query.start, query.end

    def published(reading: Reading) -> bool:
        moment = reading.subject.published_at
        return (start is None or start <= moment) and (end is None or moment < end)

    return published


def _not(operand: Predicate) -> Predicate:
    return lambda reading: not operand(reading)


def _and(operands: tuple[Predicate, ...]) -> Predicate:
    def every(reading: Reading) -> bool:
        for operand in operands:  # noqa: SIM110 - a generator costs more than the operands
            if not operand(reading):
                return False
        return True

    return every


def _or(operands: tuple[Predicate, ...]) -> Predicate:
    def some(reading: Reading) -> bool:
        for operand in operands:  # noqa: SIM110 - a generator costs more than the operands
            if operand(reading):
                return True
        return False

    return some


_kept_predicate = lru_cache(maxsize=256)(predicate)
