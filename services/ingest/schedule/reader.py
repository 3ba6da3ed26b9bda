"""One reading of one source: page after page, each on the log before its cursor is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

import structlog

from libs.common.clock import Clock
from libs.common.errors import Retryable
from services.ingest.budget import NOTHING, Judgement, Spent
from services.ingest.collector import Collector, LooksAgain, Priced, SourceConfig, Stream
from services.ingest.failure import CollectionFailed, TooSlow, Unreachable
from services.ingest.health.observations import Observed, unobserved
from services.ingest.intake import Intake
from services.ingest.post import Page
from services.ingest.posts import PostStore
from services.ingest.schedule.decide import (
    Pace,
    SourceState,
    after_failure,
    after_page,
    begun_apart,
    while_heard,
)
from services.ingest.schedule.spending import Spending
from services.ingest.schedule.store import SourceStore

logger = structlog.get_logger(__name__)
T = TypeVar("T")

PAGE: Final = timedelta(seconds=180)
"""The longest a collector may take for one page."""
PAGES: Final = 20
"""Pages of one source in a row; then others have their turn."""
NEWS: Final = timedelta(hours=24)
"""What is older than this when a source is first read is the past, not news."""
LOOKED_AT: Final = 100
"""Posts that are asked for again after one reading, to learn of deletions."""
LOOK_APART: Final = timedelta(minutes=1)
"""Time between two such questions while a stream is heard."""
_QUIETER: Final = 5
"""So many times as long as for a page is waited for a stream to say anything; each kind of stream
has a limit of its own, which is shorter."""
_LOG_AWAY: Final = 5.0
"""Seconds until the next try when log or store did not answer."""


class Defect(CollectionFailed):
    """Our own fault, or the plugin's: the log has the traceback."""

    reason = "defect"


class Lost(Exception):
    """The source is not ours to read any more: another copy has it, or nobody configures it."""


@dataclass(slots=True)
class _Reading:
    """What one reading came to so far. looked_at: when it was last asked for deletions. outcome: in
    a word or two."""

    source: SourceConfig
    collector: Collector | Stream
    state: SourceState
    looked_at: datetime
    outcome: str = "ended"

    @property
    def is_stream(self) -> bool:
        return isinstance(self.collector, Stream)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads sources. chance: a float in [0, 1). patience: for one page. observed: is told of every
    page that was taken."""

    collectors: Mapping[str, Collector | Stream]
    intake: Intake
    store: SourceStore
    posts: PostStore
    spending: Spending
    clock: Clock
    chance: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    patience: timedelta = PAGE
    observed: Observed = unobserved

    async def read(self, source: SourceConfig, state: SourceState) -> tuple[SourceState, str]:
        """The state after a reading, which is for the caller to keep, and how it went in a word or
        two. A stream is read until it ends. Raises Lost."""
        begun = self.clock()
        reading = _Reading(source, self.collectors[source.id], state, begun)
        try:
            await self._read_pages(reading)
            if not reading.is_stream:
                await self._look_again(reading)
        except Lost:
            raise
        except CollectionFailed as failure:
            self._failed(reading, failure)
        except Retryable as error:
            # Nothing is wrong with the source: it goes on as soon as the store is back.
            logger.warning("a reading was cut short", source=source.id, reason=str(error))
            due_at = self.clock() + timedelta(seconds=_wait(error))
            reading.state, reading.outcome = replace(reading.state, due_at=due_at), "cut short"
        except Exception as error:
            # One broken plugin must not stop the others; its health says so.
            logger.exception("a collector failed", source=source.id)
            self._failed(reading, Defect(f"{type(error).__name__}: {error}"))
        if reading.is_stream:
            reading.state = begun_apart(reading.state, begun, self.clock())
        return reading.state, reading.outcome

    async def _read_pages(self, reading: _Reading) -> None:
        judgement = await self._judge(reading)
        pages = _pages(reading.collector, reading.state.cursor, self.patience)
        async with aclosing(pages):
            async for page in pages:
                await self._take(reading, page)
                self._keep(reading, page, judgement)
                if page.more or reading.is_stream:
                    if not await self.store.advance(reading.state):
                        raise Lost
                    judgement = await self._judge(reading)
                if reading.is_stream:
                    await self._look_again_beside(reading)
        if reading.outcome == "ended":
            raise Unreachable("the stream ended before it began")

    def _keep(self, reading: _Reading, page: Page, judgement: Judgement) -> None:
        """Notes what the page changes."""
        now = self.clock()
        pace = _pace(reading.source, judgement.slower)
        state = after_page(reading.state, page, pace, now, self.chance)
        if reading.is_stream:
            state = while_heard(state, now)
        reading.state = replace(state, reason=judgement.sentence)
        reading.outcome = page.health

    async def _judge(self, reading: _Reading) -> Judgement:
        """What the budget says about the next page. Raises OverBudget."""
        source, price = reading.source, dearest_page(reading.collector)
        return await self.spending.judge(source.id, source.budget, price, self.clock())

    async def _take(self, reading: _Reading, page: Page) -> None:
        """Waits for a log that is away with the page in its hand: asking the platform for it again
        would be a request, and perhaps money, for each try."""
        source, now = reading.source.id, self.clock()
        past = now - NEWS if reading.state.last_success is None else None
        spent = Spent(page.reads, page.money)
        await self._when_back(source, lambda: self.spending.add(source, spent, now))
        await self._when_back(source, lambda: self.intake.take(source, page, past=past))
        self.observed(source, page, now)

    async def _when_back(self, source: str, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await act()
            except Retryable as error:
                logger.warning("a page waits for the log", source=source, reason=str(error))
                await self.sleep(_wait(error))

    async def _look_again_beside(self, reading: _Reading) -> None:
        """While a stream is heard, which may be for days; what fails here does not end it."""
        now = self.clock()
        if abs(now - reading.looked_at) < LOOK_APART:
            return
        reading.looked_at = now
        try:
            await self._look_again(reading)
        except CollectionFailed as failure:
            name = reading.source.id
            logger.warning("deletions cannot be asked for", source=name, reason=str(failure))

    async def _look_again(self, reading: _Reading) -> None:
        """Asks for the posts that were not looked at for longest whether they still stand."""
        source, collector, now = reading.source, reading.collector, self.clock()
        if source.look_again is None or not isinstance(collector, LooksAgain):
            return
        ids = await self.posts.unchecked(source.id, now - source.look_again, LOOKED_AT)
        if not ids:
            return
        if isinstance(collector, Priced):
            price = collector.looking_again(len(ids))
            await self.spending.judge(source.id, source.budget, price, now)
            await self.spending.add(source.id, price, now)
        try:
            async with asyncio.timeout(self.patience.total_seconds()):
                deletions = tuple(await collector.deleted(ids))
        except TimeoutError:
            raise _too_slow(self.patience) from None
        await self.intake.take(source.id, Page((), None, deletions=deletions))
        await self.posts.checked(source.id, ids, now)

    def _failed(self, reading: _Reading, failure: CollectionFailed) -> None:
        pace, now = _pace(reading.source), self.clock()
        reading.state = after_failure(reading.state, failure, pace, now, self.chance)
        reading.outcome = failure.reason


async def _pages(
    collector: Collector | Stream, cursor: str | None, patience: timedelta
) -> AsyncGenerator[Page, None]:
    """The pages of one reading. Raises CollectionFailed."""
    if isinstance(collector, Stream):
        async with aclosing(collector.listen(cursor)) as pages:
            while (page := await _within(_QUIETER * patience, anext(pages, None))) is not None:
                yield page
        return
    for _ in range(PAGES):
        page = behind(cursor, await _within(patience, collector.collect(cursor)))
        yield page
        if not page.more or page.next_in is not None:
            return
        cursor = page.cursor


async def _within(patience: timedelta, page: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(patience.total_seconds()):
            return await page
    except TimeoutError:
        raise _too_slow(patience) from None


def behind(cursor: str | None, page: Page) -> Page:
    """The page that was read from this cursor. One that does not move the cursor would come again
    and again: nothing is behind it, whatever it says."""
    if page.more and page.cursor == cursor:
        return replace(page, more=False, complete=False)
    return page


def dearest_page(collector: Collector | Stream) -> Spent:
    """The most that the next page may cost."""
    return collector.dearest_page() if isinstance(collector, Priced) else NOTHING


def _pace(source: SourceConfig, slower: float = 1.0) -> Pace:
    return Pace(source.every * slower, source.quiet_after)


def _wait(error: Retryable) -> float:
    return max(_LOG_AWAY, error.retry_after or 0.0)


def _too_slow(patience: timedelta) -> TooSlow:
    return TooSlow(f"a page took longer than {patience.total_seconds():g} s")
