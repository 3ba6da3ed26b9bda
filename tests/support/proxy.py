"""A TCP proxy before a Kafka broker that swallows acknowledgements: the broker has written the
records, the publisher never hears of it, and the connection breaks."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

PRODUCE: Final = 0
"""The API key of the request that carries records."""


class Proxy:
    """Takes Kafka's frames apart: four bytes of length, then in a request the API key (2), its
    version (2) and the correlation id (4), in a response the correlation id.

    `swallowed` counts the acknowledgements that were kept back.
    """

    def __init__(self, target: int, swallows: Callable[[int], bool]) -> None:
        """swallows: told the number of an acknowledgement, counted from 1, whether to keep it
        back and break the connection."""
        self._target = target
        self._swallows = swallows
        self._acknowledgements = 0
        self.swallowed = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it or the proxy breaks it."""
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        produced: set[bytes] = set()
        ways = [
            asyncio.create_task(self._requests(reader, back, produced)),
            asyncio.create_task(self._responses(there, writer, produced)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.close()
            writer.close()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, produced: set[bytes]
    ) -> None:
        while True:
            frame = await _frame(reader)
            if struct.unpack_from(">h", frame) == (PRODUCE,):
                produced.add(frame[4:8])
            await _forward(writer, frame)

    async def _responses(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, produced: set[bytes]
    ) -> None:
        while True:
            frame = await _frame(reader)
            if frame[:4] in produced:
                produced.discard(frame[:4])
                self._acknowledgements += 1
                if self._swallows(self._acknowledgements):
                    self.swallowed += 1
                    return
            await _forward(writer, frame)


@asynccontextmanager
async def proxy(port: int, target: int, swallows: Callable[[int], bool]) -> AsyncIterator[Proxy]:
    """Listens on a loopback port and forwards to another."""
    made = Proxy(target, swallows)
    server = await asyncio.start_server(made.serve, "127.0.0.1", port)
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


async def _forward(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)
    await writer.drain()
