"""What a store may look up: never less than what matches, in words no database can split."""

import re
import sqlite3

from hypothesis import example, given
from hypothesis import strategies as st

from libs.common.events import Mention
from libs.common.query import (
    All,
    And,
    Column,
    Columns,
    Narrowing,
    Or,
    Query,
    Term,
    columns,
    index_text,
    matches,
    narrow,
    parse,
)
from libs.common.query.narrowing import MAX_TERM
from tests.unit.query.generators import a_post, posts, queries, unhurried


def holds(narrowing: Narrowing, words: set[str], values: Columns) -> bool:
    """The narrowing as a database would decide it, NULLs included."""
    match narrowing:
        case All():
            return True
        case Term():
            if narrowing.prefix:
                return any(word.startswith(narrowing.folded) for word in words)
            return narrowing.folded in words
        case Column():
            return column_holds(narrowing, getattr(values, narrowing.name))
        case And():
            return all(holds(operand, words, values) for operand in narrowing.operands)
        case Or():
            return any(holds(operand, words, values) for operand in narrowing.operands)


def column_holds(condition: Column, value: object) -> bool:
    if condition.op == "!=":
        return value != condition.value
    if value is None:
        return False
    wanted = condition.value
    return {
        "=": lambda: value == wanted,
        "<": lambda: value < wanted,  # type: ignore[operator]
        "<=": lambda: value <= wanted,  # type: ignore[operator]
        ">": lambda: value > wanted,  # type: ignore[operator]
        ">=": lambda: value >= wanted,  # type: ignore[operator]
    }[condition.op]()


@unhurried
@given(queries, posts())
def test_what_matches_is_never_narrowed_away(query: Query, post: Mention) -> None:
    if matches(query, post):
        assert holds(narrow(query), set(index_text(post).split()), columns(post))


@unhurried
@given(st.lists(queries, min_size=1, max_size=3), posts())
@example([parse("#motor_r*").query], a_post("#motor_rad"))
@example([parse('raw:"Mo"').query], a_post("Mo\u00adtor"))
@example([parse("x" * 80).query], a_post("x" * 80))
@example([parse("x" * 80 + "*").query], a_post("x" * 90))
def test_full_text_search_finds_what_matches(wanted: list[Query], post: Mention) -> None:
    """The same through a real FTS5 index, whose tokeniser has its own mind."""
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE VIRTUAL TABLE words USING fts5(body)")
        database.execute("INSERT INTO words VALUES (?)", [index_text(post)])
        for query in wanted:
            for term in terms_that_hold(narrow(query), post):
                expression = f'"{term.folded}"' + ("*" if term.prefix else "")
                found = database.execute("SELECT 1 FROM words WHERE body MATCH ?", [expression])
                assert found.fetchall() == [(1,)]
    database.close()


def terms_that_hold(narrowing: Narrowing, post: Mention) -> list[Term]:
    if isinstance(narrowing, Term):
        words = set(index_text(post).split())
        return [narrowing] if holds(narrowing, words, columns(post)) else []
    if isinstance(narrowing, And | Or):
        return [term for each in narrowing.operands for term in terms_that_hold(each, post)]
    return []


@unhurried
@given(queries, posts())
def test_terms_and_index_are_plain_letters_and_digits(query: Query, post: Mention) -> None:
    assert re.fullmatch(r"([a-z0-9]+( [a-z0-9]+)*)?", index_text(post))
    for term in all_terms(narrow(query)):
        assert re.fullmatch(rf"[a-z0-9]{{1,{MAX_TERM}}}", term.folded)


def all_terms(narrowing: Narrowing) -> list[Term]:
    if isinstance(narrowing, Term):
        return [narrowing]
    if isinstance(narrowing, And | Or):
        return [term for each in narrowing.operands for term in all_terms(each)]
    return []


def test_a_hashtag_is_indexed_as_its_words() -> None:
    assert index_text(a_post("#Motor_Rad brennt", title="Müller")) == "muller motor rad brennt"


def test_what_can_be_looked_up_is_narrowed() -> None:
    query = parse('("Motorrad AG" OR motorrad*) lang:de-AT -kind:repost NOT severity>=0.5').query
    assert narrow(query) == And(
        (
            Or((And((Term("motorrad"), Term("ag"))), Term("motorrad", prefix=True))),
            Column("lang", "=", "de"),
            Column("kind", "!=", "repost"),
        )
    )


def test_what_cannot_be_looked_up_is_not() -> None:
    assert narrow(parse("a OR site:x.example").query) == All()
    assert narrow(parse("-a").query) == All()
    assert narrow(parse("-(a OR kind:post)").query) == Column("kind", "!=", "post")
