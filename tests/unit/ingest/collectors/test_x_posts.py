"""What is read out of X's posts, in both dialects."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.events import Engagement
from services.ingest.failure import CollectionFailed
from services.ingest.post import Post, PostAuthor
from tests.unit.ingest.building import NOW
from tests.unit.ingest.collectors.x_samples import (
    ANN,
    Answers,
    a_search,
    a_tweet,
    an_answer,
    an_id,
    as_sent,
)

WHOLE = Post(
    platform="x",
    native_id=an_id(),
    kind="reply",
    url=f"https://x.com/ann/status/{an_id()}",
    text="Meine Bremse & ich < 3",
    lang="de",
    author=PostAuthor(id="42", handle="ann", name="Ann", url="https://x.com/ann", followers=10),
    published_at=NOW,
    thread="7",
    in_reply_to="8",
    engagement=Engagement(likes=3, reposts=1, replies=2, views=90),
    place="Bonn, Deutschland",
)
PLACES = [{"id": "p1", "full_name": "Bonn, Deutschland", "country_code": "DE"}]


async def read(answer: dict[str, Any], *, authors: bool = True) -> tuple[Post, ...]:
    return (await a_search(Answers(answer), authors=authors).collect(None)).posts


async def the_post(**fields: object) -> Post:
    (post,) = await read(an_answer(a_tweet(**fields)))  # type: ignore[arg-type]
    return post


async def test_the_old_dialect_is_read_whole() -> None:
    tweet = a_tweet(
        text="Meine Bremse &amp; ich &lt; 3",
        conversation_id="7",
        referenced_tweets=[{"type": "replied_to", "id": "8"}, {"type": "quoted", "id": "9"}],
        geo={"place_id": "p1"},
    )
    answer = an_answer(tweet) | {"includes": {"users": [ANN], "places": PLACES}}
    assert await read(answer) == (WHOLE,)


async def test_the_new_dialect_is_read_the_same() -> None:
    post = {
        "id": an_id(),
        "text": "Meine Bremse &amp; ich &lt; 3",
        "author_id": "42",
        "conversation_id": "7",
        "created_at": NOW.isoformat(),
        "lang": "de",
        "edit_history_post_ids": [an_id()],
        "public_metrics": {
            "repost_count": 1,
            "reply_count": 2,
            "like_count": 3,
            "impression_count": 90,
        },
        "referenced_posts": [{"type": "replied_to", "id": "8"}],
        "geo": {"place_id": "p1"},
    }
    answer = {"data": [post], "includes": {"users": [ANN], "places": PLACES}}
    answers = Answers(answer)
    page = await a_search(answers, dialect="post", reposts=True).collect(None)
    assert page.posts == (WHOLE,)
    assert answers.params()["expansions"] == "geo.place_id,author_id,referenced_posts.id"
    assert "edit_history_post_ids" in answers.params()["post.fields"]


@pytest.mark.parametrize("name", ["note_tweet", "note_post"])
async def test_a_long_post_is_read_to_its_end(name: str) -> None:
    post = await the_post(text="Der Anfang …", **{name: {"text": "Der Anfang und das Ende"}})
    assert post.text == "Der Anfang und das Ende"


async def test_shortened_links_are_the_links_they_stand_for() -> None:
    links = [{"url": "https://t.co/a", "expanded_url": "https://motorrad.example/rueckruf"}]
    post = await the_post(text="Lies https://t.co/a", entities={"urls": links})
    assert post.text == "Lies https://motorrad.example/rueckruf"


async def test_an_edit_keeps_the_identity_and_says_when() -> None:
    first, later = an_id(NOW, 1), an_id(NOW + timedelta(minutes=4), 2)
    post = await the_post(
        id=later, edit_history_tweet_ids=[first, later], created_at="2026-09-18T10:34:00.000Z"
    )
    assert (post.native_id, post.published_at) == (first, NOW)
    assert post.edited_at == NOW + timedelta(minutes=4)
    assert post.url == f"https://x.com/ann/status/{later}"


async def test_a_quote_is_a_post_and_a_repost_shows_the_whole_original() -> None:
    quote = await the_post(referenced_tweets=[{"type": "quoted", "id": "9"}])
    assert (quote.kind, quote.in_reply_to) == ("post", None)
    tweet = a_tweet(
        text="RT @bo: Die Bremse meines Mo…", referenced_tweets=[{"type": "retweeted", "id": "9"}]
    )
    original = {"id": "9", "text": "…", "note_tweet": {"text": "Die Bremse meines Motorrads"}}
    page = await a_search(
        Answers(an_answer(tweet) | {"includes": {"tweets": [original]}}), reposts=True
    ).collect(None)
    (repost,) = page.posts
    assert (repost.kind, repost.text) == ("repost", "Die Bremse meines Motorrads")
    assert page.reads == 2
    assert page.money == pytest.approx(0.01)


async def test_a_post_of_the_three_default_fields_is_a_post() -> None:
    (post,) = await read({"data": [{"id": an_id(), "text": "Motorrad"}]}, authors=False)
    assert post == Post(
        platform="x",
        native_id=an_id(),
        kind="post",
        url=f"https://x.com/i/status/{an_id()}",
        text="Motorrad",
        published_at=NOW,
    )


async def test_a_broken_post_does_not_cost_the_others() -> None:
    answer = an_answer(a_tweet(NOW, 1)) | {"includes": {"users": [{"id": 7}, ANN]}}
    answer["data"] += [{"id": "x", "text": "a"}, {"id": "1"}, 7, a_tweet(NOW, 2, lang=7)]
    (post,) = await read(answer)
    assert post.author is not None
    assert post.author.handle == "ann"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted({*a_tweet(), "note_tweet", "entities", "geo", "referenced_tweets", "note_post"})


@given(st.dictionaries(st.sampled_from(NAMES), JSON), JSON, JSON)
@settings(max_examples=60, deadline=None)
async def test_whatever_comes_is_read_or_fails_by_name(
    post: dict[str, object], includes: object, meta: object
) -> None:
    answer = {"data": [a_tweet() | post, a_tweet(NOW, 2)], "includes": includes, "meta": meta}
    body = json.dumps(answer, allow_nan=True).encode("utf-8", "replace")
    sent = as_sent(httpx.Response(200, content=body))
    try:
        page = await a_search(lambda _request: sent).collect(None)
    except CollectionFailed:
        return
    assert an_id(NOW, 2) in {each.native_id for each in page.posts}
    assert all(
        isinstance(each.published_at, datetime) and each.published_at.tzinfo is UTC
        for each in page.posts
    )
