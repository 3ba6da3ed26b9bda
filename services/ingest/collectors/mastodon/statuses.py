"""Posts as Mastodon's API gives them ("statuses"): https://docs.joinmastodon.org/entities/Status/"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from libs.common.events import Engagement
from services.ingest.collectors.mastodon.instance import PLATFORM
from services.ingest.post import Post, PostAuthor
from services.ingest.reading.address import host_of
from services.ingest.reading.platform_api import decode_each
from services.ingest.reading.visible_text import visible_text
from services.ingest.reading.wire import Count

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Uri = Annotated[str, msgspec.Meta(pattern=r"^https?://[!-~]{1,1000}\Z")]
_NO_BOTS: Final = re.compile(r"#\s*(?:nobots?|noindex)\b", re.IGNORECASE)
_FOR_ALL: Final = ("public", "unlisted")


class _Account(msgspec.Struct, frozen=True):
    acct: str
    url: str | None = None
    uri: str | None = None
    display_name: str | None = None
    note: str | None = None
    followers_count: Count | None = None
    noindex: bool | None = None

    @property
    def opts_out(self) -> bool:
        """Whether it asks programs to stay away."""
        note = self.note or ""
        if "#" in note and _NO_BOTS.search(visible_text(note)):
            return True
        return bool(self.noindex)


class _Boosted(msgspec.Struct, frozen=True):
    uri: Uri
    content: str = ""
    account: _Account | None = None


class Status(msgspec.Struct, frozen=True):
    """id: the instance's own; uri: the post's address in the fediverse, everywhere the same."""

    id: Id
    uri: Uri
    created_at: datetime
    account: _Account
    content: str = ""
    url: str | None = None
    edited_at: datetime | None = None
    spoiler_text: str | None = None
    language: str | None = None
    visibility: str | None = None
    in_reply_to_id: Id | None = None
    reblog: _Boosted | None = None
    replies_count: Count | None = None
    reblogs_count: Count | None = None
    favourites_count: Count | None = None


def statuses(items: Iterable[msgspec.Raw], *, respects_opt_out: bool) -> list[Status]:
    """Those that can be read, are for everyone, and whose authors do not mind."""
    return [
        status
        for status in decode_each(items, Status, PLATFORM)
        if (status.visibility is None or status.visibility in _FOR_ALL)
        and not (respects_opt_out and _opted_out(status))
    ]


def post_of(status: Status, instance: str) -> Post:
    """The post. Which post it answers is known by the instance's id only, so the instance's host
    stands before that; a thread is known of posts that begin one."""
    boosted = status.reblog
    uri = status.uri
    return Post(
        platform=PLATFORM,
        native_id=uri,
        kind="repost" if boosted else "reply" if status.in_reply_to_id else "post",
        url=status.url if status.url and status.url.startswith("http") else uri,
        title=status.spoiler_text or None,
        text=visible_text(boosted.content if boosted else status.content),
        lang=status.language or None,
        author=_author(status.account, instance),
        published_at=_utc(status.created_at),
        edited_at=_utc(status.edited_at) if status.edited_at else None,
        thread=None if status.in_reply_to_id or boosted else uri,
        in_reply_to=boosted.uri if boosted else _parent(status, instance),
        engagement=Engagement(
            likes=status.favourites_count,
            reposts=status.reblogs_count,
            replies=status.replies_count,
        ),
    )


def _opted_out(status: Status) -> bool:
    boosted = status.reblog.account if status.reblog else None
    return status.account.opts_out or (boosted is not None and boosted.opts_out)


def _author(account: _Account, instance: str) -> PostAuthor:
    local = "@" not in account.acct
    return PostAuthor(
        id=account.uri or account.url,
        handle=f"{account.acct}@{urlsplit(instance).hostname}" if local else account.acct,
        name=account.display_name or None,
        url=account.url,
        followers=account.followers_count,
    )


def _parent(status: Status, instance: str) -> str | None:
    return f"{host_of(instance)}/{status.in_reply_to_id}" if status.in_reply_to_id else None


def _utc(at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except OverflowError:  # within hours of the year 1 or 9999
        return at.replace(tzinfo=UTC)
