"""Many queries at once give what each gives alone."""

from hypothesis import given
from hypothesis import strategies as st

from libs.common.events import Mention
from libs.common.query import Matcher, Query, matches, parse
from tests.unit.query.generators import a_post, posts, queries, unhurried


@unhurried
@given(st.lists(queries, max_size=12), st.lists(posts(), min_size=1, max_size=4))
def test_the_matcher_agrees_with_asking_each_query(
    watches: list[Query], found: list[Mention]
) -> None:
    matcher = Matcher(dict(enumerate(watches)))
    for post in found:
        expected = [number for number, query in enumerate(watches) if matches(query, post)]
        assert matcher.match(post) == expected


def test_the_order_is_that_of_the_queries() -> None:
    matcher = Matcher({name: parse(name).query for name in ("c", "a", "b")})
    assert matcher.match(a_post("a b c")) == ["c", "a", "b"]


def test_no_queries_match_nothing() -> None:
    matcher: Matcher[str] = Matcher({})
    assert matcher.match(a_post("a")) == []
