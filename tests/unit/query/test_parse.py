"""What the parser understands, and what it says about what it does not."""

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.common.query import QueryError, parse
from libs.common.query.ast import And, Everything, Field, Near, Not, Or, Phrase, Query, Title, Word
from libs.common.query.build import MAX_DEPTH, MAX_TERMS
from libs.common.query.parse import MAX_LENGTH
from tests.unit.query.generators import unhurried

A, B, C = Word("a"), Word("b"), Word("c")


def error_of(text: str) -> QueryError:
    with pytest.raises(QueryError) as raised:
        parse(text)
    return raised.value


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", Everything()),
        ("a b", And((A, B))),
        ("a b c", And((A, B, C))),
        ("a and b or c", Or((And((A, B)), C))),
        ("not a and b", And((Not(A), B))),
        ("not (a or b)", Not(Or((A, B)))),
        ("-a -b", And((Not(A), Not(B)))),
        ("-(a b)", Not(And((A, B)))),
        ("a-b", Word("a-b")),
        ("Not und Android", And((Word("Not"), Word("und"), Word("Android")))),
        ('"and" or "not"', Or((Phrase("and"), Phrase("not")))),
        ("a NEAR/5 b", Near(A, B, 5)),
        ("a onear/5 (b or c)", Near(A, Or((B, C)), 5, ordered=True)),
        ("not a near/2 b", Not(Near(A, B, 2))),
        ("near miss", And((Word("near"), Word("miss")))),
        ("title:a TITLE:“b c”", And((Title(A), Title(Phrase("b c"))))),
        ("author:and", Field("author", "and")),
        ("url:https://x.example/?a=(b", None),
        ("https://x.example/?a", Word("https://x.example/?a")),
        ("12:30", Word("12:30")),
        ("lang: de_AT", Field("lang", "de-at")),
    ],
)
def test_a_query_is_understood(text: str, tree: Query | None) -> None:
    if tree is None:
        error_of(text)
    else:
        assert parse(text).query == tree


@pytest.mark.parametrize(
    ("text", "position", "found", "english", "german"),
    [
        ("(a or b", 0, "(", "never closed", "nie geschlossen"),
        ("(a or (b)", 0, "(", "never closed", "nie geschlossen"),
        ("a) b", 1, ")", "closes nothing", "schließt nichts"),
        ("()", 1, ")", "a word, a phrase", "ein Wort"),
        ('a "b c', 2, '"', "never closed", "nie geschlossen"),
        ("a OR", 4, None, "ends too early", "zu früh"),
        ("OR a", 0, "OR", "does not fit", "passt hier nicht"),
        ("a AND OR b", 6, "OR", "does not fit", "passt hier nicht"),
        ("a\n\nnot", 6, None, "ends too early", "zu früh"),
        ("a - b", 2, "-", "does not fit", "passt hier nicht"),
        (f'a "{"b " * 31}"', 2, f'"{"b " * 31}"', "at most 30 words", "höchstens 30 Wörter"),
        (f"{'b-' * 30}b", 0, f"{'b-' * 30}b", "at most 30 words", "höchstens 30 Wörter"),
        (f'raw:"{"b " * 31}"', 4, f'"{"b " * 31}"', "at most 30 words", "höchstens 30 Wörter"),
        (f'title:"{"b " * 31}"', 6, f'"{"b " * 31}"', "at most 30 words", "höchstens 30 Wörter"),
        ("a autor:max", 2, "autor:max", "Expected: author:", "Erwartet: author:"),
        ("sevrity>=0.5", 0, "sevrity>=0.5", "Expected: severity:", "Erwartet: severity:"),
        ("xyzzy:1", 0, "xyzzy:1", "site:, url:", "site:, url:"),
        ("lang:", 0, "lang:", "has no value", "hat keinen Wert"),
        ("lang:deutsch", 5, "deutsch", "language code", "Sprachkürzel"),
        ("label:bad", 6, "bad", "complaint, question", "complaint, question"),
        ("severity>=3", 10, "3", "from 0 to 1", "von 0 bis 1"),
        ("rating<6", 7, "6", "from 0 to 5", "von 0 bis 5"),
        ("reach>=1.5", 7, "1.5", "whole number", "ganze Zahl"),
        ("reach>=" + "9" * 400, 7, "9" * 400, "whole number", "ganze Zahl"),
        ("date:2026-02-30", 5, "2026-02-30", "a day such as", "ein Tag wie"),
        ("date:9999-12-31", 5, "9999-12-31", "a day such as", "ein Tag wie"),
        ("date:2026-02-02..2026-01-01", 5, "2026-02-02..2026-01-01", "is empty", "ist leer"),
        ("site:x.example/a", 5, "x.example/a", "without path", "ohne Pfad"),
        ("country:germany", 8, "germany", "two letters", "zwei Buchstaben"),
        ("a NEAR b", 2, "NEAR", "lacks a distance", "fehlt der Abstand"),
        ("a NEAR/0 b", 2, "NEAR/0", "too large or zero", "zu groß oder null"),
        ("a NEAR/" + "9" * 5000 + " b", 2, "NEAR/" + "9" * 5000, "too large", "zu groß"),
        ("a NEAR/5 b NEAR/5 c", 11, "NEAR/5", "two terms only", "nur zwei"),
        ("a NEAR/5 (b c)", 9, "(", "cannot stand beside", "kann nicht neben"),
        ("a NEAR/5 lang:de", 9, "lang:", "cannot stand beside", "kann nicht neben"),
        ("€", 0, "€", "nothing to search for", "nichts zum Suchen"),
        ("a *", 2, "*", "nothing to search for", "nichts zum Suchen"),
        ('"!?"', 0, '"!?"', "nothing to search for", "nichts zum Suchen"),
        ("raw:mo*", 4, "mo*", 'raw:"mo*"', 'raw:"mo*"'),
        ('raw:" "', 4, '" "', "has no value", "hat keinen Wert"),
        ("author:(a or b)", 0, "author:", "has no value", "hat keinen Wert"),
    ],
)
def test_an_error_says_where_and_what_was_expected(
    text: str, position: int, found: str | None, english: str, german: str
) -> None:
    error = error_of(text)
    assert (error.position, error.found) == (position, found)
    assert english in error.message()
    assert english in str(error)
    assert german in error.message("de")


def test_line_and_column_count_from_one() -> None:
    error = error_of("a\nb c)")
    assert (error.position, error.line, error.column) == (5, 2, 4)
    assert error.message().startswith("Line 2, character 4:")
    assert error.message("de").startswith("Zeile 2, Zeichen 4:")


@pytest.mark.parametrize(
    ("text", "position"),
    [("a b or c", 4), ("a or b and c", 2), ("(a b) or c", None), ("x (a b or c)", 7)],
)
def test_mixing_and_with_or_is_warned_about(text: str, position: int | None) -> None:
    warnings = parse(text).warnings
    assert [warning.position for warning in warnings] == ([] if position is None else [position])
    for warning in warnings:
        assert "brackets" in warning.message()
        assert "Klammern" in warning.message("de")


def test_german_operators_are_words_and_warned_about() -> None:
    parsed = parse("a ODER b und c")
    assert parsed.query == And((A, Word("ODER"), B, Word("und"), C))
    (warning,) = parsed.warnings
    assert (warning.position, "OR" in warning.message("de")) == (2, True)


def test_limits_are_stated_not_run_into() -> None:
    assert "at most 40 levels" in error_of("(" * 5000 + "a" + ")" * 5000).message()
    assert "at most 40 levels" in error_of("not " * 3000 + "a").message()
    assert "at most 1000 terms" in error_of("a " * (MAX_TERMS + 1)).message()
    assert "at most 16000 characters" in error_of("a" * (MAX_LENGTH + 1)).message()


def test_the_largest_queries_allowed_are_understood() -> None:
    depth = MAX_DEPTH - 1
    assert parse("(" * depth + "a" + ")" * depth).query == A
    assert len(str(parse("a " * MAX_TERMS).query)) > MAX_TERMS
    assert sys.getrecursionlimit() > 10 * MAX_DEPTH


@unhurried
@given(st.text(alphabet='ab "„“()-*?:/#@.\n\\AORNDT5>=', max_size=40) | st.text(max_size=40))
@example('raw:"\\')
@example("date:0000-00-00")
@example("date:0001-01-01T00:00+23:00")
@example("#_")
@example("NEAR/")
@example('title:"')
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    error = error_in(text)
    if error is not None:
        assert 0 <= error.position <= len(text)
        assert error.message() != error.message("de")


def error_in(text: str) -> QueryError | None:
    try:
        parse(text)
    except QueryError as error:
        return error
    return None
