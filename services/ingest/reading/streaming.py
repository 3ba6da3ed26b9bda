"""From single messages of a stream to batches: what has arrived is handed on at once, together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeVar

T = TypeVar("T")
_AHEAD: Final = 10_000
"""Messages read ahead of who takes them; then the sender has to wait."""


async def together(
    messages: AsyncGenerator[T, None], *, within: float, at_most: int = 1000
) -> AsyncGenerator[list[T], None]:
    """The messages in batches: all that arrive within so many seconds of a batch's first, and at
    most so many. Nothing waits longer than that; an empty batch is never given.

    Ends, or raises, as `messages` does, once everything before that has been handed on.
    """
    arrived: asyncio.Queue[T | None] = asyncio.Queue(_AHEAD)

    async def read_ahead() -> None:
        try:
            async with aclosing(messages):
                async for message in messages:
                    await arrived.put(message)
        finally:
            await _say(arrived, None)

    reader = asyncio.create_task(read_ahead(), name="reading a stream")
    loop = asyncio.get_running_loop()
    try:
        ended = False
        while not ended:
            batch: list[T] = []
            until: float | None = None
            while len(batch) < at_most and not ended:
                try:
                    async with asyncio.timeout_at(until):
                        message = await arrived.get()
                except TimeoutError:
                    break
                if message is None:
                    ended = True
                else:
                    batch.append(message)
                    until = until or loop.time() + within
            if batch:
                yield batch
        await reader
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def side_by_side(streams: Sequence[AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """The messages of all these streams as they come. Ends, or raises, with the first that does."""
    arrived: asyncio.Queue[T | _Ended] = asyncio.Queue(_AHEAD)

    async def read(number: int, messages: AsyncGenerator[T, None]) -> None:
        try:
            async with aclosing(messages):
                async for message in messages:
                    await arrived.put(message)
        finally:
            await _say(arrived, _Ended(number))

    readers = [
        asyncio.create_task(read(number, messages), name="reading one of several streams")
        for number, messages in enumerate(streams)
    ]
    try:
        while not isinstance(message := await arrived.get(), _Ended):
            yield message
        await readers[message.number]
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Ended:
    number: int


async def _say(arrived: asyncio.Queue[T], message: T) -> None:
    """Puts the last message, unless the one who would take it has left: the queue may be full."""
    task = asyncio.current_task()
    if task is None or not task.cancelling():
        await arrived.put(message)
