"""Who writes: crowds of accounts of which few write much and most write once."""

from __future__ import annotations

import hashlib
from functools import cache
from math import exp
from statistics import NormalDist
from typing import Final

from libs.common.events import Author

_ACTIVE: Final = 3.0
"""How unevenly a crowd writes: with the third power, the most active tenth writes 46 % of all."""


class Crowd:
    """The accounts of one channel of one watch, each made when it first writes.

    fame: mean and standard deviation of the logarithm of their followers.
    """

    def __init__(
        self, name: str, size: int, seed: int, fame: tuple[float, float] = (5.0, 1.7)
    ) -> None:
        self._name = name
        self._size = max(3, size)
        self._seed = seed
        self._fame = fame
        self._known: dict[int, Author] = {}

    def __len__(self) -> int:
        return len(self._known)

    def at(self, share: float) -> Author:
        """The account at a share, from 0 to 1, that is drawn evenly."""
        return self.number(int(self._size * share**_ACTIVE))

    def number(self, number: int) -> Author:
        """An account by its number, any from 0 on."""
        known = self._known.get(number)
        if known is None:
            known = self._known[number] = self._made(number)
        return known

    def _made(self, number: int) -> Author:
        key = hashlib.blake2b(f"{self._name}/{number}/{self._seed}".encode(), digest_size=16)
        digest = key.hexdigest()
        followers = _followers(self._fame)[int(digest[:3], 16)] + int(digest[3:5], 16) % 7
        return Author(key=digest, handle=f"u{digest[:9]}", followers=followers)


@cache
def _followers(fame: tuple[float, float]) -> list[int]:
    """4,096 quantiles of a log-normal distribution."""
    normal = NormalDist(*fame)
    return [min(int(exp(normal.inv_cdf((step + 0.5) / 4096))), 30_000_000) for step in range(4096)]
