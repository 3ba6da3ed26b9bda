"""What happens on a board, one event after the other, for stand-ins that stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from sandbox.platforms.board import Board, Written

What: TypeAlias = Literal["create", "update", "delete"]
_ORDER: Final[tuple[What, ...]] = ("create", "update", "delete")
_LOOK_EVERY: Final = 0.01
"""Seconds between two looks at the board."""


@dataclass(frozen=True, slots=True)
class Happening:
    """The post as it is now: the board does not remember earlier wordings."""

    at: datetime
    what: What
    post: Written


def happenings(board: Board) -> list[Happening]:
    """Everything that ever happened, in order."""
    found: list[Happening] = []
    for post in board.everything():
        found.append(Happening(post.written_at, "create", post))
        if post.edited_at is not None:
            found.append(Happening(post.edited_at, "update", post))
        if post.deleted_at is not None:
            found.append(Happening(post.deleted_at, "delete", post))
    return sorted(found, key=lambda each: (each.at, each.post.number, _ORDER.index(each.what)))


async def as_they_happen(
    board: Board, *, before: list[Happening]
) -> AsyncGenerator[Happening | None, None]:
    """What happens that is not among those of `before`, without end; None after each look."""
    told = {_key(each) for each in before}
    while True:
        for each in happenings(board):
            if _key(each) not in told:
                told.add(_key(each))
                yield each
        yield None
        await asyncio.sleep(_LOOK_EVERY)


def _key(each: Happening) -> tuple[int, What, datetime]:
    return each.post.number, each.what, each.at
