"""What platforms that deliver have in common: what happened on a board, in signed requests."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from sandbox.platforms.board import Written


@dataclass(frozen=True, slots=True)
class Happened:
    """Something happened to a post; `post` is as it stands after that."""

    what: Literal["written", "edited", "deleted"]
    post: Written

    @property
    def at(self) -> datetime:
        post = self.post
        return {
            "written": post.written_at,
            "edited": post.edited_at or post.written_at,
            "deleted": post.deleted_at or post.written_at,
        }[self.what]


class Sender(Protocol):
    """A platform that delivers what happens on a board."""

    def greeting(self) -> Mapping[str, str]:
        """The query of the request by which it finds out that an address is ours."""
        ...

    def accepts(self, answer: bytes) -> bool:
        """Whether this answers the last greeting."""
        ...

    def bodies(self, happened: Sequence[Happened]) -> list[bytes]:
        """What it delivers of this, in as many requests as it needs."""
        ...

    def signed(self, body: bytes) -> Mapping[str, str]:
        """The headers of a request with this body."""
        ...


def in_batches(happened: Sequence[Happened], size: int) -> list[Sequence[Happened]]:
    return [happened[start : start + size] for start in range(0, len(happened), size)]


def hmac_sha256(secret: str, content: bytes) -> bytes:
    return hmac.new(secret.encode(), content, hashlib.sha256).digest()
