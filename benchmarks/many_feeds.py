"""A server of unchanged feeds on many loopback addresses: `python -m benchmarks.many_feeds PORT`.

Every hundredth answer is the feed itself, changed; the others are 304.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from itertools import count
from typing import Final

HOSTS: Final = 200
_CHANGED: Final = 100


def address(host: int) -> str:
    """The loopback address of one of the hosts, from 0 on."""
    return f"127.0.1.{host + 1}"


class Feeds(asyncio.Protocol):
    """Answers requests as fast as they come; a request is never split in practice."""

    _answers = count(1)
    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        number = next(Feeds._answers)
        if b"if-none-match" in data.lower() and number % _CHANGED:
            self._transport.write(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')
            return
        now = datetime.now(UTC).isoformat()
        body = (
            '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>F</title>'
            f"<entry><id>e{number}</id><title>Motorrad {number}</title><updated>{now}</updated>"
            "<content>Ein Motorrad.</content></entry></feed>"
        ).encode()
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/atom+xml\r\n"
            f'ETag: "{number}"\r\nContent-Length: {len(body)}\r\n\r\n'
        )
        self._transport.write(head.encode() + body)


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    for host in range(HOSTS):
        await loop.create_server(Feeds, address(host), port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
