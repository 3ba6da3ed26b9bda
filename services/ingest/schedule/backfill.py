"""Reading a source's past on purpose: what is found is stored and counted, and never pages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from libs.common.clock import Clock
from libs.common.errors import BrandmelderError
from services.ingest.budget import Spent
from services.ingest.collector import Collector, LooksBack, SourceConfig, Stream
from services.ingest.failure import RateLimited, TooSlow, Unreachable
from services.ingest.intake import Intake
from services.ingest.post import Page
from services.ingest.schedule.reader import behind, dearest_page
from services.ingest.schedule.spending import Spending

_PATIENT: Final = (RateLimited, Unreachable, TooSlow)
_TRIES: Final = 8
"""Failures in a row after which it is given up; it can be started again."""
_FIRST_WAIT: Final = timedelta(seconds=2)


class NoPast(BrandmelderError):
    """This kind of source shows nothing older than it does now."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a back-fill is. oldest: the oldest post so far. complete: False when something of
    that time is not shown any more."""

    pages: int = 0
    posts: int = 0
    oldest: datetime | None = None
    complete: bool = True


async def backfill(
    source: SourceConfig,
    collector: Collector | Stream,
    start: datetime,
    intake: Intake,
    spending: Spending,
    clock: Clock,
    told: Callable[[Progress], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Progress:
    """Reads what was published since `start`, page by page, up to now.

    Waits as long as the source asks, and spends from its budget. Raises NoPast, CollectionFailed
    when it cannot be read, and Retryable when log or store are away; what was read until then is
    on the log.
    """
    if isinstance(collector, Stream) or not isinstance(collector, LooksBack):
        raise NoPast(
            f"source {source.id} shows no past: read like this, it offers only what is new"
        )
    cursor: str | None = collector.since(start)
    progress, failures = Progress(), 0
    while True:
        await spending.judge(source.id, source.budget, dearest_page(collector), clock())
        try:
            page = behind(cursor, await collector.collect(cursor))
        except _PATIENT as failure:
            failures += 1
            if failures == _TRIES:
                raise
            asked = failure.not_before - clock() if failure.not_before else timedelta()
            await sleep(max(asked, _FIRST_WAIT * 2**failures).total_seconds())
            continue
        failures = 0
        await spending.add(source.id, Spent(page.reads, page.money), clock())
        await intake.take(source.id, _as_past(page, start))
        progress = _further(progress, page)
        told(progress)
        if not page.more:
            return progress
        cursor = page.cursor
        if page.next_in is not None:
            await sleep(page.next_in.total_seconds())


def _as_past(page: Page, start: datetime) -> Page:
    """The page without what is older than was asked for, marked as read from the past."""
    posts = (
        msgspec.structs.replace(post, backfill=True)
        for post in page.posts
        if post.published_at is None or post.published_at >= start
    )
    return replace(page, posts=tuple(posts), deletions=())


def _further(progress: Progress, page: Page) -> Progress:
    times = [post.published_at for post in page.posts if post.published_at is not None]
    known = [progress.oldest] if progress.oldest is not None else []
    return Progress(
        progress.pages + 1,
        progress.posts + len(page.posts),
        min([*times, *known], default=None),
        progress.complete and page.complete,
    )
