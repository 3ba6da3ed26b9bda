"""Lists that platforms show page by page with the newest first, such as reviews of each place:
what a page of one means for the sweep over all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.ingest.failure import Gone, Missing, Rejected
from services.ingest.post import Page, Post
from services.ingest.reading.memory import cursor_of, remembered
from services.ingest.reading.sweep import Sweep, answered, begun, noted, turned
from services.ingest.reading.wire import unix_seconds

FIRST_LOOK: Final = timedelta(hours=24)


PAGE_UNKNOWN: Final = (Rejected, Missing, Gone)
"""What platforms answer when the mark of a page is none to them."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of a source, read one after the other from the newest back to where the last
    sweep began, and further by `edits`, since posts are edited where they stand.

    names: at least one. is_sorted: False where the platform promises no order: then every page
    there is, is read.
    """

    names: Sequence[str]
    edits: timedelta
    is_sorted: bool = True

    def sweep(self, cursor: str | None, now: datetime) -> Sweep:
        """The sweep behind a cursor, or the first one, over what the last day brought."""
        last = remembered(cursor, Sweep) or Sweep(after=unix_seconds(now - FIRST_LOOK))
        return begun(last, self.names, now)

    def page(
        self,
        sweep: Sweep,
        posts: Sequence[Post],
        next_page: str | None,
        *,
        is_cut: bool = False,
    ) -> Page:
        """The page that was read, with the cursor of the next one.

        posts: in the list's order. next_page: the platform's mark of the page behind it. is_cut:
        the platform has more of the list than it shows.
        """
        news, after = noted(sweep, posts, self.edits)
        if not posts:  # perhaps a slip of the server: what is known stays known
            after = msgspec.structs.replace(after, reached=sweep.seen | after.reached)
        is_first = not sweep.seen
        goes_on = bool(posts) and _reaches(posts, news, sweep.after, is_first=is_first)
        if next_page is not None and (goes_on or not self.is_sorted):
            after = turned(after, next_page, len(posts))
        else:
            after = answered(after, len(self.names), self.edits)
        nothing = not posts and sweep.page is None and is_first
        return Page(
            posts=tuple(_of_unknown_age(post) for post in news) if is_first else news,
            cursor=cursor_of(after),
            more=after.is_underway,
            complete=not (is_cut and goes_on),
            health="ok" if news else "empty" if nothing else "unchanged",
        )

    def again(self, sweep: Sweep) -> Page:
        """What to give when the platform does not know the mark of the next page, as when it has
        grown old: the list is read from its newest again, at the next reading."""
        first = msgspec.structs.replace(sweep, page=None, depth=0)
        return Page(posts=(), cursor=cursor_of(first), complete=False, health="unchanged")


def sweep_since(start: datetime) -> str:
    """The cursor of a first sweep back to `start`."""
    return cursor_of(Sweep(after=unix_seconds(start)))


def page_number(sweep: Sweep) -> int:
    """For platforms that number their pages from one."""
    mark = sweep.page or ""
    return int(mark) if re.fullmatch("[0-9]{1,9}", mark) else 1


def _reaches(posts: Sequence[Post], news: Sequence[Post], after: int, *, is_first: bool) -> bool:
    """Whether what is wanted may go on behind this page. Without times it does for as long as
    posts are new, but not at first, when all of them are."""
    dated = [max(at) for post in posts if (at := [*_times(post)])]
    if dated:
        return unix_seconds(min(dated)) > after
    return bool(news) and not is_first


def _times(post: Post) -> Iterator[datetime]:
    """Lists are sorted by either."""
    return (at for at in (post.published_at, post.edited_at) if at is not None)


def _of_unknown_age(post: Post) -> Post:
    """What is there already when a list is first read, and has no time, is the past, not news."""
    if post.published_at is None:
        return msgspec.structs.replace(post, backfill=True)
    return post
