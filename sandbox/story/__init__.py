"""The stories the sandbox can play: posts on fictional sites about a fictional company.

A story is a folder of YAML files, each a list of posts with these fields:

    at       seconds since the start of the story; negative: it was there before
    feed     forum, news or reviews
    lang     de or en
    author   handle, or the name of the magazine for news
    title    of a thread, an article or a review; a reply takes its thread's title
    thread   name that the posts of one forum thread share; the earliest of them opens it
    about    the reviewed product; it stands before the review's title
    rating   1 to 5 stars, for reviews
    text     what is written
    label    what a person on the social media team would call it
    watches  ids of the demo's watches it concerns (default: motorrad-ag)

Everyone and everything in them is invented, and the addresses end in .example.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
from ruamel.yaml import YAML

from libs.common.events import Label

Feed: TypeAlias = Literal["forum", "news", "reviews"]
StoryName: TypeAlias = Literal["demo", "empty"]

BEST_RATING: Final = 5


class Post(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody writes, and when; the fields are those of the module's docstring."""

    feed: Feed
    text: str
    at: float = 0.0
    lang: Literal["de", "en"] = "de"
    author: str = "anonym"
    title: str | None = None
    thread: str | None = None
    about: str | None = None
    rating: float | None = None
    label: Label | None = None
    watches: tuple[str, ...] = ("motorrad-ag",)


@dataclass(frozen=True, slots=True)
class Story:
    """Posts in the order in which they appear."""

    name: str
    posts: tuple[Post, ...]

    @property
    def seconds(self) -> float:
        """How long it plays, at its own speed."""
        return max((post.at for post in self.posts), default=0.0)


def load_story(name: StoryName) -> Story:
    """The story of that name. Raises ValueError, naming the file, when it does not fit."""
    posts: list[Post] = []
    for path in sorted((Path(__file__).parent / name).glob("*.yaml")):
        try:
            posts += msgspec.convert(YAML(typ="safe").load(path), list[Post])
        except msgspec.ValidationError as error:
            raise ValueError(f"{path.name}: {error}") from error
    return Story(name, tuple(sorted(posts, key=lambda post: post.at)))
