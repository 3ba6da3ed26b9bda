"""Posts of Bluesky as they stand in their authors' repositories (AT Protocol)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from libs.common.events import Engagement
from services.ingest.post import Post, PostAuthor

PLATFORM: Final = "bluesky"
COLLECTION: Final = "app.bsky.feed.post"
_PROFILE: Final = "https://bsky.app/profile/"


class _Reference(msgspec.Struct, frozen=True):
    uri: str


class _Reply(msgspec.Struct, frozen=True):
    root: _Reference
    parent: _Reference


class Record(msgspec.Struct, frozen=True):
    """What the author wrote. Its `createdAt` is left out: clients may write any time there."""

    text: str
    langs: list[str] | None = None
    reply: _Reply | None = None


def address_of(did: str, rkey: str) -> str:
    """The post's address in the network, which is its id everywhere."""
    return f"at://{did}/{COLLECTION}/{rkey}"


def post_of(
    did: str,
    rkey: str,
    record: Record,
    seen_at: datetime,
    *,
    handle: str | None = None,
    name: str | None = None,
    followers: int | None = None,
    engagement: Engagement | None = None,
    edited_at: datetime | None = None,
) -> Post:
    """The post; its links have the account's `did`, which survives a change of handle.

    seen_at: when the network first had it, in UTC.
    """
    uri = address_of(did, rkey)
    return Post(
        platform=PLATFORM,
        native_id=uri,
        kind="reply" if record.reply else "post",
        url=f"{_PROFILE}{did}/post/{rkey}",
        text=record.text,
        lang=record.langs[0] if record.langs else None,
        author=PostAuthor(
            id=did, handle=handle, name=name, url=_PROFILE + did, followers=followers
        ),
        published_at=seen_at,
        edited_at=edited_at,
        thread=record.reply.root.uri if record.reply else uri,
        in_reply_to=record.reply.parent.uri if record.reply else None,
        engagement=engagement,
    )
