"""Building the tree while the parser reads: one step per rule of the grammar, no recursion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from lark import Token, Transformer

from libs.common.query import ast, terms, wording
from libs.common.query.errors import Wording

MAX_DEPTH: Final = 40
"""Levels of brackets, NOT, AND and OR in one another."""
MAX_TERMS: Final = 1_000

_GERMAN_OPERATORS: Final = {"UND": "AND", "ODER": "OR", "NICHT": "NOT"}

Remark: TypeAlias = tuple[int, Wording]
"""Position and statement of a warning."""


class Misread(Exception):
    """What is wrong with the query, and at which offset; `found` is the text there."""

    def __init__(self, position: int, found: str, what: Wording, expected: Wording) -> None:
        super().__init__(what.en)
        self.position = position
        self.found = found
        self.what = what
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the query that was read, from `position` on."""

    node: ast.Query
    position: int
    written: str
    """How it begins, for messages."""
    depth: int = 1
    terms: int = 1
    remarks: tuple[Remark, ...] = ()
    bare_and: bool = False
    """An AND without brackets around it."""


class Builder(Transformer[Token, Part]):
    """The steps, named as the rules of the grammar. Keeps no state, so one serves every query."""

    def start(self, children: list[Part]) -> Part:
        return children[0] if children else Part(ast.Everything(), 0, "")

    def any_of(self, children: list[Part | Token]) -> Part:
        parts = _parts(children)
        remarks: tuple[Remark, ...] = ()
        if any(part.bare_and for part in parts):
            first = next(child for child in children if isinstance(child, Token))
            remarks = ((_position(first), wording.MIXED),)
        return _joined(ast.Or(tuple(part.node for part in parts)), parts, remarks)

    def all_of(self, children: list[Part | Token]) -> Part:
        parts = _parts(children)
        joined = _joined(ast.And(tuple(part.node for part in parts)), parts)
        return replace(joined, bare_and=True)

    def negation(self, children: list[Part | Token]) -> Part:
        (operand,) = _parts(children)
        negated = _joined(ast.Not(operand.node), [operand])
        return replace(negated, position=_position(_tokens(children)[0]))

    def near(self, children: list[Part | Token]) -> Part:
        left, right = _parts(children)
        (operator,) = _tokens(children)
        try:
            distance, ordered = terms.read_distance(operator)
        except terms.Wrong as wrong:
            raise _misread(operator, wrong) from None
        node = ast.Near(_near_operand(left), _near_operand(right), distance, ordered)
        return _joined(node, [left, right])

    def group(self, children: list[Part | Token]) -> Part:
        (inner,) = _parts(children)
        opening = _tokens(children)[0]
        bracketed = replace(inner, position=_position(opening), written="(", bare_and=False)
        return _deeper(bracketed)

    def word(self, children: list[Token]) -> Part:
        (token,) = children
        try:
            part = _term(token, terms.read_word(str(token)))
        except terms.Wrong as wrong:
            raise _misread(token, wrong) from None
        operator = _GERMAN_OPERATORS.get(str(token))
        if operator is None:
            return part
        remark = wording.GERMAN_OPERATOR.format(found=str(token), operator=operator)
        return replace(part, remarks=((part.position, remark),))

    def phrase(self, children: list[Token]) -> Part:
        (token,) = children
        try:
            return _term(token, terms.read_phrase(terms.unquoted(token)))
        except terms.Wrong as wrong:
            raise _misread(token, wrong) from None

    def raw(self, children: list[Token]) -> Part:
        name, value = children
        quoted = value.type == "PHRASE"
        try:
            return _term(name, terms.read_raw(_value(value), quoted=quoted))
        except terms.Wrong as wrong:
            raise _misread(value, wrong) from None

    def title(self, children: list[Token]) -> Part:
        name, value = children
        try:
            if value.type == "PHRASE":
                return _term(name, ast.Title(terms.read_phrase(_value(value))))
            return _term(name, ast.Title(terms.searchable(ast.Word(str(value)))))
        except terms.Wrong as wrong:
            raise _misread(value, wrong) from None

    def field(self, children: list[Token]) -> Part:
        name, value = children
        try:
            return _term(name, terms.read_field(terms.field_name(name), _value(value)))
        except terms.Wrong as wrong:
            raise _misread(value, wrong) from None

    def comparison(self, children: list[Token]) -> Part:
        name, value = children
        try:
            return _term(name, terms.read_comparison(name, _value(value)))
        except terms.Wrong as wrong:
            raise _misread(value, wrong) from None


def _parts(children: Sequence[Part | Token]) -> list[Part]:
    return [child for child in children if isinstance(child, Part)]


def _tokens(children: Sequence[Part | Token]) -> list[Token]:
    return [child for child in children if isinstance(child, Token)]


def _position(token: Token) -> int:
    return token.start_pos or 0


def _value(token: Token) -> str:
    return terms.unquoted(token) if token.type == "PHRASE" else str(token)


def _term(token: Token, node: ast.Query) -> Part:
    return Part(node, _position(token), str(token))


def _misread(token: Token, wrong: terms.Wrong) -> Misread:
    return Misread(_position(token), str(token), wrong.what, wrong.expected)


def _joined(node: ast.Query, parts: list[Part], remarks: tuple[Remark, ...] = ()) -> Part:
    """A node over these parts, within the limits. Raises Misread beyond them."""
    joined = Part(
        node,
        parts[0].position,
        parts[0].written,
        max(part.depth for part in parts),
        sum(part.terms for part in parts),
        remarks + tuple(remark for part in parts for remark in part.remarks),
    )
    if joined.terms > MAX_TERMS:
        expected = wording.TERMS.format(most=MAX_TERMS)
        raise Misread(joined.position, joined.written, wording.TOO_MANY, expected)
    return _deeper(joined)


def _deeper(part: Part) -> Part:
    if part.depth >= MAX_DEPTH:
        expected = wording.DEPTH.format(most=MAX_DEPTH)
        raise Misread(part.position, part.written, wording.TOO_DEEP, expected)
    return replace(part, depth=part.depth + 1)


def _near_operand(part: Part) -> ast.NearOperand:
    node = part.node
    if isinstance(node, ast.Word | ast.Phrase) or (
        isinstance(node, ast.Or) and all(map(_is_near_operand, node.operands))
    ):
        return node
    what = wording.NOT_FOR_NEAR.format(found=part.written)
    raise Misread(part.position, part.written, what, wording.NEAR_OPERAND)


def _is_near_operand(node: ast.Query) -> bool:
    if isinstance(node, ast.Or):
        return all(map(_is_near_operand, node.operands))
    return isinstance(node, ast.Word | ast.Phrase)
