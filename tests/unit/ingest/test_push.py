from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import pytest

from libs.common.events import Mention
from services.ingest.api.push import (
    MOST_POSTS,
    TOGETHER,
    TOGETHER_BYTES,
    Accepted,
    Invalid,
    Judged,
    NotJson,
    TooManyPosts,
    Unmatched,
    batch_of,
    judge,
    schema,
)
from tests.unit.ingest.building import NOW, a_watch, some_watches


def judged(body: bytes, form: Literal["json", "ndjson"] = "json") -> Judged:
    batch = batch_of(body, form)
    return judge(batch, range(len(batch.items)), some_watches(a_watch("m", "Motorrad")), NOW)


def one(**fields: object) -> Mention:
    (mention,) = judged(msgspec.json.encode({"text": "Motorrad", **fields})).mentions
    return mention


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b'[{"text": "Motorrad"}, {"text": "Fahrrad"}, {"text": 3}]', "json"),
        (b'{"text": "Motorrad"}\n{"text": "Fahrrad"}\r\n\n{"text": 3}', "ndjson"),
    ],
)
def test_each_post_has_its_own_verdict(body: bytes, form: Literal["json", "ndjson"]) -> None:
    found = judged(body, form)
    (mention,) = found.mentions
    assert found.verdicts == [
        Accepted(0, ("m",), (mention.id,)),
        Unmatched(1),
        Invalid(2, "#/2/text", "Expected `str`, got `int`"),
    ]


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        ({}, "#/0/text"),
        ({"text": "a", "author": {"followers": -1}}, "#/0/author/followers"),
        ({"text": "a", "author": {"followers": 2**53}}, "#/0/author/followers"),
        ({"text": "a", "engagement": {"views": 2**53}}, "#/0/engagement/views"),
        ({"text": "a", "engagement": {"views": 2**63}}, "#/0/engagement/views"),
        ({"text": "a", "engagement": {"likes": -1}}, "#/0/engagement/likes"),
        ({"text": "a", "rating": {"value": 1}}, "#/0/rating/best"),
        ({"text": "a", "rating": {"value": -1, "best": 5}}, "#/0/rating/value"),
        ({"text": "a", "rating": {"value": 1, "best": 1e7}}, "#/0/rating/best"),
        ({"text": "a", "kind": "tweet"}, "#/0/kind"),
        ({"text": "a", "published_at": "2026-09-18T10:00:00"}, "#/0/published_at"),
        ({"text": "a", "published_at": "gestern"}, "#/0/published_at"),
        ({"text": "a", "watch": "unknown"}, "#/0/watch"),
        ({"text": "x" * 100_001}, "#/0/text"),
        ([], "#/0"),
        ("Motorrad", "#/0"),
        (None, "#/0"),
    ],
)
def test_a_wrong_field_is_pointed_at(item: Any, pointer: str) -> None:
    (verdict,) = judged(msgspec.json.encode([item])).verdicts
    assert isinstance(verdict, Invalid)
    assert verdict.pointer == pointer
    assert "$" not in verdict.detail


@pytest.mark.parametrize("line", [b"{", b"\xff\xfe", b'{"text": "\xff"}', b"[" * 100_000])
def test_a_line_that_is_no_json_does_not_stop_the_others(line: bytes) -> None:
    found = judged(line + b'\n{"text": "Motorrad"}', "ndjson")
    assert [type(verdict) for verdict in found.verdicts] == [Invalid, Accepted]


def test_a_single_post_is_its_own_root() -> None:
    (verdict,) = judged(b'{"text": "a", "author": {"followers": -1}}').verdicts
    assert verdict == Invalid(0, "#/author/followers", "Expected `int` >= 0")
    (verdict,) = judged(b'{"text": "a", "watch": "x"}').verdicts
    assert verdict == Invalid(0, "#/watch", "no watch is called 'x'")


@pytest.mark.parametrize("body", [b"[1, 2", b"[", b"[{}]x", b"[" * 100_000, b"{", b"", b"\xff"])
def test_a_request_that_is_no_json_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(NotJson):
        batch_of(body, "json")


def test_a_number_no_double_can_hold_is_refused() -> None:
    (verdict,) = judged(b'{"text": "a", "engagement": {"views": 1%b}}' % (b"0" * 400)).verdicts
    assert isinstance(verdict, Invalid)
    (verdict,) = judged(b'{"text": "a", "rating": {"value": 1e999, "best": 5}}').verdicts
    assert isinstance(verdict, Invalid)


def test_a_nul_becomes_a_replacement_character_wherever_it_stands() -> None:
    mention = one(text="Motorrad \0", platform="a\0b", author={"handle": "ann"}, place="\0")
    assert (mention.text, mention.platform, mention.place) == (
        "Motorrad \ufffd",
        "a\ufffdb",
        "\ufffd",
    )
    assert mention.author == one(author={"handle": "ann"}, platform="a\ufffdb").author
    assert one(author={"handle": "a\0"}).author == one(author={"handle": "a\ufffd"}).author


def test_a_backslash_before_u0000_is_text_and_stays() -> None:
    (mention,) = judged(rb'{"text": "Motorrad C:\\u0000x"}').mentions
    assert mention.text == r"Motorrad C:\u0000x"


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"[" + b"0," * MOST_POSTS + b"0]", "json"),
        (b' [ "]" ' + b',{"a": [1, "[\\""]}' * MOST_POSTS + b"]", "json"),
        (b"{}\n" * (MOST_POSTS + 1), "ndjson"),
    ],
)
def test_too_many_posts_are_refused_before_they_are_built(
    body: bytes, form: Literal["json", "ndjson"]
) -> None:
    with pytest.raises(TooManyPosts):
        batch_of(body, form)


def test_commas_within_posts_are_not_counted_as_posts() -> None:
    posts = [{"text": 'a, ]"' * 20_000, "more": [0] * 100_000}, {}]
    assert len(batch_of(msgspec.json.encode(posts), "json").items) == 2
    at_most = b"[" + b"0," * (MOST_POSTS - 1) + b"0]"
    assert len(batch_of(at_most, "json").items) == MOST_POSTS
    with pytest.raises(NotJson):
        batch_of(b'["' + b"," * MOST_POSTS, "json")


def test_blank_lines_are_no_posts() -> None:
    assert len(batch_of(b" \n\n" * MOST_POSTS + b"{}", "ndjson").items) == 1


def test_a_batch_comes_in_parts_of_bounded_length() -> None:
    many = batch_of(b"{}\n" * (2 * TOGETHER + 1), "ndjson")
    assert [len(part) for part in many.parts()] == [TOGETHER, TOGETHER, 1]
    long = b'{"text": "%b"}\n' % (b"x" * TOGETHER_BYTES)
    heavy = batch_of(long * 2 + b"{}\n", "ndjson")
    assert list(heavy.parts()) == [range(1), range(1, 2), range(2, 3)]
    as_array = batch_of(b"[" + long + b"," + long + b"]", "json")
    assert list(as_array.parts()) == [range(1), range(1, 2)]


def test_all_fields_arrive() -> None:
    mention = one(
        platform="portal",
        native_id="7",
        kind="review",
        url="https://p.example/7",
        title="T",
        lang="de",
        author={"handle": "ann", "followers": 9},
        published_at="2026-09-18T12:00:00+02:00",
        thread="5",
        in_reply_to="6",
        rating={"value": 1, "best": 5},
        engagement={"likes": 3},
        place="Bonn",
        backfill=True,
        id="ignored",
        collected_at="ignored",
    )
    assert mention.author is not None
    assert msgspec.to_builtins(mention) == {
        "id": mention.id,
        "watch": "m",
        "source": "api",
        "platform": "portal",
        "native_id": "7",
        "kind": "review",
        "url": "https://p.example/7",
        "title": "T",
        "text": "Motorrad",
        "lang": "de",
        "author": {"key": mention.author.key, "followers": 9},
        "published_at": "2026-09-18T10:00:00Z",
        "collected_at": "2026-09-18T10:30:00Z",
        "thread": "5",
        "in_reply_to": "6",
        "rating": {"value": 1.0, "best": 5.0},
        "engagement": {"likes": 3},
        "place": "Bonn",
        "backfill": True,
    }


def test_a_post_for_a_watch_needs_not_match_it() -> None:
    (mention,) = judged(b'{"text": "Fahrrad", "watch": "m"}').mentions
    assert mention.watch == "m"


def test_the_same_post_has_the_same_id_and_another_another() -> None:
    assert one().id == one().id
    assert one(url="https://a.example/").id == one(url="https://a.example/", title="edited").id
    ids = [one().id, one(title="t").id, one(author={"handle": "a"}).id, one(native_id="1").id]
    assert len(set(ids)) == 4


def test_times_are_utc_and_never_in_the_future() -> None:
    late = (NOW + timedelta(days=1)).isoformat()
    assert one(published_at=late).published_at == NOW
    early = one(published_at="2026-09-18T02:00:00-05:00").published_at
    assert early == datetime(2026, 9, 18, 7, tzinfo=UTC)
    assert one(published_at="0001-01-01T00:00:00+14:00").published_at == NOW


def test_the_schema_has_no_references_left() -> None:
    assert b"$ref" not in msgspec.json.encode(schema())
    assert schema()["required"] == ["text"]
