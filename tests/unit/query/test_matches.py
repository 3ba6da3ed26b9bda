"""What a query means for a post."""

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.events import Author, Classification, Engagement, Label, Rating
from libs.common.query import ast, matches, parse
from tests.unit.query.generators import a_post, unhurried


def finds(query: str, text: str = "", **fields: Any) -> bool:
    return matches(parse(query).query, a_post(text, **fields))


def verdict(label: Label = "other", lang: str | None = None) -> Classification:
    return Classification(label=label, scores={}, severity=0.5, lang=lang, model="m")


KNOWN_TO_TEN = Author(key="k", followers=10)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("", "anything", True),
        ("motorrad", "Mein Motorrad!", True),
        ("motorrad", "Motorradfahrer", False),
        ("motorrad", "#Motorrad", True),
        ("#motorrad", "#Motorrad", True),
        ("#motorrad", "Motorrad", False),
        ("#motorrad", "#Motorradtour", False),
        ("#motor*", "#Motorradtour", True),
        ("@MotorradAG", "danke @motorradag.", True),
        ("@MotorradAG", "info@motorradag.example", False),
        ("@anna.bsky.social", "hallo @anna.bsky.social", True),
        ("motorrad*", "Motorräder", True),
        ("*rad", "Das Fahrrad", True),
        ("m?ller", "Frau Müller", True),
        ("m?ller", "Frau Mueller", True),
        ("m?ller", "Mller", False),
        ("mueller", "MÜLLER", True),
        ("tesla", "Tesla's Werk", True),
        ("tesla's", "Tesla’s Werk", True),
        ("motorrad-hersteller", "Motorrad Hersteller", True),
        ("hersteller", "Motorrad-Hersteller", True),
        ('"motorrad ag"', "die Motorrad-AG", True),
        ('"motorrad ag"', "AG Motorrad", False),
        ('"motorrad ag"', "Motorrad und AG", False),
        ('"motorräder* ag"', "Motorraedern AG", True),
        ('"wieso?"', "Wieso denn", True),
        ("😡", "so ein Mist😡😡", True),
        ("👍", "👍🏽", True),
        ("raw:AG", "die AG", True),
        ("raw:AG", "die ag", False),
        ("raw:AG", "AGB", False),
        ('raw:"C++"', "ich mag C++!", True),
        ('raw:"C++"', "ich mag C+", False),
        ('raw:"++"', "C++", True),
        ("raw:Müller", "Mueller", False),
        ("raw:Müller", "Mu\u0308ller", True),
        ("a -b", "a c", True),
        ("a -b", "a b", False),
        ("-b", "a", True),
        ("a b or c", "c", True),
        ("a (b or c)", "c", False),
    ],
)
def test_words(query: str, text: str, expected: bool) -> None:
    assert finds(query, text) is expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("a near/1 b", "a b", True),
        ("a near/1 b", "b a", True),
        ("a near/1 b", "a x b", False),
        ("a near/2 b", "a x b", True),
        ("a onear/2 b", "b x a", False),
        ("a onear/2 b", "b a x b", True),
        ("a near/5 a", "a", False),
        ("a near/5 a", "a x a", True),
        ('"x y" near/2 (a or b*)', "bus fuhr x y", True),
        ('"x y" near/1 (a or b*)', "bus fuhr x y", False),
        ("motor* near/3 motorrad", "motorrad", False),
    ],
)
def test_nearness_counts_words(query: str, text: str, expected: bool) -> None:
    assert finds(query, text) is expected


def test_title_and_text_are_both_searched_but_never_joined() -> None:
    assert finds("a b", "b", title="a")
    assert finds("title:a", "", title="x a")
    assert not finds("title:a", "a", title="x")
    assert not finds("title:a", "a")
    assert not finds('"a b"', "b", title="a")
    assert not finds("a near/100 b", "b", title="a")
    assert not finds('raw:"a b"', "b", title="a")


@pytest.mark.parametrize(
    ("query", "fields", "expected"),
    [
        ("site:fanclub.example", {"url": "https://www.fanclub.example/x"}, True),
        ("site:fanclub.example", {"url": "https://forum.FANCLUB.example/x"}, True),
        ("site:fanclub.example", {"url": "https://notfanclub.example/x"}, False),
        ("site:*.example", {"url": "https://a.example/"}, True),
        ("site:a.example", {}, False),
        ("url:/News/", {"url": "https://a.example/news/1"}, True),
        ("url:news*2", {"url": "https://a.example/news/1"}, False),
        ("source:trade-*", {"source": "Trade-Press"}, True),
        ("platform:mastodon", {"platform": "Mastodon"}, True),
        ("author:gewinnspiel*", {"author": Author(key="k", handle="@Gewinnspiel24")}, True),
        ("author:@anna", {"author": Author(key="k", handle="anna")}, True),
        ("author:ann", {"author": Author(key="k", handle="anna")}, False),
        ('author:"erika muster*"', {"author": Author(key="k", name="Erika Mustermann")}, True),
        ("author:k", {"author": Author(key="k")}, True),
        ("lang:de", {"lang": "de-AT"}, True),
        ("lang:de-at", {"lang": "de"}, False),
        ("lang:de", {"lang": "den"}, False),
        ("lang:de", {"classification": verdict(lang="de")}, True),
        ("lang:de", {"lang": "en", "classification": verdict(lang="de")}, False),
        ("country:de", {"place": "Berlin, DE"}, True),
        ("country:de", {"place": "Delmenhorst"}, False),
        ("kind:review", {"kind": "review"}, True),
        ("label:praise", {"classification": verdict(label="praise")}, True),
        ("label:praise", {}, False),
        ("severity>=0.5", {"classification": verdict()}, True),
        ("severity>0,5", {"classification": verdict()}, False),
        ("reach>=1k", {"author": KNOWN_TO_TEN, "engagement": Engagement(views=1000)}, True),
        ("reach:10", {"author": KNOWN_TO_TEN, "engagement": Engagement()}, True),
        ("reach<5", {}, False),
        ("rating<=2", {"rating": Rating(value=4, best=10)}, True),
        ("rating<2", {"rating": Rating(value=4, best=10)}, False),
        ("rating<=2", {"rating": Rating(value=4, best=0)}, False),
        ("has:link", {"title": "www.a.example"}, True),
        ("has:link", {"title": "https"}, False),
        ("has:hashtag", {"title": "#a"}, True),
        ("has:handle", {"title": "a@b.example"}, False),
        ("has:emoji", {"title": "😀"}, True),
        ("has:emoji", {"title": "a1 東"}, False),
        ("has:title", {"title": "x"}, True),
        ("is:reply", {"in_reply_to": "1"}, True),
        ("is:reply", {"kind": "comment"}, True),
        ("is:original", {"kind": "repost"}, False),
        ("is:backfill", {"backfill": True}, True),
        ("date:2026-01-15", {}, True),
        ("date:2026-01-01..2026-01-14", {}, False),
        ("date<=2026-01-15T11:59", {}, False),
        ("date>=2026-01-15T13:00+01:00", {}, True),
        ("date>2026-01-15T12:00", {}, False),
    ],
)  # fmt: skip
def test_fields(query: str, fields: dict[str, Any], expected: bool) -> None:
    assert finds(query, **fields) is expected


@pytest.mark.parametrize("query", ["lang:de", "label:praise", "severity<1", "reach<1", "rating<1"])
def test_what_is_unknown_satisfies_no_condition_and_every_negation(query: str) -> None:
    assert not finds(query)
    assert finds(f"NOT {query}")


def test_the_end_of_a_period_is_left_out_and_its_start_is_not() -> None:
    day = parse("date:2026-01-15").query
    assert matches(day, a_post(published_at=datetime(2026, 1, 15, tzinfo=UTC)))
    assert not matches(day, a_post(published_at=datetime(2026, 1, 16, tzinfo=UTC)))


@unhurried
@given(st.text("ab*?", min_size=1, max_size=8), st.text("ab", min_size=1, max_size=8))
def test_wildcards_agree_with_those_of_file_names(pattern: str, word: str) -> None:
    if pattern.strip("*?"):
        assert matches(ast.Word(pattern), a_post(word)) == fnmatchcase(word, pattern)


@pytest.mark.timeout(20)
def test_awkward_queries_on_awkward_posts_come_to_an_end() -> None:
    assert not finds("*a" * 50 + "b", "a" * 50_000)
    assert not finds("a onear/1 b", "a " * 20_000 + "x " * 5 + "b " * 20_000)
    assert not finds("url:" + "*a" * 50 + "b", url="https://x.example/" + "a" * 50_000)


def test_a_reach_no_number_can_hold_counts_as_the_largest() -> None:
    assert finds("reach>=1m", engagement=Engagement(views=10**400))
    assert finds("reach=0", engagement=Engagement(views=-1))


def test_stars_are_never_more_than_five() -> None:
    assert finds("rating=5", rating=Rating(value=1e308, best=5e-324))
    assert finds("rating=0", rating=Rating(value=-3, best=5))
