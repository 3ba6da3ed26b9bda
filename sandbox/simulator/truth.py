"""What really happened in a simulated stream, for judges: nothing of it stands in the events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec

Shape: TypeAlias = Literal["sudden", "slow_burn"]
Circumstance: TypeAlias = Literal["none", "pair", "marketing", "night", "outage"]
"""What else was going on: a second storm about something else, a marketing peak, the night, an
outage of one of the sources."""
SpellKind: TypeAlias = Literal["good_news", "match_day", "giveaway", "press_day"]


class Step(msgspec.Struct, frozen=True):
    """From this minute on, in minutes since the simulation's begin, the level is `level`."""

    minute: int
    level: int


class StormTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One storm.

    begin, end: the first and the last minute with a voice of it, in minutes since the simulation's
    begin. onset: the first minute whose true level is 2 or more; None for a storm of level 1.
    levels: the true level as its change points. members: how many mentions it consists of.
    """

    id: str
    watch: str
    theme: str
    name: str
    shape: Shape
    circumstance: Circumstance
    peak: int
    begin: int
    end: int
    onset: int | None
    levels: tuple[Step, ...]
    members: int = 0

    def level_at(self, minute: float) -> int:
        """The true level at a minute since the simulation's begin; 0 outside the storm."""
        level = 0
        for step in self.levels:
            if step.minute > minute:
                break
            level = step.level
        return level


class Spell(msgspec.Struct, frozen=True, kw_only=True):
    """Times at which more is said than usual, and nothing burns.

    begin, end: minutes since the simulation's begin. factor: how many times the usual number of
    mentions is added at its height. lasting: the minutes in which it falls to a third.
    """

    id: str
    kind: SpellKind
    begin: int
    end: int
    factor: float
    lasting: float


class CampaignTruth(msgspec.Struct, frozen=True, kw_only=True):
    """Copies and rewrites of one text by many accounts. members: the mentions' ids."""

    id: str
    kind: Literal["reviews", "bots"]
    platform: str
    begin: int
    end: int
    copies: int
    members: tuple[str, ...] = ()


class OutageTruth(msgspec.Struct, frozen=True, kw_only=True):
    """A source that could not be read from `begin` to `end`, in minutes. late: mentions read after
    its end; lost: those that never were."""

    id: str
    source: str
    begin: int
    end: int
    late: int = 0
    lost: int = 0


class DangerTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One mention outside any storm that really speaks of a danger."""

    mention: str
    at: datetime
    theme: str
    severity: float


class WatchTruth(msgspec.Struct, kw_only=True):
    """All that happened to one watch. The counts and ids of members are whole once its stream has
    been read to the end.

    per_hour: ordinary mentions at the begin; drift and changes of level move it.
    """

    watch: str
    industry: str
    per_hour: float
    begin: datetime
    days: int
    storms: tuple[StormTruth, ...]
    spells: tuple[Spell, ...]
    campaigns: tuple[CampaignTruth, ...]
    outages: tuple[OutageTruth, ...]
    level_shifts: tuple[int, ...]
    """Minutes at which the usual number of mentions changed for good."""
    dangers: list[DangerTruth] = msgspec.field(default_factory=list)
    mentions: int = 0

    def minute(self, at: datetime) -> float:
        """A moment in minutes since the simulation's begin."""
        return (at - self.begin).total_seconds() / 60.0

    def moment(self, minute: float) -> datetime:
        """The moment so many minutes after the simulation's begin."""
        return datetime.fromtimestamp(self.begin.timestamp() + minute * 60.0, UTC)
