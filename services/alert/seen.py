"""Which mentions a watch has seen, so that a repeat changes nothing.

What repeats: a batch whose offsets were not committed before a crash (up to 2,000 mentions, all of
them one watch's in a storm), and posts that collectors read again. What is older than a day needs
no memory here: it is late, and a late mention changes nothing anyway.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from services.alert.detector import LATE_SECONDS

EXACT: Final = 3072
"""So many of the newest ids of a day are always known: a batch and a half."""
TURN: Final = 512
"""Ids are forgotten by so many at once."""
TURN_SECONDS: Final = 3 * 3600.0
"""A quiet watch's turn ends sooner."""
SHELVES: Final = 16
WIDTH: Final = 4
"""Bytes kept of an id. Of at most 4,608 ids a sixteenth stands on a shelf, so that a new id is
taken for a known one once in 15 million mentions of the busiest watches, and less in others."""
_DIGITS: Final = 2 + 2 * WIDTH
"""Of an id: what its shelf and the bytes kept of it are read from."""


class Turn(msgspec.Struct):
    """A finished turn: when it ended, and how many ids it put on each shelf."""

    ended: float
    counts: list[int]


class Seen(msgspec.Struct):
    """The ids of a day, or the newest `EXACT` if there are more.

    Up to 18.5 kB for watches with more than 4,000 mentions a day, four bytes a mention for others.
    The ids are hashes already, so their first digits spread them over the shelves evenly.
    """

    shelves: list[bytearray] = msgspec.field(
        default_factory=lambda: [bytearray() for _ in range(SHELVES)]
    )
    turns: list[Turn] = []
    begun: float = 0.0
    added: int = 0
    """Since the turn began."""

    def is_new(self, mention: str, clock: float) -> bool:
        """Whether this id was not there before, and remembers it; clock: the watch's, the latest
        collection so far, in seconds since 1970."""
        place, mark = _mark(mention)
        shelf = self.shelves[place]
        at = shelf.rfind(mark)
        while at >= 0:
            if at % WIDTH == 0:
                return False
            at = shelf.rfind(mark, 0, at + WIDTH - 1)
        if self.added >= TURN or clock - self.begun >= TURN_SECONDS:
            self._turn(clock)
        shelf += mark
        self.added += 1
        return True

    def _turn(self, clock: float) -> None:
        if self.added:
            known = [sum(turn.counts[place] for turn in self.turns) for place in range(SHELVES)]
            counts = [
                len(shelf) // WIDTH - before
                for shelf, before in zip(self.shelves, known, strict=True)
            ]
            self.turns.append(Turn(clock, counts))
        self.begun, self.added = clock, 0
        kept = sum(sum(turn.counts) for turn in self.turns)
        while self.turns:
            oldest = self.turns[0]
            kept -= sum(oldest.counts)
            if kept < EXACT and oldest.ended > clock - LATE_SECONDS:
                return
            del self.turns[0]
            for shelf, count in zip(self.shelves, oldest.counts, strict=True):
                del shelf[: count * WIDTH]


def _mark(mention: str) -> tuple[int, bytes]:
    """The id's shelf, and what is kept of it. Ids are hexadecimal; anything else is hashed."""
    try:
        mark = bytes.fromhex(mention[:_DIGITS])
    except ValueError:
        mark = b""
    if len(mark) <= WIDTH:
        mark = hashlib.blake2b(mention.encode(), digest_size=WIDTH + 1).digest()
    return mark[0] % SHELVES, mark[1:]
