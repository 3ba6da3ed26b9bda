"""The demo's story holds together: in itself, and with the demo's configuration."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

import sandbox
from libs.common.events import Mention, Rating
from libs.common.query import matches, parse
from libs.common.settings import Watch, load
from sandbox.story import Post, load_story
from sandbox.timeline import FEEDS, Timeline
from services.configuration import Configuration
from tests.unit.sandbox.playing import SECRET, START, Hand

DEMO = load_story("demo")
BURNING = [post for post in DEMO.posts if post.label == "crisis_candidate"]
DANGER = re.compile(
    r"brems|brake|unfall|sturz|crash|abgflog|sachverständig|rückruf|recall|sammelklage", re.I
)


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    path = Path(sandbox.__file__).with_name("demo.yaml")
    environment = {"SANDBOX_URL": "http://127.0.0.1:8090", "SANDBOX_WEBHOOK_SECRET": SECRET}
    return load(path, Configuration, environment)


def mentions(watch: str) -> list[tuple[Post, Mention]]:
    """Every post of the story as the mention it becomes."""
    clock = Hand(START + timedelta(seconds=DEMO.seconds))
    timeline = Timeline(DEMO, clock, started=START)
    return [
        (
            entry.post,
            Mention(
                id=entry.id,
                watch=watch,
                source=feed,
                platform=feed,
                native_id=entry.id,
                kind="post",
                title=entry.title,
                text=entry.post.text,
                lang=entry.post.lang,
                published_at=entry.published_at,
                collected_at=entry.published_at,
                rating=None
                if entry.post.rating is None
                else Rating(value=entry.post.rating, best=5),
            ),
        )
        for feed in FEEDS
        for entry in timeline.shown(feed)
    ]


def is_watched(watch: Watch, mention: Mention) -> bool:
    unwanted = watch.not_ and matches(parse(watch.not_).query, mention)
    return matches(parse(watch.query).query, mention) and not unwanted


def test_every_text_is_written_once() -> None:
    texts = [post.text for post in DEMO.posts]
    assert len(texts) == len(set(texts))


def test_the_first_posts_are_there_at_once_and_harmless() -> None:
    early = [post.label for post in DEMO.posts if post.at <= 0]
    assert len(early) >= 8
    assert "crisis_candidate" not in early


def test_it_catches_fire_after_a_minute() -> None:
    assert 60 <= BURNING[0].at <= 75
    assert BURNING[0].feed == "forum"


def test_the_fire_spreads_ever_faster_and_to_every_feed() -> None:
    volume = [
        sum(begin <= post.at < begin + 30 for post in DEMO.posts) for begin in (66, 96, 126, 156)
    ]
    assert volume == sorted(set(volume))
    assert volume[-1] >= 4 * volume[0]
    assert {post.feed for post in BURNING} == set(FEEDS)


def test_the_story_ends_quietly_within_four_minutes() -> None:
    assert DEMO.seconds <= 240
    assert {post.label for post in DEMO.posts if post.at > 205} == {"praise", "other"}


def test_every_burning_post_speaks_of_the_danger() -> None:
    silent = [
        mention.text
        for post, mention in mentions("any")
        if post.label == "crisis_candidate" and not DANGER.search(f"{mention.title} {mention.text}")
    ]
    assert silent == []


def test_both_languages_are_spoken() -> None:
    german = sum(post.lang == "de" for post in DEMO.posts) / len(DEMO.posts)
    assert 0.6 <= german <= 0.8


def test_only_reviews_carry_stars_and_all_of_them_do() -> None:
    assert {post.rating is not None for post in DEMO.posts if post.feed == "reviews"} == {True}
    assert {post.rating for post in DEMO.posts if post.feed != "reviews"} == {None}


@pytest.mark.parametrize("watch_id", ["motorrad-ag", "board"])
def test_the_demos_watches_find_what_concerns_them_and_nothing_else(
    configuration: Configuration, watch_id: str
) -> None:
    watch = next(watch for watch in configuration.watches if watch.id == watch_id)
    wrong = [
        mention.text
        for post, mention in mentions(watch_id)
        if is_watched(watch, mention) != (watch_id in post.watches)
    ]
    assert wrong == []


def test_the_demos_configuration_reads_the_three_feeds(configuration: Configuration) -> None:
    assert [(source.id, source.kind) for source in configuration.sources] == [
        ("kurventreff", "feed"),
        ("zweiradpresse", "feed"),
        ("bikebarometer", "feed"),
    ]
    assert [channel.id for channel in configuration.channels] == ["crisis-room", "log"]


def test_the_empty_story_is_silent() -> None:
    assert load_story("empty").posts == ()
