"""One Discourse: its posts, its refusals, and what both look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from libs.common.clock import Clock
from libs.common.events import Engagement
from services.ingest.failure import AuthFailed, CollectionFailed, Missing
from services.ingest.post import Deletion, Post, PostAuthor
from services.ingest.reading.address import site_of
from services.ingest.reading.dates import parse_date
from services.ingest.reading.pacing import after_seconds
from services.ingest.reading.platform_api import PlatformApi, Reply, asked_by_header
from services.ingest.reading.visible_text import visible_text

PLATFORM: Final = "discourse"
_LIKE: Final = 2
"""The number of the action "like"."""
FIRST_LOOK: Final = timedelta(hours=24)
MOST_REMEMBERED: Final = 1000


class _Extras(msgspec.Struct, frozen=True):
    wait_seconds: float | None = None


class _Refusal(msgspec.Struct, frozen=True):
    error_type: str = ""
    extras: _Extras = _Extras()


def _said(reply: Reply) -> _Refusal:
    try:
        return msgspec.json.decode(reply.body, type=_Refusal, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Refusal()


def refusal_with_key(reply: Reply) -> CollectionFailed | None:
    if reply.status == 403 and _said(reply).error_type in ("not_logged_in", "invalid_access"):
        return AuthFailed(reply.said())
    return None


def refusal_without_key(reply: Reply) -> CollectionFailed | None:
    """Without a key, what is not accessible is a single post or board that is no longer public."""
    if reply.status == 403 and _said(reply).error_type == "invalid_access":
        return Missing(reply.said())
    return refusal_with_key(reply)


def wait(reply: Reply) -> datetime | None:
    asked = _said(reply).extras.wait_seconds
    return asked_by_header(reply) or (after_seconds(asked, reply.at) if asked is not None else None)


class _Action(msgspec.Struct, frozen=True):
    id: int
    count: int = 0


class Written(msgspec.Struct, frozen=True):
    id: int
    topic_id: int
    created_at: str
    cooked: str = ""
    username: str | None = None
    name: str | None = None
    user_id: int | None = None
    updated_at: str | None = None
    version: int = 1
    post_number: int = 1
    reply_to_post_number: int | None = None
    reply_count: int | None = None
    reads: int | None = None
    topic_title: str | None = None
    locale: str | None = None
    actions_summary: tuple[_Action, ...] = ()
    hidden: bool = False
    user_deleted: bool = False
    deleted_at: str | None = None

    @property
    def is_gone(self) -> bool:
        """No longer shown: deleted, or hidden by the community."""
        return self.hidden or self.user_deleted or self.deleted_at is not None


class _Latest(msgspec.Struct, frozen=True):
    latest_posts: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Forum:
    """One Discourse. Its numbers get the site before them, as they are unique there only."""

    url: str
    api: PlatformApi
    clock: Clock

    async def latest(self, before: int | None) -> list[msgspec.Raw]:
        """A page of the newest posts up to this number."""
        asked: dict[str, str | int] = {} if before is None else {"before": before}
        reply = await self.api.get(f"{self.url}/posts.json", asked)
        return reply.decode(_Latest).latest_posts

    async def one(self, number: int | str) -> Written | None:
        """A single post; None when it is no longer shown."""
        try:
            reply = await self.api.get(f"{self.url}/posts/{number}.json")
        except Missing:
            return None
        post = reply.decode(Written)
        return None if post.is_gone else post

    async def deleted(self, native_ids: Sequence[str]) -> Sequence[Deletion]:
        own = f"{site_of(self.url)}/"
        return [
            Deletion(PLATFORM, native_id, self.clock())
            for native_id in native_ids
            if native_id.startswith(own) and await self.one(native_id.removeprefix(own)) is None
        ]

    def native_id(self, number: int) -> str:
        return f"{site_of(self.url)}/{number}"

    def post(self, written: Written, title: str | None = None) -> Post:
        """title: of the topic, where the post does not say it."""
        is_first = written.post_number == 1
        topic = f"{self.url}/t/{written.topic_id}"
        likes = [each.count for each in written.actions_summary if each.id == _LIKE]
        return Post(
            platform=PLATFORM,
            native_id=self.native_id(written.id),
            kind="post" if is_first else "reply",
            url=f"{topic}/{written.post_number}",
            title=(written.topic_title or title) if is_first else None,
            text=visible_text(written.cooked),
            lang=written.locale,
            author=self._author(written),
            published_at=parse_date(written.created_at),
            edited_at=parse_date(written.updated_at or "") if written.version > 1 else None,
            thread=topic,
            in_reply_to=None if is_first else f"{topic}/{written.reply_to_post_number or 1}",
            engagement=Engagement(
                likes=sum(likes), replies=written.reply_count, views=written.reads
            ),
        )

    def _author(self, written: Written) -> PostAuthor | None:
        if not written.username:
            return None
        number = written.user_id
        return PostAuthor(
            id=None if number is None else f"{site_of(self.url)}/u/{number}",
            handle=written.username,
            name=written.name or None,
            url=f"{self.url}/u/{written.username}",
        )


class _Dated(Protocol):
    @property
    def created_at(self) -> str: ...


def created(post: _Dated) -> int:
    """Seconds since 1970; 0 when it is not said."""
    at = parse_date(post.created_at)
    return seconds(at) if at is not None else 0


def is_before(post: _Dated, moment: int) -> bool:
    return 0 < created(post) < moment


def seconds(at: datetime) -> int:
    return int(at.timestamp())
