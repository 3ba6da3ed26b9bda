"""The state of the sources in the database, shared by all copies of the service."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.db import reading, writing
from services.ingest.health.observations import keep_only
from services.ingest.schedule.decide import SourceState, Waiting, configured
from services.ingest.stamps import stamp, stamp_or_none, time_of, time_or_none
from services.ingest.tables import sources

_SKEW: Final = timedelta(minutes=5)
"""The most that the clocks of two copies may differ. What lies further in the future was written
while a clock was wrong, and keeps nobody waiting."""
_READ: Final = ("ok", "unchanged", "empty")
_FREE: Final = {"claimed_until": None, "claimed_by": None}


@dataclass(frozen=True, slots=True)
class Claimant:
    """A copy of the service: a process on a machine, with a nonce as process ids come again."""

    machine: str
    process: int
    nonce: str

    @classmethod
    def this_process(cls) -> Claimant:
        return cls(socket.gethostname(), os.getpid(), secrets.token_hex(4))

    @property
    def name(self) -> str:
        return f"{self.machine}/{self.process}/{self.nonce}"

    def outlived(self, name: str) -> bool:
        """Whether the claimant of that name was on this machine and is dead for sure."""
        machine, _, rest = name.rpartition("/")[0].rpartition("/")
        if name == self.name or machine != self.machine or not rest.isdigit():
            return False
        return int(rest) == self.process or not _lives(int(rest))


class SourceStore:
    """Reads and writes `ingest_sources`. Raises Retryable when the database does not answer.

    me: this copy, to know its claims by.
    """

    def __init__(self, engine: AsyncEngine, me: Claimant) -> None:
        self._engine = engine
        self._me = me

    async def configure(
        self, places: Mapping[str, str], now: datetime, *, delivered: Collection[str] = ()
    ) -> None:
        """Makes the table hold exactly these sources (id to place). A source whose place changed
        starts anew; one that left the configuration is forgotten; one whose credentials were
        refused is due at once, since others may be configured now.

        delivered: those that are delivered to us, and so are never due."""
        async with writing(self._engine) as connection:
            await connection.execute(delete(sources).where(sources.c.id.not_in(list(places))))
            found = await connection.execute(select(sources.c.id, sources.c.place))
            known = {str(row.id): str(row.place) for row in found}
            changed = [each for each, place in known.items() if places[each] != place]
            await connection.execute(delete(sources).where(sources.c.id.in_(changed)))
            await keep_only(connection, [each for each in places if each not in changed])
            new = [each for each in places if each not in known or each in changed]
            if new:
                rows = [_content(configured(each, places[each], now)) | _FREE for each in new]
                never = {"due_at": None}
                await connection.execute(
                    insert(sources),
                    [row | never if row["id"] in delivered else row for row in rows],
                )
            await connection.execute(
                update(sources)
                .where(sources.c.health == "auth_failed", sources.c.due_at > stamp(now))
                .values(due_at=stamp(now))
            )

    async def states(self) -> Sequence[SourceState]:
        """Every source, by id."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(sources).order_by(sources.c.id))
            return [_state(row) for row in rows]

    async def state(self, source: str) -> SourceState | None:
        """One source; None when it is not configured."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(sources).where(sources.c.id == source))
            row = rows.one_or_none()
        return None if row is None else _state(row)

    async def change(self, source: str, change: Callable[[SourceState], SourceState]) -> None:
        """Changes what is known of a source, whoever reads it; claims stay as they are."""
        async with writing(self._engine) as connection:
            rows = await connection.execute(
                select(sources).where(sources.c.id == source).with_for_update()
            )
            if (row := rows.one_or_none()) is not None:
                changed = _content(change(_state(row)))
                await connection.execute(
                    update(sources).where(sources.c.id == source).values(**changed)
                )

    async def claimable(self, now: datetime, before: datetime) -> list[Waiting]:
        """The sources nobody holds now that are due before the given time."""
        wanted = select(
            sources.c.id,
            sources.c.place,
            sources.c.due_at,
            _is_of_a_wrong_clock(now).label("wrong"),
        ).where(or_(sources.c.due_at < stamp(before), _is_of_a_wrong_clock(now)), _unclaimed(now))
        async with reading(self._engine) as connection:
            return [
                Waiting(row.id, now if row.wrong else time_of(row.due_at), row.place)
                for row in await connection.execute(wanted)
            ]

    async def limited(self, now: datetime) -> list[str]:
        """The sources whose platform wants to be left alone for now."""
        wanted = select(sources.c.id).where(
            sources.c.health == "rate_limited", sources.c.due_at > stamp(now)
        )
        async with reading(self._engine) as connection:
            return [row.id for row in await connection.execute(wanted)]

    async def claim(
        self, ids: Collection[str], now: datetime, until: datetime
    ) -> Sequence[SourceState]:
        """Of these sources, the ones that are still due and free: held by this copy until then."""
        async with writing(self._engine) as connection:
            rows = await connection.execute(
                update(sources)
                .where(
                    sources.c.id.in_(list(ids)),
                    or_(sources.c.due_at <= stamp(now), _is_of_a_wrong_clock(now)),
                    _unclaimed(now),
                )
                .values(claimed_until=stamp(until), claimed_by=self._me.name)
                .returning(*sources.c)
            )
            return [_state(row) for row in rows]

    async def renew(self, ids: Collection[str], until: datetime) -> None:
        """Holds on to these sources for longer."""
        if not ids:
            return
        async with writing(self._engine) as connection:
            await connection.execute(
                update(sources)
                .where(sources.c.id.in_(list(ids)), sources.c.claimed_by == self._me.name)
                .values(claimed_until=stamp(until))
            )

    async def advance(self, state: SourceState) -> bool:
        """Keeps the state in the middle of a reading, which goes on. False as in `finish`."""
        async with writing(self._engine) as connection:
            return await self._keep(connection, state, _content(state))

    async def finish(self, states: Sequence[SourceState]) -> set[str]:
        """Keeps the states after readings and gives the claims back; the ids of those that were
        kept. Not kept is a state whose claim is no longer this copy's, or whose source is no
        longer configured so."""
        async with writing(self._engine) as connection:
            return {
                state.id
                for state in states
                if await self._keep(connection, state, _content(state) | _FREE)
            }

    async def _keep(
        self, connection: AsyncConnection, state: SourceState, values: Mapping[str, object]
    ) -> bool:
        changed = await connection.execute(
            update(sources)
            .where(sources.c.id == state.id, sources.c.place == state.place)
            .where(sources.c.claimed_by == self._me.name)
            .values(**values)
        )
        return changed.rowcount == 1

    async def release(self) -> None:
        """Gives back whatever this copy still holds, as it stops."""
        async with writing(self._engine) as connection:
            await connection.execute(
                update(sources)
                .where(sources.c.claimed_by == self._me.name)
                .values(claimed_until=None, claimed_by=None)
            )

    async def release_of_the_dead(self) -> None:
        """Gives back what a copy on this machine held when it was killed, so that its successor
        need not wait for the claims to end."""
        async with writing(self._engine) as connection:
            rows = await connection.execute(select(sources.c.claimed_by).distinct())
            dead = [name for (name,) in rows if name and self._me.outlived(name)]
            if dead:
                await connection.execute(
                    update(sources)
                    .where(sources.c.claimed_by.in_(dead))
                    .values(claimed_until=None, claimed_by=None)
                )


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _unclaimed(now: datetime) -> ColumnElement[bool]:
    return or_(
        sources.c.claimed_until.is_(None),
        sources.c.claimed_until < stamp(now),
        sources.c.claimed_until > stamp(now + _SKEW),
    )


def _is_of_a_wrong_clock(now: datetime) -> ColumnElement[bool]:
    """Whether it was read in the future, so that its next time is not to be believed either."""
    return and_(
        sources.c.health.in_(_READ),
        sources.c.last_success > stamp(now + _SKEW),
        sources.c.due_at.is_not(None),
    )


def _content(state: SourceState) -> dict[str, object]:
    return {
        "id": state.id,
        "place": state.place,
        "cursor": state.cursor,
        "due_at": stamp_or_none(state.due_at),
        "failures": state.failures,
        "health": state.health,
        "reason": state.reason,
        "since": stamp(state.since),
        "last_success": stamp_or_none(state.last_success),
        "last_entry": stamp(state.last_entry),
    }


def _state(row: Row[Any]) -> SourceState:
    return SourceState(
        id=row.id,
        place=row.place,
        due_at=time_or_none(row.due_at),
        since=time_of(row.since),
        last_entry=time_of(row.last_entry),
        cursor=row.cursor,
        failures=row.failures,
        health=row.health,
        reason=row.reason,
        last_success=time_or_none(row.last_success),
    )
