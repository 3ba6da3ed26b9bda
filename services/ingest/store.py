"""The state of the sources in the database, shared by all copies of the service."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import reading, writing
from services.ingest.schedule import SourceState, Waiting, configured
from services.ingest.tables import sources

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


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

    async def configure(self, places: Mapping[str, str], now: datetime) -> None:
        """Makes the table hold exactly these sources (id to place). A source whose place changed
        starts anew; one that left the configuration is forgotten."""
        async with writing(self._engine) as connection:
            await connection.execute(delete(sources).where(sources.c.id.not_in(list(places))))
            found = await connection.execute(select(sources.c.id, sources.c.place))
            known = {str(row.id): str(row.place) for row in found}
            changed = [each for each, place in known.items() if places[each] != place]
            await connection.execute(delete(sources).where(sources.c.id.in_(changed)))
            new = [each for each in places if each not in known or each in changed]
            if new:
                await connection.execute(
                    insert(sources), [_values(configured(each, places[each], now)) for each in new]
                )

    async def states(self) -> Sequence[SourceState]:
        """Every source, by id."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(sources).order_by(sources.c.id))
            return [_state(row) for row in rows]

    async def claimable(self, now: datetime, before: datetime) -> list[Waiting]:
        """The sources nobody holds now that are due before the given time."""
        wanted = select(sources.c.id, sources.c.due_at).where(
            sources.c.due_at < _stamp(before), _unclaimed(now)
        )
        async with reading(self._engine) as connection:
            return [Waiting(row.id, _known(row.due_at)) for row in await connection.execute(wanted)]

    async def claim(
        self, ids: Collection[str], now: datetime, until: datetime
    ) -> Sequence[SourceState]:
        """Of these sources, the ones that are still due and free: held by this copy until then."""
        async with writing(self._engine) as connection:
            rows = await connection.execute(
                update(sources)
                .where(sources.c.id.in_(list(ids)), sources.c.due_at <= _stamp(now))
                .where(_unclaimed(now))
                .values(claimed_until=_stamp(until), claimed_by=self._me.name)
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
                .values(claimed_until=_stamp(until))
            )

    async def finish(self, state: SourceState) -> bool:
        """Keeps the state after a reading and gives the claim back. False, and nothing is kept,
        when the claim is no longer this copy's or the source is no longer configured."""
        async with writing(self._engine) as connection:
            changed = await connection.execute(
                update(sources)
                .where(sources.c.id == state.id, sources.c.place == state.place)
                .where(sources.c.claimed_by == self._me.name)
                .values(**_values(state))
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
    return or_(sources.c.claimed_until.is_(None), sources.c.claimed_until < _stamp(now))


def _values(state: SourceState) -> dict[str, object]:
    return {
        "id": state.id,
        "place": state.place,
        "cursor": state.cursor,
        "due_at": _stamp(state.due_at),
        "failures": state.failures,
        "health": state.health,
        "reason": state.reason,
        "since": _stamp(state.since),
        "last_success": _stamp(state.last_success),
        "last_entry": _stamp(state.last_entry),
        "claimed_until": None,
        "claimed_by": None,
    }


def _state(row: Row[Any]) -> SourceState:
    return SourceState(
        id=row.id,
        place=row.place,
        due_at=_time(row.due_at),
        since=_known(row.since),
        last_entry=_known(row.last_entry),
        cursor=row.cursor,
        failures=row.failures,
        health=row.health,
        reason=row.reason,
        last_success=_time(row.last_success),
    )


def _stamp(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def _time(stamp: int | None) -> datetime | None:
    return None if stamp is None else _known(stamp)


def _known(stamp: int) -> datetime:
    return _EPOCH + stamp * _MICROSECOND
