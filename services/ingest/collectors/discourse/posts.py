"""The list of all posts of a Discourse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from services.ingest.collectors.discourse.forum import (
    FIRST_LOOK,
    MOST_REMEMBERED,
    PLATFORM,
    Forum,
    Written,
    is_before,
    seconds,
)
from services.ingest.failure import Unreadable
from services.ingest.post import Deletion, Page
from services.ingest.reading.memory import changed, cursor_of, remembered
from services.ingest.reading.platform_api import decode_each


class _Numbered(msgspec.Struct, frozen=True):
    id: int


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the list of all posts was read.

    since: seconds since 1970; until `floor` is known, nothing older is wanted. floor: posts up to
    this number are done with. A sweep reads from the newest post down to there. before, pages:
    where in the sweep the next page begins, and how many it had. settled: the newest post too old
    to be read again. seen, reached: digests of the last and of this sweep's posts.
    """

    since: int = 0
    floor: int = 0
    before: int | None = None
    pages: int = 0
    settled: int = 0
    seen: dict[str, str] = {}
    reached: dict[str, str] = {}


class Discourse:
    """Reads all posts of a forum, the newest first, a page a request; and the youngest again."""

    def __init__(self, forum: Forum, reread: timedelta, pages_at_most: int) -> None:
        self._forum = forum
        self._reread = reread
        self._pages_at_most = pages_at_most
        self.deleted = forum.deleted

    async def collect(self, cursor: str | None) -> Page:
        now = self._forum.clock()
        at = remembered(cursor, Cursor) or Cursor()
        if not at.since and not at.floor:
            at = msgspec.structs.replace(at, since=seconds(now - FIRST_LOOK))
        raw = await self._forum.latest(at.before)
        page = decode_each(raw, Written, PLATFORM)
        oldest = min((each.id for each in decode_each(raw, _Numbered, PLATFORM)), default=None)
        if raw and oldest is None:
            raise Unreadable("no post of the page can be read")
        wanted = [each for each in page if each.id > at.floor and not is_before(each, at.since)]
        known = at.seen | at.reached
        standing = [self._forum.post(each) for each in wanted if not each.is_gone]
        posts, digests = changed(standing, known)
        gone = [self._forum.native_id(each.id) for each in wanted if each.is_gone]
        after, complete = self._next(at, page, oldest, digests)
        return Page(
            posts=posts,
            cursor=cursor_of(after),
            deletions=tuple(Deletion(PLATFORM, each, now) for each in gone if each in known),
            more=after.before is not None,
            complete=complete,
            health="ok" if posts else "unchanged",
        )

    def since(self, start: datetime) -> str:
        return cursor_of(Cursor(since=seconds(start)))

    def _next(
        self, at: Cursor, page: Sequence[Written], oldest: int | None, digests: dict[str, str]
    ) -> tuple[Cursor, bool]:
        """The next page of the sweep or the next sweep, and whether all was seen that is new."""
        youth = max(at.since, seconds(self._forum.clock() - self._reread))
        young = [each for each in page if not is_before(each, youth)]
        young = young[: MOST_REMEMBERED - len(at.reached)]
        settled = max([at.settled, *(each.id for each in page if each not in young)])
        names = [self._forum.native_id(each.id) for each in young]
        reached = at.reached | {name: digests[name] for name in names if name in digests}
        has_reached = oldest is not None and (
            oldest <= at.floor + 1 or (bool(page) and all(is_before(p, at.since) for p in page))
        )
        at_wall = at.floor > 0 and (oldest is None or at.pages + 1 >= self._pages_at_most)
        if oldest is not None and not has_reached and not at_wall:
            before = min(oldest, at.before or oldest) - 1
            return msgspec.structs.replace(
                at, before=before, pages=at.pages + 1, settled=settled, reached=reached
            ), True
        floor = max(at.floor, settled)
        return Cursor(0 if floor else at.since, floor, seen=reached), has_reached or not at_wall
