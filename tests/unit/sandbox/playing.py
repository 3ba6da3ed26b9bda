"""What the sandbox's tests are built from: a clock in the hand, posts, and a client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import msgspec

from sandbox.server import Sandbox, create_app, create_sandbox
from sandbox.story import Post, Story

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
ADDRESS = "http://sandbox.test"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwTGV9bHnIuE8="


@dataclass
class Hand:
    """A clock that moves when it is told to."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def a_post(**changes: object) -> Post:
    """A forum post that appears at the start of the story."""
    return msgspec.convert({"feed": "forum", "text": "Läuft gut."} | changes, Post)


def a_story(*posts: Post) -> Story:
    return Story("test", tuple(sorted(posts, key=lambda post: post.at)))


def a_sandbox(*posts: Post, clock: Hand | None = None) -> Sandbox:
    return create_sandbox(a_story(*posts), clock=clock or Hand(), webhook_secret=SECRET)


@asynccontextmanager
async def visiting(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the sandbox's application, without a server between them."""
    transport = httpx.ASGITransport(create_app(sandbox))
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        yield client
