"""Many queries at once: which of them match a post.

Each query contributes literals of which one must stand in every post that matches it. One pass of
an Aho-Corasick automaton over the folded post finds the queries worth asking; only those are
evaluated, exactly. Queries without such literals (`lang:de`, `-gewinnspiel`) are always evaluated.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ahocorasick_rs import AhoCorasick, Implementation

from libs.common.query import ast
from libs.common.query.evaluate import predicate
from libs.common.query.fold import SIGNS, joins
from libs.common.query.pattern import WILDCARD, Pattern, patterns, raw_patterns
from libs.common.query.reading import Reading
from libs.common.query.subject import Subject

Id = TypeVar("Id", bound=Hashable)

_LETTERS_PER_HIT: Final = 4.0
"""Each further letter makes a literal about this much rarer in German and English text."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A piece of folded text; `starts` and `ends`: a word begins or ends with it."""

    text: str
    starts: bool = False
    ends: bool = False


class Matcher(Generic[Id]):
    """A fixed set of queries; `match` names those that a post satisfies."""

    def __init__(self, queries: Mapping[Id, ast.Query]) -> None:
        self._ids = tuple(queries)
        self._predicates = tuple(predicate(query) for query in queries.values())
        always: list[int] = []
        wanted: dict[Literal, list[int]] = {}
        for number, query in enumerate(queries.values()):
            literals = necessary_literals(query)
            if literals is None:
                always.append(number)
                continue
            for literal in literals:
                wanted.setdefault(literal, []).append(number)
        self._always = tuple(always)
        self._literals = tuple((each.starts, each.ends, tuple(wanted[each])) for each in wanted)
        self._automaton = (
            AhoCorasick([each.text for each in wanted], implementation=Implementation.ContiguousNFA)
            if wanted
            else None
        )

    def match(self, subject: Subject) -> list[Id]:
        """The ids of the queries that match, in the order they were given."""
        reading = Reading(subject)
        numbers = self._candidates(reading)
        if not numbers:
            return []
        ids, predicates = self._ids, self._predicates
        return [ids[number] for number in numbers if predicates[number](reading)]

    def _candidates(self, reading: Reading) -> tuple[int, ...] | list[int]:
        if self._automaton is None:
            return self._always
        folded = reading.folded
        found = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        if not found:
            return self._always
        numbers = set(self._always)
        length = len(folded)
        for index, start, end in found:
            starts, ends, asking = self._literals[index]
            if starts and start and joins(folded[start - 1]):
                continue
            if ends and end < length and joins(folded[end]):
                continue
            numbers.update(asking)
        return sorted(numbers)


def necessary_literals(query: ast.Query) -> frozenset[Literal] | None:
    """Literals of which every post that matches has at least one; None when there are none."""
    match query:
        case ast.Word() | ast.Phrase():
            return _of_patterns(patterns(query))
        case ast.Title():
            return _of_patterns(patterns(query.operand))
        case ast.Raw():
            return _of_patterns(raw_patterns(query))
        case ast.Near():
            return _rarest([necessary_literals(query.left), necessary_literals(query.right)])
        case ast.And():
            return _rarest([necessary_literals(operand) for operand in query.operands])
        case ast.Or():
            found = [necessary_literals(operand) for operand in query.operands]
            sets = [literals for literals in found if literals is not None]
            return frozenset().union(*sets) if len(sets) == len(found) else None
    return None


def _of_patterns(wanted: tuple[Pattern, ...]) -> frozenset[Literal] | None:
    return _rarest([frozenset({_literal(pattern)}) for pattern in wanted])


def _literal(pattern: Pattern) -> Literal:
    """The longest piece without wildcards, and whether the word's own ends are among it."""
    text = max(WILDCARD.split(pattern.text), key=len)
    return Literal(
        text,
        starts=pattern.text.startswith(text) and (text[0] in SIGNS or joins(text[0])),
        ends=pattern.text.endswith(text) and joins(text[-1]),
    )


def _rarest(choices: list[frozenset[Literal] | None]) -> frozenset[Literal] | None:
    known = [literals for literals in choices if literals is not None]
    return min(known, key=_frequency, default=None)


def _frequency(literals: frozenset[Literal]) -> float:
    return sum(_LETTERS_PER_HIT ** -len(literal.text) for literal in literals)
