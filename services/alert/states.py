"""Keeping what is folded: in memory while this process folds it, in the store always.

A state is written in the transaction of the signals it led to, so a repeat finds both or neither.
Its version tells whether another copy of the service has folded the watch in the meantime.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.errors import Retryable
from services.alert.tables import watch_states

S = TypeVar("S", bound=msgspec.Struct)
FORM: Final = 1
"""Counted up when saved states can no longer be read; watches then begin anew, from the log."""


class FoldedElsewhere(Retryable):
    """Another copy of the service has folded a watch meanwhile: it has to be read anew."""


class _Held(NamedTuple, Generic[S]):
    version: int
    state: S


class States(Generic[S]):
    """States of one kind, by watch. What was never folded has a new one."""

    def __init__(self, kind: type[S]) -> None:
        self._kind = kind
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._held: dict[str, _Held[S]] = {}

    async def hold(self, connection: AsyncConnection, watches: Collection[str]) -> Mapping[str, S]:
        """The states as the store has them. Folding changes them: then `save` or `forget` them."""
        stored = await _versions(connection, watches)
        stale = [watch for watch in watches if self._version(watch) != stored.get(watch, 0)]
        if stale:
            await self._read(connection, stale)
        return {watch: self._held[watch].state for watch in watches}

    def folded(self, watch: str) -> S:
        """The state of a watch that is held, as far as it is folded by now."""
        return self._held[watch].state

    async def save(self, connection: AsyncConnection, watches: Collection[str]) -> None:
        """Writes them. Raises FoldedElsewhere."""
        if not watches:
            return
        stored = await _versions(connection, watches, lock=True)
        held = {watch: self._held[watch] for watch in watches}
        if any(each.version != stored.get(watch, 0) for watch, each in held.items()):
            raise FoldedElsewhere("another copy of the service folds the same watch")
        rows = [_row(watch, each.version + 1, each.state) for watch, each in held.items()]
        new = [row for row in rows if row["version"] == 1]
        known = [{**row, "of": row["watch"]} for row in rows if row["version"] != 1]
        if new:
            await connection.execute(insert(watch_states), new)
        if known:
            await connection.execute(_UPDATE, known)

    def saved(self, watches: Collection[str]) -> None:
        """They are written for good."""
        for watch in watches:
            held = self._held[watch]
            self._held[watch] = _Held(held.version + 1, held.state)

    def forget(self, watches: Collection[str]) -> None:
        """What was folded into them was not written: they are read anew when next wanted."""
        for watch in watches:
            self._held.pop(watch, None)

    def _version(self, watch: str) -> int | None:
        held = self._held.get(watch)
        return None if held is None else held.version

    async def _read(self, connection: AsyncConnection, watches: Collection[str]) -> None:
        rows = await connection.execute(select(watch_states).where(_COLUMNS.watch.in_(watches)))
        for watch in watches:
            self._held[watch] = _Held(0, self._kind())
        for row in rows:
            state = self._decoder.decode(row.state) if row.form == FORM else self._kind()
            self._held[row.watch] = _Held(row.version, state)


async def known_watches(connection: AsyncConnection) -> frozenset[str]:
    """The watches that have a state this version can read."""
    return frozenset(await connection.scalars(select(_COLUMNS.watch).where(_COLUMNS.form == FORM)))


async def insert_all(connection: AsyncConnection, states: Mapping[str, msgspec.Struct]) -> None:
    """Stores the first states of watches. Raises IntegrityError where one has a state already."""
    rows = [_row(watch, 1, state) for watch, state in states.items()]
    await connection.execute(insert(watch_states), rows)


async def _versions(
    connection: AsyncConnection, watches: Collection[str], *, lock: bool = False
) -> dict[str, int]:
    query = select(_COLUMNS.watch, _COLUMNS.version).where(_COLUMNS.watch.in_(watches))
    if lock:
        query = query.order_by(_COLUMNS.watch).with_for_update()
    return {row.watch: row.version for row in await connection.execute(query)}


def _row(watch: str, version: int, state: msgspec.Struct) -> dict[str, object]:
    return {"watch": watch, "version": version, "form": FORM, "state": _ENCODER.encode(state)}


_COLUMNS: Final = watch_states.c
_UPDATE: Final = (
    update(watch_states)
    .where(_COLUMNS.watch == bindparam("of"))
    .values(
        watch=bindparam("watch"),
        version=bindparam("version"),
        form=bindparam("form"),
        state=bindparam("state"),
    )
)
_ENCODER: Final = msgspec.msgpack.Encoder()
