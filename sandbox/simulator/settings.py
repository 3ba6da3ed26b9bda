"""What is simulated: how many watches for how long, and what happens to them how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

SLOWEST: Final = 2 / 24
FASTEST: Final = 120.0
"""Ordinary mentions an hour of the quietest and of the busiest watch; the others lie evenly
between them on a scale of logarithms."""


@dataclass(frozen=True, slots=True)
class PerYear:
    """How often something happens to a watch in a year, on average."""

    good_news: float = 4.0
    match_days: float = 8.0
    giveaways: float = 4.0
    press_days: float = 6.0
    fake_reviews: float = 2.0
    bots: float = 3.0
    outages: float = 6.0
    level_shifts: float = 0.6


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole simulation.

    storms: of one watch, over the whole time. confusion: the share of mentions that the classifier
    labels wrongly. false_danger: the share of ordinary mentions that it takes for a crisis
    candidate (part of `confusion`); our classifier does so with 1 % of strangers' tweets to brands
    and with 4 % of tweets to a railway; most of what a watch collects is easier. dangers: the share
    of ordinary mentions that truly are crisis candidates. raw: mentions without a classification.
    """

    seed: int = 7
    begin: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    days: int = 30
    watches: int = 3
    storms: int = 4
    confusion: float = 0.15
    false_danger: float = 0.004
    dangers: float = 0.0003
    german: float = 0.6
    raw: bool = False
    per_year: PerYear = field(default_factory=PerYear)

    def __post_init__(self) -> None:
        if not 0 <= self.confusion < 1 or not 0 <= self.false_danger <= 1:
            raise ValueError("confusion and false_danger are shares, from 0 to 1")
        if self.days < 1 or self.watches < 1 or self.storms < 0:
            raise ValueError("expected at least one day and one watch, and no negative storms")
        if self.begin.tzinfo is None:
            raise ValueError("begin has to be an aware datetime")

    @property
    def years(self) -> float:
        return self.days / 365.25


def watch_id(number: int) -> str:
    """The id of a watch by its place, 0 for the quietest."""
    return f"watch-{number + 1:02}"


def per_hour(settings: Settings, number: int) -> float:
    """Ordinary mentions an hour of a watch by its place."""
    if settings.watches == 1:
        return 20.0
    share = number / (settings.watches - 1)
    return float(SLOWEST * (FASTEST / SLOWEST) ** share)
