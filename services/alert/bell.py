"""Wakes the loops that look after new rows, so that nothing waits for the next look."""

from __future__ import annotations

import asyncio
import contextlib


class Bell:
    """Rung after a commit; whoever listens looks into the store at once.

    Rows written by another process are found by looking now and then, so a missed ring delays
    and never loses.
    """

    def __init__(self) -> None:
        self._listeners: list[asyncio.Event] = []

    def listen(self) -> Listener:
        event = asyncio.Event()
        self._listeners.append(event)
        return Listener(event)

    def ring(self) -> None:
        for event in self._listeners:
            event.set()


class Listener:
    """One loop's ear."""

    def __init__(self, rung: asyncio.Event) -> None:
        self._rung = rung

    async def wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Returns when the bell rang since the last wait, `stop` is set or the time is over."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._rung, stop)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            for task in waiting:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._rung.clear()
