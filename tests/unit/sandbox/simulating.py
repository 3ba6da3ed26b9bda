"""Small simulations for tests, with nothing in them that was not asked for."""

from __future__ import annotations

from functools import cache

from libs.common.events import ClassifiedMention
from sandbox.simulator.settings import PerYear, Settings
from sandbox.simulator.stream import WatchStream
from sandbox.simulator.texts import Library, read_library
from sandbox.simulator.writing import Simulated

QUIET = PerYear(
    good_news=0,
    match_days=0,
    giveaways=0,
    press_days=0,
    fake_reviews=0,
    bots=0,
    outages=0,
    level_shifts=0,
)


@cache
def library() -> Library:
    return read_library()


def settings(
    *,
    seed: int = 3,
    days: int = 12,
    watches: int = 1,
    storms: int = 0,
    confusion: float = 0.0,
    dangers: float = 0.0,
    raw: bool = False,
    per_year: PerYear = QUIET,
) -> Settings:
    """One watch with 20 mentions an hour, nothing else, and a classifier that is always right."""
    return Settings(
        seed=seed,
        days=days,
        watches=watches,
        storms=storms,
        confusion=confusion,
        dangers=dangers,
        raw=raw,
        per_year=per_year,
    )


@cache
def simulated(of: Settings, number: int = 0) -> tuple[WatchStream, list[Simulated]]:
    """The stream of one watch, read to its end, and its events; nobody changes either."""
    stream = WatchStream(of, number, library())
    return stream, list(stream)


def mentions(events: list[Simulated]) -> list[ClassifiedMention]:
    return [one.event for one in events if isinstance(one.event, ClassifiedMention)]
