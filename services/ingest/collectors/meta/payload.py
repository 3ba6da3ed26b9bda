"""What stands in a delivery of Meta: posts, what is gone, and ids of mentions to look up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from services.ingest.hook import Change, Skipped
from services.ingest.post import Deletion, Post, PostAuthor
from services.ingest.reading.platform_api import decode_each
from services.ingest.reading.wire import LATEST, time_at

Platform: TypeAlias = Literal["facebook", "instagram"]
SITE: Final = "https://www.facebook.com/"
_POSTS: Final = frozenset(("post", "status", "photo", "video", "share", "album", "link"))
_WRITTEN: Final = frozenset(("add", "edit", "edited", "update", "unhide"))
_EDITED: Final = frozenset(("edit", "edited", "update"))
_REMOVED: Final = frozenset(("remove", "delete"))
_ID: Final = re.compile(r"[0-9_]{1,100}")
Id: TypeAlias = str | int
_Moment: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=LATEST * 1000)]


class Body(msgspec.Struct, frozen=True):
    object: str = ""
    entry: list[msgspec.Raw] = []


class _Entry(msgspec.Struct, frozen=True):
    id: Id
    time: _Moment | None = None
    changes: list[msgspec.Raw] = []


class _Field(msgspec.Struct, frozen=True):
    field: str
    value: msgspec.Raw


class Person(msgspec.Struct, frozen=True):
    id: Id | None = None
    name: str | None = None
    username: str | None = None


class _Where(msgspec.Struct, frozen=True):
    id: Id | None = None
    permalink_url: str | None = None


class _OnFacebook(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    item: str = ""
    verb: str = "add"
    post_id: Id | None = None
    comment_id: Id | None = None
    parent_id: Id | None = None
    message: str | None = None
    sender: Person | None = None
    sender_id: Id | None = None
    sender_name: str | None = None
    created_time: _Moment | None = None
    post: _Where | None = None


class _InstagramComment(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    id: Id
    text: str | None = None
    sender: Person | None = None
    media: _Where | None = None
    parent_id: Id | None = None


class _InstagramMention(msgspec.Struct, frozen=True):
    media_id: Id | None = None
    comment_id: Id | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A post of which only the id was delivered. account: who was mentioned."""

    platform: Platform
    account: str
    native_id: str
    is_comment: bool
    thread: str | None
    at: datetime


def found_in(body: Body, now: datetime, *, own_posts: bool) -> list[Change | Lookup | Skipped]:
    """Posts, deletions and mentions to look up, in their order. own_posts: whether those of the
    account itself count."""
    platform: Platform = "instagram" if body.object == "instagram" else "facebook"
    found: list[Change | Lookup | Skipped] = []
    for entry in decode_each(body.entry, _Entry, platform):
        # What is of the future would hold against everything that comes until then.
        at = min(_time(entry.time) or now, now)
        for each in decode_each(entry.changes, _Field, platform):
            account = str(entry.id)
            own = None if own_posts else account
            match platform, each.field:
                case "facebook", "feed":
                    values = decode_each([each.value], _OnFacebook, platform)
                    found += [_on_facebook(value, own, at) for value in values]
                case "facebook", "mention":
                    values = decode_each([each.value], _OnFacebook, platform)
                    found += [
                        _to_look_up(value, account, at) or _on_facebook(value, own, at)
                        for value in values
                    ]
                case "instagram", "comments" | "live_comments":
                    comments = decode_each([each.value], _InstagramComment, platform)
                    found += [_on_instagram(comment, own, at) for comment in comments]
                case "instagram", "mentions":
                    mentions = decode_each([each.value], _InstagramMention, platform)
                    found += [_mentioned(mention, account, at) for mention in mentions]
                case _:
                    found.append("no post")
    return found


def _on_facebook(value: _OnFacebook, own: str | None, at: datetime) -> Change | Skipped:
    native_id = _native_id(value)
    if native_id is None:
        return "no post"
    if value.verb in _REMOVED:
        return Change(Deletion("facebook", native_id, at), at)
    author = author_of(value.sender or Person(value.sender_id, value.sender_name))
    if author is not None and author.id == own:
        return "own"
    if value.verb not in _WRITTEN:
        # Hidden by the page, for one: that is our own hand, and it has been said all the same.
        return "hidden" if value.verb == "hide" else "no post"
    if not value.message:
        return "no text"
    is_comment, thread = value.item == "comment", _thread(value)
    parent = value.parent_id if is_comment else None
    post = Post(
        platform="facebook",
        native_id=native_id,
        kind="comment" if is_comment else "post",
        url=_address(value, native_id),
        text=value.message,
        author=author,
        published_at=min(_time(value.created_time) or at, at),
        edited_at=at if value.verb in _EDITED else None,
        thread=thread,
        in_reply_to=str(parent) if parent else thread,
    )
    return Change(post, at)


def _to_look_up(value: _OnFacebook, account: str, at: datetime) -> Lookup | None:
    """A mention that says nothing itself."""
    native_id = _native_id(value)
    if value.message or value.verb != "add" or not _ID.fullmatch(native_id or ""):
        return None
    is_comment = value.item == "comment"
    return Lookup("facebook", account, str(native_id), is_comment, _thread(value), at)


def _native_id(value: _OnFacebook) -> str | None:
    """None when it is neither a comment nor a post."""
    if value.item == "comment":
        return str(value.comment_id) if value.comment_id else None
    return str(value.post_id) if value.post_id and value.item in _POSTS else None


def _thread(value: _OnFacebook) -> str | None:
    return str(value.post_id) if value.item == "comment" and value.post_id else None


def _address(value: _OnFacebook, native_id: str) -> str:
    stated = value.post.permalink_url if value.post and value.item != "comment" else None
    return stated if stated and stated.startswith("https://") else SITE + native_id


def _on_instagram(comment: _InstagramComment, own: str | None, at: datetime) -> Change | Skipped:
    author = author_of(comment.sender)
    if author is not None and author.id == own:
        return "own"
    if not comment.text:
        return "no text"
    media = str(comment.media.id) if comment.media and comment.media.id else None
    post = Post(
        platform="instagram",
        native_id=str(comment.id),
        kind="comment",
        text=comment.text,
        author=author,
        published_at=at,
        thread=media,
        in_reply_to=str(comment.parent_id) if comment.parent_id else media,
    )
    return Change(post, at)


def _mentioned(mention: _InstagramMention, account: str, at: datetime) -> Lookup | Skipped:
    media = str(mention.media_id) if mention.media_id else None
    native_id = str(mention.comment_id) if mention.comment_id else media
    if native_id is None or not _ID.fullmatch(native_id) or not _ID.fullmatch(account):
        return "no post"
    is_comment = mention.comment_id is not None
    return Lookup("instagram", account, native_id, is_comment, media if is_comment else None, at)


def author_of(person: Person | None) -> PostAuthor | None:
    if person is None or not (person.id or person.name or person.username):
        return None
    identity = str(person.id) if person.id else None
    return PostAuthor(id=identity, handle=person.username, name=person.name)


def _time(moment: float | None) -> datetime | None:
    """Seconds since 1970; some fields are in milliseconds."""
    if not moment:
        return None
    return time_at(moment if moment <= LATEST else moment / 1000)
