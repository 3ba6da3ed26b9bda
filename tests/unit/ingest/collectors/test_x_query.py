"""Words and phrases in the query language of X."""

from __future__ import annotations

import pytest

from sandbox.platforms.x_query import parse
from services.ingest.collectors.x.query import Wanted, language_read
from services.ingest.failure import Rejected


def queries(*terms: str, longest: int = 512, **fields: object) -> list[str]:
    return Wanted(terms, longest, **fields).queries()  # type: ignore[arg-type]


def test_words_and_phrases_are_alternatives() -> None:
    assert queries("Motorrad", "Motorrad AG", "#rückruf", "@motorrad") == [
        '(Motorrad OR "Motorrad AG" OR #rückruf OR @motorrad) -is:retweet'
    ]


def test_what_would_be_an_operator_is_quoted() -> None:
    assert queries("or", "from:ann", "C++", 'das "Beste"', reposts=True) == [
        '("or" OR "from:ann" OR "C++" OR "das Beste")'
    ]


def test_languages_have_the_codes_of_x() -> None:
    assert queries("a", languages=("de",)) == ["(a) lang:de -is:retweet"]
    assert queries("a", languages=("he", "id")) == ["(a) (lang:iw OR lang:in) -is:retweet"]


def test_what_is_too_long_becomes_several_queries_that_hold_every_word() -> None:
    words = [f"Wort{number:03}" for number in range(120)]
    asked = queries(*words, longest=100, languages=("de", "en"))
    assert max(map(len, asked)) <= 100
    assert [word for query in asked for word in words if word in query] == words
    for query in asked:
        parse(query)


def test_a_phrase_that_is_too_long_is_searched_for_by_its_beginning() -> None:
    phrase = " ".join(["Bremse"] * 40)
    (asked,) = queries(phrase, longest=100)
    assert len(asked) <= 100
    assert asked.startswith('("Bremse Bremse Bremse')


def test_a_word_that_no_query_can_hold_is_named() -> None:
    with pytest.raises(Rejected, match="'xxx"):
        queries("x" * 600)


def test_without_words_there_is_nothing_to_ask() -> None:
    with pytest.raises(Rejected, match="set `terms` or `query`"):
        queries()


def test_an_own_query_is_asked_as_it_stands() -> None:
    assert queries("a", query="from:ann has:links") == ["from:ann has:links"]


@pytest.mark.parametrize(
    ("code", "language"),
    [("iw", "he"), ("in", "id"), ("de", "de"), ("und", None), ("qht", None), (None, None)],
)
def test_a_post_has_the_present_code_of_its_language(
    code: str | None, language: str | None
) -> None:
    assert language_read(code) == language
