"""What a platform's search is asked for is in every post that is wanted."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.events import Mention
from libs.common.query import Query, keywords, matches, parse
from libs.common.query.fold import fold, words
from tests.unit.query.generators import posts, queries, unhurried


@pytest.mark.parametrize(
    ("query", "needed"),
    [
        ("motorrad", ("motorrad",)),
        ('"Motorrad AG" OR @MotorradAG', ("Motorrad AG", "@MotorradAG")),
        ("bremse AND motorrad", ("motorrad",)),
        ("(a OR b OR c) AND motorrad", ("motorrad",)),
        ("motorrad AND NOT gewinnspiel", ("motorrad",)),
        ("motorrad* NEAR/5 hersteller", ("hersteller",)),
        ("Motorräd*", ("Motorräd",)),
        ("mo* OR bremse", ()),
        ('title:"Motorrad AG" OR bremse', ("Motorrad AG", "bremse")),
        ("motorrad OR site:fanclub.example", ()),
        ("motorrad site:fanclub.example", ("motorrad",)),
        ("NOT motorrad", ()),
        ("", ()),
    ],
)
def test_the_fewest_words_that_are_needed(query: str, needed: tuple[str, ...]) -> None:
    assert keywords(parse(query).query) == needed


@unhurried
@given(st.lists(queries, min_size=5, max_size=12), st.lists(posts(), min_size=3, max_size=8))
def test_every_wanted_post_holds_a_keyword(asked: list[Query], found: list[Mention]) -> None:
    for query, post in product(asked, found):
        needed = keywords(query)
        if needed and matches(query, post):
            text = _plain(f"{post.title or ''} {post.text}")
            assert any(_plain(word) in text for word in needed)


def _plain(text: str) -> str:
    """Folded, without anything between the words: platforms have their own ideas of words."""
    return "".join(words(fold(text)))
