"""The load generator gives the mix it was asked for, and the same every time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice

import msgspec
import pytest

from libs.common.events import Label
from sandbox.load import EPOCH, Mix, generate, lines
from services.ingest.api.push import HandedPost

COUNT = 20_000


def texts(posts: list[dict[str, object]]) -> list[str]:
    return [str(post["text"]) for post in posts]


def test_the_same_seed_gives_the_same_posts() -> None:
    assert list(generate(500, seed=3)) == list(generate(500, seed=3))
    assert texts(list(generate(500, seed=3))) != texts(list(generate(500, seed=4)))


def test_more_posts_begin_with_the_same_ones() -> None:
    assert list(generate(100, seed=3)) == list(islice(generate(1000, seed=3), 100))


def test_ids_are_unique_within_and_between_seeds() -> None:
    ids = {post["native_id"] for seed in (1, 2) for post in generate(1000, seed=seed)}
    assert len(ids) == 2000


def test_the_texts_are_varied_and_of_ordinary_length() -> None:
    written = texts(list(generate(COUNT, seed=1)))
    assert 180 <= sum(map(len, written)) / COUNT <= 220
    assert len(set(written)) > 0.8 * COUNT
    assert not any("{" in text for text in written)


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_languages_come_in_the_share_asked_for(share: float) -> None:
    counted = Counter(post["lang"] for post in generate(COUNT, mix=Mix(german=share)))
    assert counted["de"] / COUNT == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_hits_come_in_the_share_asked_for(share: float) -> None:
    names = ("Motorrad AG", "Lupora", "Arvena", "Rivo", "MAG Connect")
    written = texts(list(generate(COUNT, mix=Mix(hits=share))))
    hits = sum(any(name in text for name in names) for text in written)
    assert hits / COUNT == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(
    ("moods", "words"),
    [
        ({"crisis_candidate": 1.0}, ("Unfall", "accident", "Krankenhaus", "hospital")),
        ({"question": 2.0}, ("Frage", "Quick question", "Weiß jemand", "know whether")),
    ],
)
def test_moods_come_as_asked_for(moods: Mapping[Label, float], words: tuple[str, ...]) -> None:
    written = texts(list(generate(1000, mix=Mix(moods=moods))))
    other = texts(list(generate(1000, mix=Mix(moods={"praise": 1.0}))))
    assert sum(any(word in text for word in words) for text in written) > 200
    assert sum(any(word in text for word in words) for text in other) == 0


def test_posts_are_published_at_an_even_pace() -> None:
    posts = list(generate(101, per_second=50))
    assert datetime.fromisoformat(str(posts[0]["published_at"])) == EPOCH
    assert datetime.fromisoformat(str(posts[100]["published_at"])) == EPOCH + timedelta(seconds=2)


def test_reviews_have_stars_and_nothing_else_has() -> None:
    posts = list(generate(2000))
    assert {post["kind"] == "review" for post in posts if "rating" in post} == {True}
    assert {"rating" in post for post in posts if post["kind"] == "review"} == {True}


def test_lines_are_the_same_posts_as_ndjson() -> None:
    assert [json.loads(line) for line in lines(200, seed=9)] == list(generate(200, seed=9))
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in lines(200, seed=9))


def test_lines_are_what_the_push_api_takes() -> None:
    posts = [msgspec.json.decode(line, type=HandedPost) for line in lines(500, seed=9)]
    assert [post.native_id for post in posts] == [f"9-{number}" for number in range(500)]
    assert {post.platform for post in posts} == {"load"}
