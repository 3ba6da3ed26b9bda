"""The two threads that run the log's SQL, so that the event loop never waits for the disk.

The writer takes everything that waits into one transaction: publishers that come at the same
time share one write to the disk. The reader also notices what other processes have written.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Concatenate, Final, Generic, ParamSpec, TypeVar

import structlog

from libs.common.bus.sqlite import records
from libs.common.bus.sqlite.file import connect, open_log, transaction, unavailable
from libs.common.bus.sqlite.records import Packed
from libs.common.errors import BrandmelderError, BusUnavailable

log = structlog.get_logger(__name__)
T = TypeVar("T")
P = ParamSpec("P")

JOINED_AT_MOST: Final = 256
"""Tasks in one transaction."""
LOOK_EVERY: Final = 0.05
"""Seconds between looks for what other processes have written."""


@dataclass(slots=True)
class Task(Generic[T]):
    """Something to do with the connection, and who waits for it."""

    call: Callable[[sqlite3.Connection], T]
    future: asyncio.Future[T]
    result: T | None = None
    error: Exception | None = None


@dataclass(slots=True)
class Chore:
    """What the writer does on its own, in its own transaction, when it is due. `call` returns
    the seconds until the next time. due: monotonic seconds."""

    call: Callable[[sqlite3.Connection], float]
    due: float = 0.0


class Inbox:
    """Where tasks wait for their thread."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Task[object] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed: str | None = None

    async def ask(self, call: Callable[[sqlite3.Connection], T]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._closed is not None:
                raise BusUnavailable(self._closed)
            self._queue.put(Task(call, future))  # type: ignore[arg-type]  # T is an object
        return await future

    def take(self, wait: float | None, limit: int) -> list[Task[object] | None]:
        """What waits, after at most `wait` seconds; None in it means that nothing follows."""
        try:
            tasks = [self._queue.get(timeout=wait)]
        except Empty:
            return []
        while tasks[-1] is not None and len(tasks) < limit and not self._queue.empty():
            tasks.append(self._queue.get())
        return tasks

    def close(self, reason: str) -> None:
        """Takes no more; what waits is still done."""
        with self._lock:
            if self._closed is None:
                self._closed = reason
                self._queue.put(None)

    def refuse_the_rest(self, reason: str) -> None:
        self.close(reason)
        rest = [task for task in self.take(0, 1 << 30) if task is not None]
        for task in rest:
            task.error = BusUnavailable(reason)
        deliver(rest)


def deliver(tasks: Sequence[Task[object]]) -> None:
    """Hands the outcomes to those who wait, one visit per event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Task[object]]] = {}
    for task in tasks:
        loops.setdefault(task.future.get_loop(), []).append(task)
    for loop, own in loops.items():
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(_settle, own)


def _settle(tasks: Sequence[Task[object]]) -> None:
    for task in tasks:
        if task.future.done():
            continue
        if task.error is None:
            task.future.set_result(task.result)
        else:
            task.future.set_exception(task.error)


class DatabaseThread(ABC):
    """A thread with its own connection."""

    def __init__(self, name: str, path: Path, busy_timeout: float) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._inbox = Inbox()
        self._opened = threading.Event()
        self._failed: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    async def start(self) -> None:
        """Raises BusUnavailable or ConfigurationError when the file cannot be used."""
        self._thread.start()
        await asyncio.to_thread(self._opened.wait)
        if self._failed is not None:
            raise self._failed

    async def ask(
        self,
        call: Callable[Concatenate[sqlite3.Connection, P], T],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """Runs the call on the thread, in a transaction. It runs even when the caller is
        cancelled meanwhile."""
        return await self._inbox.ask(lambda connection: call(connection, *arguments, **named))

    def stop(self) -> None:
        """Takes nothing more; the thread ends after what waits."""
        self._inbox.close(f"event log {self._path}: closed")

    async def close(self) -> None:
        """As `stop`, and waits for the end."""
        self.stop()
        await asyncio.to_thread(self._thread.join)

    def _open(self) -> sqlite3.Connection:
        return connect(self._path, self._busy_timeout)

    @abstractmethod
    def _turn(self, connection: sqlite3.Connection) -> bool:
        """Does what is at hand; False when nothing follows."""

    def _run(self) -> None:
        try:
            connection = self._open()
        except BrandmelderError as error:
            self._failed = error
            return
        except (sqlite3.Error, OSError) as error:
            self._failed = unavailable(self._path, error)
            return
        finally:
            self._opened.set()
        try:
            while self._turn(connection):
                pass
        finally:
            self._inbox.refuse_the_rest(f"event log {self._path}: its thread ended")
            connection.close()

    def _named(self, error: Exception) -> Exception:
        """An error as the caller should see it."""
        if isinstance(error, (sqlite3.Error, OSError)):
            return unavailable(self._path, error)
        return error


class Publish:
    """A task for the writer that only appends: several are joined into the same rows.
    batch: packed records by partition id."""

    def __init__(self, batch: Mapping[int, Sequence[Packed]]) -> None:
        self.batch = batch

    def __call__(self, connection: sqlite3.Connection) -> None:
        """Nothing by itself; the writer appends all batches of its transaction at once."""


class Writer(DatabaseThread):
    """now: gives milliseconds since 1970, UTC."""

    def __init__(
        self,
        path: Path,
        busy_timeout: float,
        *,
        now: Callable[[], int],
        chores: Sequence[Callable[[sqlite3.Connection], float]],
    ) -> None:
        super().__init__("event-log-writer", path, busy_timeout)
        self._now = now
        self._chores = [Chore(call) for call in chores]

    async def append(self, batch: Mapping[int, Sequence[Packed]]) -> None:
        """Appends packed records by partition id. Durable on return."""
        await self._inbox.ask(Publish(batch))

    def _open(self) -> sqlite3.Connection:
        return open_log(self._path, self._busy_timeout)

    def _turn(self, connection: sqlite3.Connection) -> bool:
        due = min(chore.due for chore in self._chores)
        waiting = self._inbox.take(max(0.0, due - time.monotonic()), JOINED_AT_MOST)
        tasks = [task for task in waiting if task is not None]
        if tasks:
            self._do(connection, tasks)
        self._do_chores(connection)
        return None not in waiting

    def _do(self, connection: sqlite3.Connection, tasks: Sequence[Task[object]]) -> None:
        try:
            with transaction(connection):
                self._do_each(connection, tasks)
        except Exception as error:  # noqa: BLE001 -- whatever it was, those who wait must hear
            if len(tasks) > 1 and not isinstance(error, sqlite3.OperationalError):
                # It is the fault of one of them; a full disk or a lock would be everybody's.
                for task in tasks:
                    self._do(connection, [task])
                return
            for task in tasks:
                task.error = self._named(error)
        deliver(tasks)

    def _do_each(self, connection: sqlite3.Connection, tasks: Sequence[Task[object]]) -> None:
        """A call that refuses with an error of ours has written nothing, and the others go on;
        any other error undoes the whole transaction."""
        for task in tasks:
            try:
                task.result = task.call(connection)
            except BrandmelderError as error:
                task.error = error
        batches = [task.call.batch for task in tasks if isinstance(task.call, Publish)]
        if batches:
            records.append(connection, batches, self._now())

    def _do_chores(self, connection: sqlite3.Connection) -> None:
        for chore in self._chores:
            if chore.due > time.monotonic():
                continue
            try:
                pause = chore.call(connection)
            except (sqlite3.Error, OSError) as error:
                log.warning("upkeep of the event log failed", reason=str(error))
                pause = 1.0
            chore.due = time.monotonic() + pause


class Watcher(DatabaseThread):
    """The reader. It calls `changed`, on its thread, when the file was written to by others
    (the writer of this process included) while `watching` says that someone is interested."""

    def __init__(
        self,
        path: Path,
        busy_timeout: float,
        *,
        watching: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        super().__init__("event-log-reader", path, busy_timeout)
        self._watching = watching
        self._changed = changed
        self._version = -1
        self._looked = 0.0

    def _turn(self, connection: sqlite3.Connection) -> bool:
        waiting = self._inbox.take(LOOK_EVERY if self._watching() else None, 1)
        for task in waiting:
            if task is not None:
                self._do(connection, task)
        if self._watching() and time.monotonic() - self._looked >= LOOK_EVERY:
            self._look(connection)
        return None not in waiting

    def _do(self, connection: sqlite3.Connection, task: Task[object]) -> None:
        try:
            task.result = _read(connection, task.call)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the one who waits must hear
            task.error = self._named(error)
        deliver([task])

    def _look(self, connection: sqlite3.Connection) -> None:
        self._looked = time.monotonic()
        try:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return  # whoever reads next is told the reason
        if version != self._version:
            self._version = version
            self._changed()


def _read(connection: sqlite3.Connection, call: Callable[[sqlite3.Connection], T]) -> T:
    """Runs the call on one state of the file."""
    connection.execute("BEGIN")
    try:
        return call(connection)
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")
