"""What sources give: posts as their platform shows them, deletions, and the pages they come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from libs.common.events import Engagement, Kind, Rating
from services.ingest.failure import Health


class PostAuthor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who wrote a post, as the platform shows it. It goes no further than `match.py`.

    id: the account's own id where the platform has one: handles and names change hands.
    """

    id: str | None = None
    handle: str | None = None
    name: str | None = None
    url: str | None = None
    followers: int | None = None


class Post(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One post as its platform shows it, before any watch is asked. The fields are those of a
    `Mention`; `published_at` is None when the platform does not say. An edited post comes again
    under the same `native_id`, with `edited_at` where the platform says when: it also goes to the
    watches that have it and no longer want it."""

    platform: str
    native_id: str
    kind: Kind
    url: str | None = None
    title: str | None = None
    text: str
    lang: str | None = None
    author: PostAuthor | None = None
    published_at: datetime | None = None
    edited_at: datetime | None = None
    thread: str | None = None
    in_reply_to: str | None = None
    rating: Rating | None = None
    engagement: Engagement | None = None
    place: str | None = None
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """The platform no longer shows this post."""

    platform: str
    native_id: str
    deleted_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """What one reading gave.

    cursor: hand it to the next reading, once these posts are durable. more: there is another page
    behind this one, to be read at once, or after `next_in`. next_in: how long the source wants to
    be left alone at least; None when it does not say. complete: False when something between the
    last cursor and this one cannot be seen any more, as when a feed was longer than it shows.
    reads, money: what the platform counts and charges for this page, in its currency. health:
    `ok`, `unchanged` or `empty`.
    """

    posts: tuple[Post, ...]
    cursor: str | None
    deletions: tuple[Deletion, ...] = ()
    next_in: timedelta | None = None
    health: Health = "ok"
    more: bool = False
    complete: bool = True
    reads: int = 0
    money: float = 0.0
