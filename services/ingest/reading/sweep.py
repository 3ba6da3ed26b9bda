"""Sweeps: how a platform is read that answers questions with its newest posts first.

A sweep asks one question after the other (a term, a place), each from now back to where the last
sweep began. A page at a time: whatever interrupts it, it goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec

from services.ingest.post import Post
from services.ingest.reading.memory import changed
from services.ingest.reading.wire import Number, Seconds, unix_seconds

MOST_REMEMBERED: Final = 500
"""Posts whose digests a sweep keeps; more than that in the time that is read again come twice."""


class Sweep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far it was read; a cursor. Times are whole seconds since 1970.

    after: posts since then are wanted. asked: digest of the questions; other ones begin anew.
    started: when this sweep began; 0 between two sweeps. question: the one that is asked next.
    page: the platform's own mark of the page; None for the first. depth: entries of this question
    on the pages before. newest: the newest post of this sweep. seen, reached: digests of what the
    last sweep and this one found in the time that is read again.
    """

    after: Seconds
    asked: str = ""
    started: Seconds = 0
    question: Number = 0
    page: str | None = None
    depth: Number = 0
    newest: Seconds = 0
    seen: dict[str, str] = {}
    reached: dict[str, str] = {}

    @property
    def is_underway(self) -> bool:
        """Whether pages of this sweep are still to be read."""
        return self.started > 0

    def knows(self, native_id: str) -> bool:
        """Whether this sweep or the last one found the post."""
        return native_id in self.reached or native_id in self.seen


def begun(sweep: Sweep, questions: Sequence[str], now: datetime) -> Sweep:
    """The sweep that goes on, or a new one when none does or the questions are other ones."""
    asked = hashlib.blake2b(repr(list(questions)).encode(), digest_size=8).hexdigest()
    if sweep.is_underway and sweep.asked == asked and sweep.question < len(questions):
        return sweep
    return Sweep(
        after=sweep.after,
        asked=asked,
        started=unix_seconds(now),
        seen=dict(islice((sweep.seen | sweep.reached).items(), MOST_REMEMBERED)),
    )


def noted(
    sweep: Sweep, posts: Sequence[Post], overlap: timedelta
) -> tuple[tuple[Post, ...], Sweep]:
    """The posts that were written or edited since `after` and are not known unchanged, and the
    sweep that knows them.

    overlap: how long before its newest post the next sweep reads again.
    """
    wanted = [post for post in posts if _touched(post, sweep.after) > sweep.after]
    news, digests = changed(wanted, sweep.seen | sweep.reached)
    written = (unix_seconds(post.published_at) for post in posts if post.published_at)
    newest = min(max([sweep.newest, *written]), sweep.started)
    again = newest - int(overlap.total_seconds())
    kept = {
        post.native_id: digests[post.native_id] for post in wanted if _touched(post, again) >= again
    }
    reached = dict(islice((sweep.reached | kept).items(), MOST_REMEMBERED))
    return news, msgspec.structs.replace(sweep, newest=newest, reached=reached)


def turned(sweep: Sweep, page: str, entries: int) -> Sweep:
    """The next page of the same question; so many entries were on this one."""
    return msgspec.structs.replace(sweep, page=page, depth=sweep.depth + entries)


def earlier(sweep: Sweep, times: Sequence[float], *, has_more: bool) -> tuple[str | None, bool]:
    """For a platform that is asked for posts up to a time: up to which second to ask next, None
    when the question is answered; and whether nothing was passed over.

    times: of the posts on this page.
    """
    if not has_more:
        return None, True
    if not times:  # none of them can be read: where they lie is unknown
        return None, False
    oldest = int(min(times))
    if str(oldest) != sweep.page:
        return str(oldest), True
    # One second fills the page by itself: it would be read for ever.
    return str(oldest - 1), False


def answered(sweep: Sweep, questions: int, overlap: timedelta) -> Sweep:
    """The next question, or the end of the sweep.

    The next sweep begins before both the newest post and the beginning of this one: an index may
    lag behind, and a sweep may be interrupted for hours between two questions.
    """
    if sweep.question + 1 < questions:
        return msgspec.structs.replace(sweep, question=sweep.question + 1, page=None, depth=0)
    again = min(sweep.newest, sweep.started) - int(overlap.total_seconds())
    return Sweep(after=max(sweep.after, again), asked=sweep.asked, seen=sweep.reached)


def _touched(post: Post, unknown: int) -> int:
    """When it was written or last edited; a second later than `unknown` when nobody says."""
    times = [unix_seconds(at) for at in (post.published_at, post.edited_at) if at is not None]
    return max(times, default=unknown + 1)
