"""How a page comes in: posts become mentions on the log, deletions reach those who had the post."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
import structlog

from libs.common import metrics
from libs.common.clock import Clock
from libs.common.errors import MessageTooLarge
from libs.common.events import Mention, MentionDeleted, mention_id
from services.ingest.match import Watches
from services.ingest.nul import without_nul
from services.ingest.post import Deletion, Page, Post
from services.ingest.posts import Known, PostStore
from services.ingest.publish import Publisher, publish

logger = structlog.get_logger(__name__)

LONGEST_TEXT: Final = 100_000
"""Characters of a post; what follows is cut off, since the log refuses messages that are too long.
It is what people may hand in, too."""
_LONGEST_ID: Final = 500
"""Characters; databases do not index much more. Only feeds have longer ids, and no deletions."""
_TOGETHER: Final = 500


class Intake:
    """Takes pages of sources. Whatever it took is durable on the log."""

    def __init__(self, watches: Watches, posts: PostStore, log: Publisher, clock: Clock) -> None:
        self._watches = watches
        self._posts = posts
        self._log = log
        self._clock = clock

    async def take(self, source: str, page: Page, *, past: datetime | None = None) -> None:
        """Publishes a page, the oldest post first: many platforms list the newest first, people
        read in order.

        past: what was published before then, or nobody knows when, is not news, and never pages as
        new. Raises Retryable.
        """
        now = self._clock()
        in_order = sorted(_named(page.posts, source), key=lambda post: post.published_at or now)
        for start in range(0, len(in_order), _TOGETHER):
            part = [_as_past(_fit(post), past) for post in in_order[start : start + _TOGETHER]]
            await self._take_posts(source, part)
        if page.deletions:
            await self._take_deletions(source, page.deletions)

    async def _take_posts(self, source: str, posts: Sequence[Post]) -> None:
        now = self._clock()
        wanted = [(post, self._watches.mentions(post, source, now)) for post in posts]
        had = await self._had(source, wanted)
        mentions: list[Mention] = []
        known: list[Known] = []
        for post, matched in wanted:
            watches = {mention.watch for mention in matched}
            before = had.get(post.native_id, frozenset())
            if post.edited_at is not None:
                # Who has the post gets the edit, also when it takes out what was wanted.
                others = sorted((before - watches) & self._watches.ids)
                matched += self._watches.assigned(post, source, others, now)
            if matched:
                had[post.native_id] = before | watches
                mentions += matched
                if len(post.native_id) <= _LONGEST_ID:
                    told = tuple(sorted(before | watches))
                    known.append(Known(post.platform, post.native_id, told))
        # Known first: a deletion must find every post that was ever published.
        await self._posts.remember(source, known, now)
        await self._publish(source, mentions)
        metrics.POSTS_COLLECTED.labels("source").inc(len(posts))

    async def _had(
        self, source: str, wanted: Sequence[tuple[Post, Sequence[Mention]]]
    ) -> dict[str, frozenset[str]]:
        """The watches that have these posts already. Nearly all posts of a platform are neither
        wanted nor edited: they are not asked for."""
        asked = [post.native_id for post, matched in wanted if matched or post.edited_at]
        known = await self._posts.known(source, asked) if asked else []
        return {post.native_id: frozenset(post.watches) for post in known}

    async def _publish(self, source: str, mentions: Sequence[Mention]) -> None:
        """One that the log refuses for its size must not cost the others, now and ever again."""
        try:
            await publish(self._log, mentions, "source")
        except MessageTooLarge as error:
            if len(mentions) > 1:
                for mention in mentions:
                    await self._publish(source, [mention])
                return
            metrics.POSTS_UNREADABLE.labels(mentions[0].platform).inc()
            logger.warning("a post is too large for the log", source=source, reason=str(error))

    async def _take_deletions(self, source: str, deletions: Sequence[Deletion]) -> None:
        """Only what was published is deleted: networks tell of millions of others."""
        by_id = {deletion.native_id: deletion for deletion in deletions}
        known = await self._posts.known(source, list(by_id))
        events = [
            MentionDeleted(
                id=mention_id(post.platform, post.native_id, watch),
                watch=watch,
                source=source,
                platform=post.platform,
                native_id=post.native_id,
                deleted_at=by_id[post.native_id].deleted_at,
            )
            for post in known
            for watch in post.watches
        ]
        await publish(self._log, events, "source")
        await self._posts.forget(source, [post.native_id for post in known])


def _fit(post: Post) -> Post:
    """The post as databases and the log can take it."""
    post = without_nul(post)
    if len(post.text) <= LONGEST_TEXT:
        return post
    return msgspec.structs.replace(post, text=post.text[:LONGEST_TEXT])


def _named(posts: Sequence[Post], source: str) -> list[Post]:
    """The posts that have an id: without one, two would be one, and the later overwrite the
    other."""
    for post in posts:
        if not post.native_id:
            metrics.POSTS_UNREADABLE.labels(post.platform).inc()
            logger.warning("a post has no id", source=source, platform=post.platform)
    return [post for post in posts if post.native_id]


def _as_past(post: Post, past: datetime | None) -> Post:
    if past is None or (post.published_at is not None and post.published_at >= past):
        return post
    return msgspec.structs.replace(post, backfill=True)
