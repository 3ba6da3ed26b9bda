"""What was observed of each source: posts by the hour, and the ledger of observed times.

Pages are noted in memory and written together every few seconds. What is lost when a process is
killed in between is a few seconds' counts; the ledger goes on from where it was, since the cursor
of the next page does too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from sqlalchemy import Table, and_, case, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.db import reading, writing
from services.ingest.health.control import Control
from services.ingest.health.coverage import Interval, by_hour
from services.ingest.health.silence import HISTORY, HOUR, Hour, hour_of
from services.ingest.post import Page
from services.ingest.stamps import stamp, time_of
from services.ingest.tables import coverage, hours

KEPT: Final = timedelta(days=400)
"""So long the ledger reaches back."""
_IN_AN_HOUR: Final = int(HOUR.total_seconds())
Row: TypeAlias = dict[str, object]
Observed: TypeAlias = Callable[[str, Page, datetime], None]
"""Is told of a page of a source that was taken, and when."""


def unobserved(_source: str, _page: Page, _now: datetime) -> None:
    """For those who read without keeping what they observed."""


@dataclass(slots=True)
class Reading:
    """What was read up to a time, since the reading before it.

    posts: by the hour in which they were published. complete: nothing in between was missed.
    is_over: False while more pages of it are to come.
    """

    until: datetime
    posts: Counter[datetime]
    controls: int
    complete: bool
    is_over: bool

    def then(self, later: Reading) -> bool:
        """Takes the later reading into this one, if nothing is lost by that."""
        if self.is_over and (self.complete != later.complete or not later.is_over):
            return False
        self.until = max(self.until, later.until)
        self.posts.update(later.posts)
        self.controls += later.controls
        self.complete = self.complete and later.complete
        self.is_over = later.is_over
        return True


@dataclass(slots=True)
class SeenHour:
    """An hour with all that is known of it."""

    posts: int = 0
    controls: int = 0
    seconds: int = 0


@dataclass(slots=True)
class Ledger:
    """What a source's readings add to the tables. last: the newest interval that is known."""

    last: Interval | None
    hours: dict[datetime, SeenHour] = field(default_factory=dict)
    intervals: list[Interval] = field(default_factory=list)
    obsolete: list[datetime] = field(default_factory=list)

    def take(self, reading: Reading) -> None:
        """A complete reading covers the time since the one before; any other, and the very first,
        is only where observing begins. Posts count where the time in between was observed."""
        last, until = self.last, reading.until.replace(microsecond=0)
        if reading.controls:
            self._at(hour_of(until)).controls += reading.controls
        if last is None or not reading.complete:
            if last is not None and last.start == last.end:
                self.obsolete.append(last.start)
                self.intervals = [each for each in self.intervals if each.start != last.start]
            if last is None or until > last.end:
                self._reaches(Interval(until, until))
            return
        for published, posts in reading.posts.items():
            self._at(min(max(published, hour_of(last.end)), hour_of(until))).posts += posts
        if until > last.end:
            oldest = max(last.end, until - HISTORY)
            for start, seconds in by_hour(Interval(oldest, until)):
                self._at(start).seconds += seconds
            self._reaches(Interval(last.start, until))

    def _at(self, hour: datetime) -> SeenHour:
        return self.hours.setdefault(hour, SeenHour())

    def _reaches(self, interval: Interval) -> None:
        self.last = interval
        self.intervals = [each for each in self.intervals if each.start != interval.start]
        self.intervals.append(interval)
        self.obsolete = [start for start in self.obsolete if start != interval.start]


class Observations:
    """Notes pages and keeps what follows from them. Raises Retryable when the store is away.

    controls: the control terms of the sources that have one, by source.
    """

    def __init__(self, engine: AsyncEngine, controls: Mapping[str, str]) -> None:
        self._engine = engine
        self._controls = {source: Control(term) for source, term in controls.items()}
        self._noted: dict[str, list[Reading]] = {}

    def note(self, source: str, page: Page, now: datetime) -> None:
        """A page that was read and is on the log; written with the next `flush`."""
        posts = [post for post in page.posts if not post.backfill]
        control = self._controls.get(source)
        seen = int(control is not None and control.is_in(posts))
        counts = Counter(hour_of(min(post.published_at or now, now)) for post in posts)
        reading = Reading(now, counts, seen, page.complete, not page.more)
        noted = self._noted.setdefault(source, [])
        if not noted or not noted[-1].then(reading):
            noted.append(reading)

    async def flush(self) -> None:
        """Writes what was noted, in one transaction. Readings that are not over wait for their
        end, and all of it for the next time when the store is away."""
        taken, self._noted = self._noted, {}
        over = {source: [r for r in noted if r.is_over] for source, noted in taken.items()}
        over = {source: noted for source, noted in over.items() if noted}
        try:
            if over:
                async with writing(self._engine) as connection:
                    await self._write(connection, over)
        except BaseException:
            self._put_back(taken)
            raise
        self._put_back({s: noted[-1:] for s, noted in taken.items() if not noted[-1].is_over})

    def _put_back(self, taken: Mapping[str, list[Reading]]) -> None:
        for source, noted in taken.items():
            for later in self._noted.get(source, []):
                if not noted[-1].then(later):
                    noted.append(later)
            self._noted[source] = noted

    async def _write(
        self, connection: AsyncConnection, over: Mapping[str, Sequence[Reading]]
    ) -> None:
        newest = await _newest(connection, over)
        counted: list[Row] = []
        intervals: list[Row] = []
        for source in sorted(over):
            ledger = Ledger(newest.get(source))
            for each in over[source]:
                ledger.take(each)
            counted += [_hour_row(source, *item) for item in sorted(ledger.hours.items())]
            intervals += [_interval_row(source, each) for each in ledger.intervals]
            if ledger.obsolete:
                begun = [stamp(start) for start in ledger.obsolete]
                await connection.execute(
                    delete(coverage).where(
                        coverage.c.source == source, coverage.c.from_at.in_(begun)
                    )
                )
        await _add_hours(connection, counted)
        await _extend(connection, intervals)

    async def hours(self, sources: Collection[str], since: datetime) -> dict[str, list[Hour]]:
        """The hours of these sources from that time on, in order."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(
                select(hours.c.source, hours.c.hour, hours.c.posts, hours.c.observed_seconds)
                .where(hours.c.source.in_(list(sources)), hours.c.hour >= stamp(hour_of(since)))
                .order_by(hours.c.source, hours.c.hour)
            )
            found: dict[str, list[Hour]] = {source: [] for source in sources}
            for source, hour, posts, seconds in rows:
                found[source].append(Hour(time_of(hour), posts, seconds / _IN_AN_HOUR))
            return found

    async def posts(self, since: datetime) -> dict[str, int]:
        """How many posts came of each source since the hour of that time."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(
                select(hours.c.source, func.sum(hours.c.posts))
                .where(hours.c.hour >= stamp(hour_of(since)))
                .group_by(hours.c.source)
            )
            return {source: int(posts) for source, posts in rows}

    async def sightings(self, source: str) -> list[tuple[datetime, float, bool]]:
        """By hour, in order: the share of it that was observed, whether the control term came."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(
                select(hours.c.hour, hours.c.observed_seconds, hours.c.control_seen)
                .where(hours.c.source == source)
                .order_by(hours.c.hour)
            )
            return [
                (time_of(hour), seconds / _IN_AN_HOUR, seen > 0) for hour, seconds, seen in rows
            ]

    async def intervals(self, since: datetime) -> dict[str, list[Interval]]:
        """What was observed of each source and reaches beyond that time; not cut to it."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(
                select(coverage.c.source, coverage.c.from_at, coverage.c.to_at)
                .where(coverage.c.to_at >= stamp(since))
                .order_by(coverage.c.source, coverage.c.from_at)
            )
            found: dict[str, list[Interval]] = {}
            for source, start, end in rows:
                found.setdefault(source, []).append(Interval(time_of(start), time_of(end)))
            return found

    async def intervals_of(self, source: str, whole: Interval) -> list[Interval]:
        """What was observed of the source and touches that time; not cut to it."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(
                select(coverage.c.from_at, coverage.c.to_at)
                .where(coverage.c.source == source, coverage.c.to_at >= stamp(whole.start))
                .where(coverage.c.from_at <= stamp(whole.end))
                .order_by(coverage.c.from_at)
            )
            return [Interval(time_of(start), time_of(end)) for start, end in rows]

    async def prune(self, now: datetime) -> None:
        """Drops what is too old. Of a source that fell silent, what was usual before stays."""
        last = hours.alias()
        last_post = (
            select(func.max(last.c.hour))
            .where(last.c.source == hours.c.source, last.c.posts > 0)
            .scalar_subquery()
        )
        long_ago = stamp(now - HISTORY)
        history = stamp(now) - long_ago
        async with writing(self._engine) as connection:
            await connection.execute(
                delete(hours).where(
                    hours.c.hour < long_ago,
                    or_(
                        last_post.is_(None),
                        hours.c.hour > last_post,
                        hours.c.hour < last_post - history,
                    ),
                )
            )
            await connection.execute(delete(coverage).where(coverage.c.to_at < stamp(now - KEPT)))


async def keep_only(connection: AsyncConnection, sources: Collection[str]) -> None:
    """Drops what was observed of all other sources: they are others now, or gone."""
    for table in (hours, coverage):
        await connection.execute(delete(table).where(table.c.source.not_in(list(sources))))


async def _newest(connection: AsyncConnection, sources: Iterable[str]) -> dict[str, Interval]:
    newest = (
        select(coverage.c.source, func.max(coverage.c.from_at).label("from_at"))
        .where(coverage.c.source.in_(list(sources)))
        .group_by(coverage.c.source)
        .subquery()
    )
    rows = await connection.execute(
        select(coverage.c.source, coverage.c.from_at, coverage.c.to_at).join(
            newest,
            and_(coverage.c.source == newest.c.source, coverage.c.from_at == newest.c.from_at),
        )
    )
    return {source: Interval(time_of(start), time_of(end)) for source, start, end in rows}


def _hour_row(source: str, hour: datetime, observed: SeenHour) -> Row:
    return {
        "source": source,
        "hour": stamp(hour),
        "posts": observed.posts,
        "control_seen": observed.controls,
        "observed_seconds": observed.seconds,
    }


def _interval_row(source: str, interval: Interval) -> Row:
    return {"source": source, "from_at": stamp(interval.start), "to_at": stamp(interval.end)}


async def _add_hours(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    if not rows:
        return
    new = _insert(connection, hours)
    seconds = hours.c.observed_seconds + new.excluded.observed_seconds
    await connection.execute(
        new.on_conflict_do_update(
            index_elements=[hours.c.source, hours.c.hour],
            set_={
                "posts": hours.c.posts + new.excluded.posts,
                "control_seen": hours.c.control_seen + new.excluded.control_seen,
                "observed_seconds": case((seconds > _IN_AN_HOUR, _IN_AN_HOUR), else_=seconds),
            },
        ),
        rows,
    )


async def _extend(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    if not rows:
        return
    new = _insert(connection, coverage)
    later = new.excluded.to_at > coverage.c.to_at
    await connection.execute(
        new.on_conflict_do_update(
            index_elements=[coverage.c.source, coverage.c.from_at],
            set_={"to_at": case((later, new.excluded.to_at), else_=coverage.c.to_at)},
        ),
        rows,
    )


def _insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
