"""The sessions of this process's members, and whose session has ended elsewhere."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from libs.common.bus.sqlite import groups
from libs.common.bus.sqlite.alive import Sign, clear, is_dead
from libs.common.bus.sqlite.file import transaction
from libs.common.bus.sqlite.member import Member


class Timeouts(NamedTuple):
    """Seconds. session: without a sign of life; poll: between two polls."""

    session: float
    poll: float


class Sessions:
    """now: gives milliseconds since 1970, UTC. Its methods run on the writer's thread, so a busy
    event loop does not end a session; a member that stops polling does."""

    def __init__(self, path: Path, timeouts: Timeouts, now: Callable[[], int]) -> None:
        self._path = path
        self._timeouts = timeouts
        self._now = now
        self._process = uuid.uuid4().hex
        self._sign = Sign(path, self._process)
        self.members: set[Member] = set()

    def enter(
        self, connection: sqlite3.Connection, group: str, member: str, topics: Sequence[str]
    ) -> None:
        """Puts a member into its group. Who died is put out first, so that a restarted service
        goes on at once."""
        self._sign.hold()
        self._put_out(connection, [group])
        groups.join(connection, group, member, topics, self._process, self._expiry())

    def keep(self, connection: sqlite3.Connection) -> float:
        """A chore: keeps our sessions, ends those of the dead, and of ours that do not poll."""
        members = tuple(self.members)
        if members:
            with transaction(connection):
                for each in members:
                    if each.idle() > self._timeouts.poll:
                        groups.leave(connection, each.group, each.id)
                groups.prolong(connection, [each.id for each in members], self._expiry())
                self._put_out(connection, sorted({each.group for each in members}))
        return min(self._timeouts) / 3

    def end(self, connection: sqlite3.Connection) -> None:
        """Takes out what is left of our members."""
        for each in tuple(self.members):
            groups.leave(connection, each.group, each.id)

    def drop_sign(self) -> None:
        self._sign.drop()

    def _expiry(self) -> int:
        return self._now() + round(self._timeouts.session * 1000)

    def _put_out(self, connection: sqlite3.Connection, names: Iterable[str]) -> None:
        """Ends the sessions that are over in these groups, and all those of dead processes."""
        others = [
            row
            for group in names
            for row in groups.members(connection, group)
            if row.process != self._process
        ]
        for row in others:
            if row.expires_ms < self._now():
                groups.leave(connection, row.group, row.id)
        for process in {row.process for row in others}:
            if is_dead(self._path, process):
                for row in groups.members_of(connection, process):
                    groups.leave(connection, row.group, row.id)
                clear(self._path, process)
