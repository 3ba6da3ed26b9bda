"""Single posts from Meta's Graph API: what was mentioned by its id only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from libs.common.events import Engagement
from services.ingest.collectors.meta.payload import SITE, Lookup, Person, author_of
from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    Gone,
    Missing,
    RateLimited,
    Rejected,
)
from services.ingest.hook import Change, Skipped
from services.ingest.post import Post
from services.ingest.reading.platform_api import PlatformApi, Reply
from services.ingest.reading.wire import Count


class _Looked(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """A post as the Graph API shows it, on either platform."""

    message: str | None = None
    text: str | None = None
    caption: str | None = None
    created_time: datetime | None = None
    timestamp: datetime | None = None
    sender: Person | None = None
    username: str | None = None
    permalink_url: str | None = None
    permalink: str | None = None
    like_count: Count | None = None
    comments_count: Count | None = None


class _Mentions(msgspec.Struct, frozen=True):
    mentioned_comment: _Looked | None = None
    mentioned_media: _Looked | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """Looks up single posts. proof: shows that we know the app's secret."""

    api: PlatformApi
    address: str
    proof: str

    async def look_up(self, lookup: Lookup) -> Change | CollectionFailed | Skipped:
        """The post; why there is none; or the failure, when it cannot be had now."""
        try:
            looked = await self._ask(lookup)
        except (Missing, Gone):
            return "gone"
        except (Blocked, Rejected):
            return "not allowed"
        except CollectionFailed as failure:
            return failure
        text = looked and (looked.message or looked.text or looked.caption)
        if looked is None or not text:
            return "no text"
        return Change(_post(looked, text, lookup), lookup.at)

    async def _ask(self, lookup: Lookup) -> _Looked | None:
        if lookup.platform == "facebook":
            fields = "message,from,created_time,permalink_url"
            reply = await self._get(lookup.native_id, fields)
            return reply.decode(_Looked)
        if lookup.is_comment:
            fields = "id,text,timestamp,username,like_count"
            wanted = f"mentioned_comment.comment_id({lookup.native_id}){{{fields}}}"
            return (await self._get(lookup.account, wanted)).decode(_Mentions).mentioned_comment
        fields = "id,caption,timestamp,username,permalink,like_count,comments_count"
        wanted = f"mentioned_media.media_id({lookup.native_id}){{{fields}}}"
        return (await self._get(lookup.account, wanted)).decode(_Mentions).mentioned_media

    async def _get(self, node: str, fields: str) -> Reply:
        asked = {"fields": fields, "appsecret_proof": self.proof}
        return await self.api.get(f"{self.address}/{node}", asked)


def _post(looked: _Looked, text: str, lookup: Lookup) -> Post:
    url = looked.permalink_url or looked.permalink
    written_at = looked.created_time or looked.timestamp
    return Post(
        platform=lookup.platform,
        native_id=lookup.native_id,
        kind="comment" if lookup.is_comment else "post",
        url=url or (SITE + lookup.native_id if lookup.platform == "facebook" else None),
        text=text,
        author=author_of(looked.sender) or author_of(Person(username=looked.username)),
        published_at=min(_utc(written_at) or lookup.at, lookup.at),
        thread=lookup.thread,
        in_reply_to=lookup.thread,
        engagement=_engagement(looked),
    )


def _engagement(looked: _Looked) -> Engagement | None:
    if looked.like_count is None and looked.comments_count is None:
        return None
    return Engagement(likes=looked.like_count, replies=looked.comments_count)


class _Fault(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: _Fault


_MISSING_OBJECT: Final = 100
_TOO_MANY: Final = frozenset((4, 17, 32, 613))
_NO_TOKEN: Final = frozenset((102, 190))


def judge(reply: Reply) -> CollectionFailed | None:
    """Errors of the Graph API, by their code."""
    if reply.status < 400:
        return None
    try:
        fault = msgspec.json.decode(reply.body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    said = f"Meta refuses: {fault.message[:200]} ({fault.code})"
    if fault.code in _TOO_MANY:
        return RateLimited(said)
    if fault.code in _NO_TOKEN:
        return AuthFailed(said)
    return Missing(said) if fault.code == _MISSING_OBJECT else None


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
