"""Where mentions come from, and how long it takes until they are read."""

from __future__ import annotations

from typing import Final, NamedTuple

from libs.common.events import Kind


class Channel(NamedTuple):
    """One source of a watch.

    every: seconds between two readings; 0 for a stream, which gives a mention within seconds.
    host: of its mentions' addresses. crowd: its share of the ordinary accounts.
    """

    platform: str
    name: str
    every: float
    host: str
    crowd: float


CHANNELS: Final = (
    Channel("x", "x", 0, "x.example", 0.4),
    Channel("mastodon", "mastodon", 0, "troet.example", 0.15),
    Channel("bluesky", "bluesky", 0, "himmel.example", 0.15),
    Channel("reddit", "reddit", 120, "reddit.example", 0.2),
    Channel("forum", "forum", 300, "forum.example", 0.1),
    Channel("youtube", "youtube", 600, "video.example", 0.15),
    Channel("trustpilot", "reviews", 600, "bewertungen.example", 0.2),
    Channel("google_play", "app-reviews", 900, "apps.example", 0.2),
    Channel("news", "news", 300, "nachrichten.example", 0.004),
    Channel("blog", "blogs", 900, "blog.example", 0.01),
    Channel("news", "newspapers", 600, "zeitung.example", 0.002),
)
X, MASTODON, BLUESKY, REDDIT, FORUM, YOUTUBE, REVIEWS, APPS, NEWS, BLOGS, PRINT = range(11)
SOCIAL: Final = (X, MASTODON, BLUESKY, REDDIT, FORUM, YOUTUBE, REVIEWS, APPS)

_OF_KIND: Final[dict[Kind, tuple[int, ...]]] = {
    "post": (X, X, X, X, MASTODON, MASTODON, BLUESKY, BLUESKY),
    "reply": (X, X, X, MASTODON, BLUESKY, REDDIT, X, FORUM),
    "repost": (X, X, X, X, X, MASTODON, MASTODON, BLUESKY),
    "comment": (YOUTUBE, REDDIT, REDDIT, FORUM, X, YOUTUBE, X, MASTODON),
    "review": (REVIEWS, REVIEWS, REVIEWS, APPS, APPS, REVIEWS, REVIEWS, APPS),
    "question": (X, X, FORUM, REDDIT, REDDIT, MASTODON, X, FORUM),
    "answer": (FORUM, REDDIT, FORUM, REDDIT, FORUM, X, FORUM, REDDIT),
    "article": (NEWS, NEWS, NEWS, NEWS, BLOGS, BLOGS, NEWS, PRINT),
    "hint": (X,) * 8,
}
CHOICES: Final = 8


def channels_of(kind: Kind) -> tuple[int, ...]:
    """CHOICES equally likely channels of a kind of mention, as places in CHANNELS."""
    return _OF_KIND[kind]


def suited(kind: Kind, channel: int) -> Kind:
    """The kind as this channel has it: a forum knows no reviews, a review site no posts."""
    if channel in (REVIEWS, APPS):
        return "review"
    if channel in (NEWS, BLOGS, PRINT):
        return "article"
    if channel == YOUTUBE:
        return "comment"
    return "post" if kind in ("review", "article") else kind
