"""YouTube's Data API as its collector needs it: shapes, refusals, and posts made of what it gives.

https://developers.google.com/youtube/v3/docs
"""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

from libs.common.events import Engagement
from services.ingest.failure import (
    AuthFailed,
    CollectionFailed,
    Missing,
    OverBudget,
    RateLimited,
    Rejected,
    Unreachable,
)
from services.ingest.post import Post, PostAuthor
from services.ingest.reading.dates import parse_date
from services.ingest.reading.platform_api import Reply, asked_by_header, decode_each
from services.ingest.reading.wire import Count

PLATFORM: Final = "youtube"
_QUOTA_ZONE: Final = ZoneInfo("America/Los_Angeles")
"""At its midnight the day's quota begins anew."""
_KEY_REASONS: Final = frozenset(
    ("accessNotConfigured", "authError", "ipRefererBlocked", "keyExpired", "keyInvalid", "required")
)
_CLOSED_REASONS: Final = frozenset(
    ("channelNotFound", "commentsDisabled", "forbidden", "videoNotFound")
)

_Token = Annotated[str, msgspec.Meta(max_length=500)]


class _Reason(msgspec.Struct, frozen=True):
    reason: str = ""


class _ErrorBody(msgspec.Struct, frozen=True):
    message: str = ""
    errors: list[_Reason] = []
    details: list[_Reason] = []


class _Error(msgspec.Struct, frozen=True):
    error: _ErrorBody


class Answer(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw] = []
    nextPageToken: _Token | None = None


class _ChannelId(msgspec.Struct, frozen=True):
    value: str | None = None


class _Written(msgspec.Struct, frozen=True):
    textDisplay: str
    publishedAt: str | None = None
    updatedAt: str | None = None
    videoId: str | None = None
    parentId: str | None = None
    authorDisplayName: str | None = None
    authorChannelId: _ChannelId | None = None
    authorChannelUrl: str | None = None
    likeCount: Count | None = None


class Comment(msgspec.Struct, frozen=True):
    id: str
    snippet: _Written


class _Top(msgspec.Struct, frozen=True):
    topLevelComment: Comment
    videoId: str | None = None
    totalReplyCount: Count = 0


class _Replies(msgspec.Struct, frozen=True):
    comments: list[msgspec.Raw] = []


class Thread(msgspec.Struct, frozen=True):
    id: str
    snippet: _Top
    replies: _Replies = _Replies()


class _VideoId(msgspec.Struct, frozen=True):
    videoId: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,100}\Z")]


class _About(msgspec.Struct, frozen=True):
    title: str
    description: str = ""
    publishedAt: str | None = None
    channelId: str | None = None
    channelTitle: str | None = None


class Video(msgspec.Struct, frozen=True):
    id: _VideoId
    snippet: _About


class Standing(msgspec.Struct, frozen=True):
    id: str


class StalePage(Rejected):
    """The page's token is not good any more."""


def posts_of(thread: Thread, site: str) -> tuple[list[Post], int]:
    """The comment, then the replies that are shown with it; and how many those are."""
    top, video = thread.snippet.topLevelComment, thread.snippet.videoId
    inline = decode_each(thread.replies.comments, Comment, PLATFORM)
    first = comment_post(top, site, video=video, replies=thread.snippet.totalReplyCount)
    return [first, *(comment_post(each, site, thread.id, video=video) for each in inline)], len(
        inline
    )


def comment_post(
    comment: Comment,
    site: str,
    parent: str | None = None,
    *,
    video: str | None = None,
    replies: int | None = None,
) -> Post:
    """site: what addresses begin with. parent: the comment this one answers."""
    written = comment.snippet
    video = written.videoId or video
    published, updated = parse_date(written.publishedAt), parse_date(written.updatedAt)
    return Post(
        platform=PLATFORM,
        native_id=comment.id,
        kind="comment",
        url=f"{site}/watch?v={video}&lc={comment.id}" if video else None,
        text=written.textDisplay,
        author=_author(written),
        published_at=published,
        edited_at=updated if published and updated and updated > published else None,
        thread=video,
        in_reply_to=written.parentId or parent,
        engagement=Engagement(likes=written.likeCount, replies=replies),
    )


def video_post(video: Video, site: str) -> Post:
    """A video found by search, whose titles and texts are HTML-escaped."""
    about, number = video.snippet, video.id.videoId
    title = html.unescape(about.title)
    return Post(
        platform=PLATFORM,
        native_id=number,
        kind="post",
        url=f"{site}/watch?v={number}",
        title=title,
        text=html.unescape(about.description) or title,
        author=PostAuthor(
            id=about.channelId,
            name=html.unescape(about.channelTitle) if about.channelTitle else None,
            url=f"{site}/channel/{about.channelId}" if about.channelId else None,
        ),
        published_at=parse_date(about.publishedAt),
        thread=number,
    )


def _author(written: _Written) -> PostAuthor | None:
    """Handles begin with @; older accounts show a name."""
    shown = written.authorDisplayName or None
    channel = written.authorChannelId.value if written.authorChannelId is not None else None
    if shown is None and channel is None:
        return None
    handle = shown if shown and shown.startswith("@") else None
    return PostAuthor(
        id=channel,
        handle=handle,
        name=None if handle else shown,
        url=written.authorChannelUrl,
    )


def judged(reply: Reply) -> CollectionFailed | None:
    """Refusals name their reason in the body: 403 may be the quota, the key or the video."""
    if reply.status < 400:
        return None
    try:
        error = msgspec.json.decode(reply.body, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    reasons = {each.reason for each in (*error.errors, *error.details)}
    said = f"YouTube answered {reply.status}: {error.message}"[:300]
    if reasons & {"quotaExceeded", "dailyLimitExceeded"}:
        return OverBudget(said, not_before=next_quota(reply.at))
    if reasons & {"rateLimitExceeded", "userRateLimitExceeded"}:
        return RateLimited(said, not_before=asked_by_header(reply))
    if reasons & _KEY_REASONS or "API_KEY_INVALID" in reasons or "API key" in error.message:
        return AuthFailed(said)
    if reasons & _CLOSED_REASONS:
        return Missing(said)
    if "invalidPageToken" in reasons:
        return StalePage(said)
    return Unreachable(said) if "processingFailure" in reasons else None


def next_quota(now: datetime) -> datetime:
    """When the day's quota begins anew: the next midnight in California."""
    tomorrow = now.astimezone(_QUOTA_ZONE).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=_QUOTA_ZONE)
    return midnight.astimezone(UTC)
