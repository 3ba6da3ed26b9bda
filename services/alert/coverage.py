"""Which sources could not be read when, as they reported it: unobserved is not zero."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import msgspec

from libs.common.events import SourceHealthChanged
from services.alert.detector import seconds

KEPT: Final = timedelta(days=8).total_seconds()
"""Longer ago than a late mention may be, and than a restart replays."""
MOST_SPELLS: Final = 32
"""Of one source. Of one that is ill more often, the oldest spells are forgotten."""
MOST_SOURCES: Final = 1_000
_EMPTY: Final[frozenset[str]] = frozenset()


class Spell(msgspec.Struct):
    """A source was ill from `since` until `until`, in seconds since 1970; None: it still is."""

    since: float
    until: float | None


class History(msgspec.Struct):
    """told_at: when its newest report was told. spells: in the order of time."""

    told_at: float
    spells: list[Spell]


class Ledger(msgspec.Struct):
    """A fold over the reports of all sources. A report that came again changes nothing, and one
    that was overtaken by a newer one neither.

    last_blind: after this nobody is known to be ill. It spares the look at every source.
    """

    sources: dict[str, History] = {}
    last_blind: float = -1.0

    def fold(self, change: SourceHealthChanged) -> None:
        """Takes a report in."""
        told_at, since = seconds(change.at), seconds(change.since)
        history = self.sources.get(change.source)
        if history is None:
            if change.well:
                return
            history = self.sources[change.source] = History(told_at, [])
        elif told_at <= history.told_at:
            return
        history.told_at = told_at
        spells = history.spells
        still_ill = bool(spells) and spells[-1].until is None
        if change.well and still_ill:
            spells[-1].until = max(since, spells[-1].since)
        elif not change.well and not still_ill:
            begin = max(since, _end(spells[-1])) if spells else since
            spells.append(Spell(begin, None))
            del spells[:-MOST_SPELLS]
        self._forget(told_at)

    def blind(self, at: float) -> frozenset[str]:
        """The sources of which nothing could be read at this time, as far as is known by now."""
        if at >= self.last_blind:
            return _EMPTY
        return frozenset(source for source, spells in self._all() if _ill(spells, at))

    def _all(self) -> Iterator[tuple[str, list[Spell]]]:
        return ((source, history.spells) for source, history in self.sources.items())

    def _forget(self, now: float) -> None:
        """Drops what is over for long, and then the sources of which nothing is left."""
        for history in self.sources.values():
            history.spells = [each for each in history.spells if _end(each) > now - KEPT]
        kept = {name: each for name, each in self.sources.items() if each.spells}
        if len(kept) > MOST_SOURCES:
            newest = sorted(kept, key=lambda name: kept[name].told_at)[-MOST_SOURCES:]
            kept = {name: kept[name] for name in kept if name in frozenset(newest)}
        self.sources = kept
        ends = [_end(spells[-1]) for _, spells in self._all()]
        self.last_blind = max(ends, default=-1.0)


def _end(spell: Spell) -> float:
    return float("inf") if spell.until is None else spell.until


def _ill(spells: list[Spell], at: float) -> bool:
    return any(spell.since <= at < _end(spell) for spell in spells)
