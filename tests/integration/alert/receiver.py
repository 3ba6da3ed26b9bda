"""A real web server that receives webhooks and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from standardwebhooks import Webhook


class Received(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The body, if its signature holds; raises otherwise."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Gives the answers in order, the last one again and again. An answer of b"" means silence
    until the sender hangs up."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = list(answers)
        self.received: list[Received] = []
        self._arrived = asyncio.Condition()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def has(self, count: int, seconds: float = 20.0) -> None:
        """Returns when that many webhooks have come; raises TimeoutError."""
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= count)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                received = await _request(reader)
                async with self._arrived:
                    self.received.append(received)
                    self._arrived.notify_all()
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if not answer:
                    await reader.read()
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(first.split(" ")[1], headers, body)


def answer(status: int, *headers: str, length: int = 0) -> bytes:
    """An answer without a body, or the beginning of one of `length` bytes that never comes."""
    lines = [f"HTTP/1.1 {status} Answer", f"Content-Length: {length}", *headers, "", ""]
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def receiving(*answers: bytes) -> AsyncIterator[Receiver]:
    receiver = Receiver(answers or [answer(200)])
    server = await asyncio.start_server(receiver, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver
