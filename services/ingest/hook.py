"""What a hook is: a source that is not read, but delivers to us.

A hook holds no state. It judges one request from its platform: whether it is really from there,
and what it says. The signature is over the bytes as they came, so it is checked before anything is
read. Who takes deliveries (`hooks_api.py`) publishes what they say before the platform gets its
good answer; whatever was not published is delivered again.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec
from pydantic import Field, SecretStr

from libs.common.errors import BrandmelderError
from services.ingest.failure import CollectionFailed, Unreadable
from services.ingest.post import Deletion, Post

T = TypeVar("T")
_MOST_REMEMBERED: Final = 2000
"""Edits and deletions of which a source remembers the time."""

SigningSecret: TypeAlias = Annotated[SecretStr, Field(min_length=8)]
"""What a platform signs its deliveries with. With an empty one, as from a variable that is set to
nothing, anybody could."""
Reason: TypeAlias = Literal["signature", "token", "unknown"]
Skipped: TypeAlias = Literal[
    "no post", "no text", "own", "hidden", "gone", "not allowed", "no access token"
]
"""Why a part of a delivery is left out: it is a reaction or the like, it says nothing, one's own
account wrote it, one's own page hid it, it cannot be seen any more or not by us, or looking it up
needs a token that is not configured."""


class Denied(BrandmelderError):
    """A request that is answered with a refusal: nothing of it is believed.

    reason: for the metric. status: of the answer.
    """

    def __init__(self, reason: Reason, detail: str, status: int = 403) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """A request of a platform. key: the part of the path behind the source's id; empty when there
    is none. headers: names in lower case. body: as it came."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    key: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform gets to hear."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Change:
    """A post that was written or edited, or one that is gone. at: when that happened; None when the
    platform does not say."""

    what: Post | Deletion
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a request said.

    failure: a part of it could not be completed, so the platform is asked to deliver it again; the
    rest is taken all the same. ignored: it carried a wrong signature, is answered as if it were
    good, and has no changes. skipped: what was left out, for the metric.
    """

    changes: tuple[Change, ...] = ()
    answer: Answer = Answer()
    failure: CollectionFailed | None = None
    ignored: bool = False
    skipped: tuple[Skipped, ...] = ()


@runtime_checkable
class Hook(Protocol):
    """A place that delivers its posts to us."""

    async def handshake(self, call: Call) -> Answer:
        """The answer to a GET, by which a platform finds out that the address is ours.

        Raises Denied, Retryable.
        """
        ...

    async def receive(self, call: Call) -> Delivery:
        """What a POST says. Raises Denied, CollectionFailed, Retryable."""
        ...


def signature(secret: str, content: bytes, method: str = "sha256") -> bytes:
    """HMAC of the content."""
    return hmac.new(secret.encode(), content, method).digest()


def same(expected: str, given: str) -> bool:
    """Whether both are equal, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def decoded(body: bytes, shape: type[T]) -> T:
    """The JSON of a request whose signature is good. Raises Unreadable when it is not of this
    shape."""
    try:
        return msgspec.json.decode(body, type=shape, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"a delivery is not the JSON that was expected: {error}"[:300]) from None


class Memory(msgspec.Struct, frozen=True, omit_defaults=True):
    """When posts were last edited or deleted: a source's cursor, for deliveries that overtake one
    another. By platform and id: microseconds since 1970, and whether it was a deletion; the one
    that was touched last stands last."""

    changed: dict[str, tuple[int, bool]] = {}


@dataclass(frozen=True, slots=True)
class Settled:
    """What is left of changes once their order is known."""

    posts: tuple[Post, ...]
    deletions: tuple[Deletion, ...]
    memory: Memory


def settled(changes: Iterable[Change], memory: Memory) -> Settled:
    """The last state of each post: what came late changes nothing that is newer, and a deleted
    post does not come back. Of two changes at the same time a deletion holds."""
    known = dict(memory.changed)
    last: dict[str, Post | Deletion] = {}
    for change in sorted(changes, key=lambda change: change.at or _NEVER):
        what = change.what
        key = f"{what.platform} {what.native_id}"
        if change.at is None:
            last[key] = what
            continue
        at, is_deletion = _micros(change.at), isinstance(what, Deletion)
        known_at, was_deleted = known.get(key, (0, False))
        if at < known_at or (at == known_at and was_deleted and not is_deletion):
            continue
        last[key] = what
        if is_deletion or key in known or _is_edit(what):
            known.pop(key, None)
            known[key] = (at, is_deletion)
    newest = list(known.items())[-_MOST_REMEMBERED:]
    return Settled(
        posts=tuple(what for what in last.values() if isinstance(what, Post)),
        deletions=tuple(what for what in last.values() if isinstance(what, Deletion)),
        memory=Memory(dict(newest)),
    )


_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _micros(at: datetime) -> int:
    return int((at - _NEVER).total_seconds() * 1_000_000)


def _is_edit(what: Post | Deletion) -> bool:
    return isinstance(what, Post) and what.edited_at is not None
