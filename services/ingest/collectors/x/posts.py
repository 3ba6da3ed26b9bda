"""What X sends, and the posts in it.

X has two dialects: `tweet` names things as the API always did, `post` as its newer description
does. Both are understood, whatever was asked for.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec
from pydantic import Field

from libs.common.events import Engagement, Kind
from libs.common.settings import Strict
from services.ingest.budget import Spent
from services.ingest.collectors.x.ids import Id, time_of
from services.ingest.collectors.x.query import language_read
from services.ingest.post import Post, PostAuthor
from services.ingest.reading.dates import parse_date
from services.ingest.reading.platform_api import decode_each

PLATFORM: Final = "x"
T = TypeVar("T")
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Reference(msgspec.Struct, frozen=True):
    id: Id
    type: str = ""


class _Link(msgspec.Struct, frozen=True):
    url: str
    expanded_url: str | None = None


class _Entities(msgspec.Struct, frozen=True):
    urls: list[_Link] | None = None


class _Note(msgspec.Struct, frozen=True):
    text: str | None = None
    entities: _Entities | None = None


class _Counts(msgspec.Struct, frozen=True):
    like_count: _Count | None = None
    reply_count: _Count | None = None
    retweet_count: _Count | None = None
    repost_count: _Count | None = None
    impression_count: _Count | None = None


class _Geo(msgspec.Struct, frozen=True):
    place_id: str | None = None


class _Sent(msgspec.Struct, frozen=True):
    id: Id
    text: str
    author_id: Id | None = None
    conversation_id: Id | None = None
    created_at: str | None = None
    lang: str | None = None
    edit_history_tweet_ids: list[Id] | None = None
    edit_history_post_ids: list[Id] | None = None
    referenced_tweets: list[_Reference] | None = None
    referenced_posts: list[_Reference] | None = None
    note_tweet: _Note | None = None
    note_post: _Note | None = None
    public_metrics: _Counts | None = None
    entities: _Entities | None = None
    geo: _Geo | None = None

    @property
    def first_id(self) -> str:
        """The id of its first version, which stays when it is edited."""
        history = self.edit_history_tweet_ids or self.edit_history_post_ids or [self.id]
        return min(history, key=int)

    @property
    def references(self) -> Sequence[_Reference]:
        return self.referenced_tweets or self.referenced_posts or ()

    @property
    def whole_text(self) -> str:
        """As it is seen: a long post is cut short in `text`, and `&`, `<`, `>` are escaped."""
        note = self.note_tweet or self.note_post
        text, entities = self.text, self.entities
        if note is not None and note.text:
            text, entities = note.text, note.entities or entities
        for link in (entities and entities.urls) or ():
            if link.url and link.expanded_url:
                text = text.replace(link.url, link.expanded_url)
        return html.unescape(text)


class _UserCounts(msgspec.Struct, frozen=True):
    followers_count: _Count | None = None


class _User(msgspec.Struct, frozen=True):
    id: Id
    username: str | None = None
    name: str | None = None
    public_metrics: _UserCounts | None = None


class _Place(msgspec.Struct, frozen=True):
    id: str
    full_name: str | None = None


class _Includes(msgspec.Struct, frozen=True):
    users: list[msgspec.Raw] | None = None
    places: list[msgspec.Raw] | None = None
    tweets: list[msgspec.Raw] | None = None
    posts: list[msgspec.Raw] | None = None


class Prices(Strict):
    """US dollars for one read of a post or a user, as X charges them."""

    post: _Price = 0.005
    user: _Price = 0.010


@dataclass(frozen=True, slots=True)
class Found:
    """The posts of an answer, the largest of their ids (0 without any), and what they cost."""

    posts: tuple[Post, ...]
    newest: int
    cost: Spent


class Beside:
    """What stands beside posts: their authors and places, and posts they refer to."""

    def __init__(self, raw: msgspec.Raw) -> None:
        sent = _of_shape(raw, _Includes) or _Includes()
        self.users = {user.id: user for user in decode_each(sent.users or (), _User, PLATFORM)}
        self._places = {p.id: p for p in decode_each(sent.places or (), _Place, PLATFORM)}
        others = decode_each(sent.tweets or sent.posts or (), _Sent, PLATFORM)
        self.posts = {post.id: post for post in others}

    def place(self, geo: _Geo | None) -> str | None:
        place = self._places.get(geo.place_id or "") if geo is not None else None
        return place.full_name if place is not None else None


def found(items: Sequence[msgspec.Raw], includes: msgspec.Raw, site: str, prices: Prices) -> Found:
    """The posts of an answer. site: the address under which people see them. Broken ones are left
    out, yet cost the same."""
    beside = Beside(includes)
    sent = decode_each(items, _Sent, PLATFORM)
    reads = len(items) + len(beside.posts)
    return Found(
        posts=tuple(_post(each, beside, site) for each in sent),
        newest=max((int(each.id) for each in sent), default=0),
        cost=Spent(reads, reads * prices.post + len(beside.users) * prices.user),
    )


def _post(sent: _Sent, beside: Beside, site: str) -> Post:
    kinds = {reference.type: reference.id for reference in sent.references}
    original = beside.posts.get(kinds.get("retweeted", ""))
    author = _author(sent.author_id, beside, site)
    published_at, edited_at = _times(sent)
    return Post(
        platform=PLATFORM,
        native_id=sent.first_id,
        kind=_kind(kinds),
        url=f"{site}/{(author and author.handle) or 'i'}/status/{sent.id}",
        text=(original or sent).whole_text,
        lang=language_read(sent.lang),
        author=author,
        published_at=published_at,
        edited_at=edited_at,
        thread=sent.conversation_id,
        in_reply_to=kinds.get("replied_to"),
        engagement=_engagement(sent.public_metrics),
        place=beside.place(sent.geo),
    )


def _kind(kinds: dict[str, str]) -> Kind:
    """A post that quotes another is a post of its own."""
    if "retweeted" in kinds:
        return "repost"
    return "reply" if "replied_to" in kinds else "post"


def _times(sent: _Sent) -> tuple[datetime, datetime | None]:
    """When it was first published, and when this version was made if that is another."""
    if sent.first_id == sent.id:
        return parse_date(sent.created_at) or time_of(int(sent.id)), None
    return time_of(int(sent.first_id)), time_of(int(sent.id))


def _author(author_id: str | None, beside: Beside, site: str) -> PostAuthor | None:
    if author_id is None:
        return None
    user = beside.users.get(author_id)
    if user is None:
        return PostAuthor(id=author_id)
    return PostAuthor(
        id=author_id,
        handle=user.username,
        name=user.name,
        url=f"{site}/{user.username}" if user.username else None,
        followers=user.public_metrics.followers_count if user.public_metrics else None,
    )


def _engagement(counts: _Counts | None) -> Engagement | None:
    if counts is None:
        return None
    reposts = counts.retweet_count if counts.repost_count is None else counts.repost_count
    return Engagement(
        likes=counts.like_count,
        reposts=reposts,
        replies=counts.reply_count,
        views=counts.impression_count,
    )


def _of_shape(raw: msgspec.Raw, shape: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=shape, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
