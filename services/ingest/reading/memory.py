"""What collectors remember between two readings: cursors, and which posts are known unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from services.ingest.post import Post

T = TypeVar("T", bound=msgspec.Struct)


def remembered(cursor: str | None, shape: type[T]) -> T | None:
    """The memory behind a cursor; None when there is none, or when it is of no use."""
    if not cursor:
        return None
    try:
        return msgspec.json.decode(cursor, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def cursor_of(memory: msgspec.Struct) -> str:
    """The memory as a cursor."""
    return msgspec.json.encode(memory).decode()


def digest(post: Post) -> str:
    """Equal for posts whose author changed nothing: reactions and followers do not count."""
    author = post.author
    content = (post.native_id, post.title, post.text, post.rating, post.in_reply_to)
    who = (author.id, author.handle, author.name) if author else None
    encoded = msgspec.json.encode((content, who))
    return hashlib.blake2b(encoded, digest_size=8).hexdigest()


def changed(
    posts: Iterable[Post], seen: Mapping[str, str]
) -> tuple[tuple[Post, ...], dict[str, str]]:
    """The posts that are new or were edited since `seen`, and the digests of all of them.

    seen: digests by native id, as this function gave them.
    """
    digests: dict[str, str] = {}
    news: list[Post] = []
    for post in posts:
        digests[post.native_id] = digest(post)
        if seen.get(post.native_id) != digests[post.native_id]:
            news.append(post)
    return tuple(news), digests
