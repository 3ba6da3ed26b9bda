"""What the filter of a firehose lets pass: at least everything that the query language finds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.query import QueryError, keywords, parse
from services.ingest.match import Pseudonyms, Watches
from services.ingest.reading.keyword_filter import may_hold
from tests.unit.ingest.building import NOW, a_post, a_watch


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("Müller", "bei MUELLER gekauft"),
        ("Mueller", "bei Müller gekauft"),
        ("Straße", "in der STRASSE"),
        ("#acme", "so war es bei Acme"),
        ("Nord Bank", "die Nord-Bank schweigt"),
        ("acme", "𝐀𝐂𝐌𝐄 in Verkleidung"),
        ("acme", "#acmefail"),
        ("日本", "ここは日本です"),
    ],
)
def test_what_is_written_otherwise_passes(keyword: str, text: str) -> None:
    assert may_hold([keyword, "etwas anderes"])(text)


def test_what_holds_no_keyword_does_not_pass() -> None:
    holds = may_hold(["Motorrad AG", "Müller"])
    assert not holds("Nichts davon ist hier zu lesen, und auch kein Mühlrad.")


@pytest.mark.parametrize("words", [[], ["acme", "…"]])
def test_without_anything_to_look_for_everything_passes(words: list[str]) -> None:
    assert may_hold(words)("irgendetwas")


_some_words = st.text("aeuoäöüßéAEUÄẞ st#@-", min_size=1, max_size=12)
_stems = st.text("aeuoäöüßst", min_size=4, max_size=8)


def passes_if_found(query: str, text: str) -> None:
    try:
        wanted = keywords(parse(query).query)
    except QueryError:
        return  # nothing to search for, as in "@"
    watches = Watches([a_watch(query=query)], Pseudonyms(b"key"))
    found = bool(watches.mentions(a_post(text=text), "source", NOW))
    assert may_hold(wanted)(text) or not found


@settings(max_examples=200, deadline=None)
@given(word=_some_words, before=_some_words, after=_some_words)
def test_whatever_a_phrase_finds_passes(word: str, before: str, after: str) -> None:
    passes_if_found(f'"{word}"', f"{before} {word} {after}")


@settings(max_examples=200, deadline=None)
@given(stem=_stems, tail=_stems, before=_some_words)
def test_whatever_the_beginning_of_a_word_finds_passes(stem: str, tail: str, before: str) -> None:
    passes_if_found(f"{stem}*", f"{before} {stem}{tail}")
