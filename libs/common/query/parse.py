"""From text to syntax tree, with errors and warnings that say where and what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, cast

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from libs.common.query import ast, terms, wording
from libs.common.query.build import Builder, Misread, Part
from libs.common.query.errors import Place, QueryError, QueryWarning

MAX_LENGTH: Final = 16_000
"""Characters of a query."""

_GRAMMAR: Final = Path(__file__).with_name("grammar.lark")
_QUOTES: Final = '"„“”«»'
_BEFORE_A_TERM: Final = frozenset({"AND", "OR", "NOT", "MINUS", "NEAR", "LPAR"})
_BEFORE_A_VALUE: Final = frozenset({"RAW", "TITLE", "FIELD", "COMPARISON"})


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query that was understood, and what its writer should know about it."""

    query: ast.Query
    warnings: tuple[QueryWarning, ...] = ()


def parse(text: str) -> Parsed:
    """The tree of a query; the empty query is `Everything`. Raises QueryError."""
    if len(text) > MAX_LENGTH:
        expected = wording.LENGTH.format(most=MAX_LENGTH)
        found = text[MAX_LENGTH : MAX_LENGTH + 20]
        raise QueryError(text, MAX_LENGTH, found=found, what=wording.TOO_LONG, expected=expected)
    try:
        part = cast(Part, _parser().parse(text))  # lark's types do not know its transformer
    except UnexpectedInput as error:
        raise _error(text, _syntax_error(text, error)) from None
    except Misread as misread:
        raise _error(text, misread) from None
    warnings = [QueryWarning(Place.at(text, position), what) for position, what in part.remarks]
    return Parsed(part.node, tuple(sorted(warnings, key=lambda warning: warning.position)))


@cache
def _parser() -> Lark:
    grammar = _GRAMMAR.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=Builder())


def _error(text: str, misread: Misread) -> QueryError:
    return QueryError(
        text,
        misread.position,
        found=misread.found or None,
        what=misread.what,
        expected=misread.expected,
    )


def _syntax_error(text: str, error: UnexpectedInput) -> Misread:
    if isinstance(error, UnexpectedToken):
        token = error.token
        at_end = token.type == "$END"
        position = len(text) if at_end else token.start_pos or 0
        read = error.interactive_parser.parser_state.value_stack
        return _unexpected(position, "" if at_end else str(token), token.type, read)
    if isinstance(error, UnexpectedCharacters):
        position = cast(int, error.pos_in_stream)
        found = text[position]
        if found in _QUOTES:
            return Misread(position, found, wording.QUOTE_OPEN, wording.QUOTE)
        return Misread(position, found, wording.UNEXPECTED.format(found=found), wording.TERM)
    raise error


def _unexpected(position: int, found: str, kind: str, read: list[Token | Part]) -> Misread:
    """What to say about a token that does not fit after what was `read` so far."""
    before = read[-1] if read else None
    if isinstance(before, Token) and before.type in _BEFORE_A_VALUE:
        what = wording.NO_VALUE.format(found=before)
        return Misread(before.start_pos or 0, str(before), what, terms.expected_value(before))
    if before is None or (isinstance(before, Token) and before.type in _BEFORE_A_TERM):
        what = wording.UNEXPECTED.format(found=found) if found else wording.UNEXPECTED_END
        return Misread(position, found, what, wording.TERM)
    opened = [each for each in read if isinstance(each, Token) and each.type == "LPAR"]
    if not found and opened:
        return Misread(opened[-1].start_pos or 0, "(", wording.NOT_CLOSED, wording.CLOSING)
    what = wording.UNEXPECTED.format(found=found)
    if kind == "RPAR":
        what = wording.NOT_OPENED
    if kind == "NEAR":
        what = wording.CHAINED_NEAR
    return Misread(position, found, what, wording.OPERATOR_OR_END)
