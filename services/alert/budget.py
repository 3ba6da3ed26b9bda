"""What the pager costs and what it is worth: pages per rule and week against a budget, what people
said of them, and which threshold would have spared the noise.

Pure: a proposal is a sentence for a person. Nothing here changes a threshold.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from libs.common.events import IncidentEvent, IncidentOpened, LevelChanged, Paged

WEEK: Final = timedelta(days=7)
ENOUGH_RATED: Final = 5
"""Fewer words from people are too few to propose anything from."""


class Alarm(NamedTuple):
    """One time that people were paged, however many of them.

    rule: what raised it. noise: what a person said of the incident, None if nobody did.
    measures: what a threshold could be set on: severity, reach and what its detector measured.
    """

    rule: str
    at: datetime
    noise: bool | None
    measures: Mapping[str, float]


class Proposal(NamedTuple):
    """A threshold that would have spared noise and kept all that was worth it.

    spared, of_noise: alarms called noise below it, of how many; kept: those worth it.
    """

    measure: str
    at_least: float
    spared: int
    of_noise: int
    kept: int


class Cost(NamedTuple):
    """A rule's pages. weeks: alarms per week, the newest week first."""

    rule: str
    budget: int
    weeks: tuple[int, ...]
    noise: int
    useful: int
    unrated: int
    proposal: Proposal | None

    @property
    def over(self) -> bool:
        """More in the last seven days than was allowed."""
        return self.weeks[0] > self.budget


def alarms_of(
    events: Sequence[IncidentEvent], noise: bool | None, opening: Mapping[str, float]
) -> Iterable[Alarm]:
    """The alarms of one incident, from its events in order.

    opening: what is known of the mention that opened it.
    """
    rule, measures = "", dict(opening)
    told: set[datetime] = set()
    for event in events:
        match event:
            case IncidentOpened():
                rule = event.rule
                measures |= event.numbers
            case LevelChanged() if event.rule is not None:
                rule = event.rule
                measures |= {measured.name: measured.value for measured in event.measures}
            case Paged() if event.cause in ("opened", "worsened") and event.at not in told:
                told.add(event.at)
                yield Alarm(rule, event.at, noise, dict(measures))


def costs(
    alarms: Iterable[Alarm], budgets: Mapping[str, int], weeks: int, now: datetime
) -> list[Cost]:
    """One per rule of `budgets`, in its order, over the last `weeks` weeks of seven days."""
    found: dict[str, list[Alarm]] = {rule: [] for rule in budgets}
    for alarm in alarms:
        if alarm.rule in found and now - weeks * WEEK < alarm.at <= now:
            found[alarm.rule].append(alarm)
    return [_cost(rule, budgets[rule], found[rule], weeks, now) for rule in budgets]


def _cost(rule: str, budget: int, alarms: Sequence[Alarm], weeks: int, now: datetime) -> Cost:
    per_week = Counter((now - alarm.at) // WEEK for alarm in alarms)
    said = Counter(alarm.noise for alarm in alarms)
    return Cost(
        rule=rule,
        budget=budget,
        weeks=tuple(per_week[week] for week in range(weeks)),
        noise=said[True],
        useful=said[False],
        unrated=said[None],
        proposal=propose(alarms),
    )


def propose(alarms: Sequence[Alarm]) -> Proposal | None:
    """The threshold on one measure that spares most noise without losing what was worth it; None
    while too little was said, or no threshold spares any."""
    rated = [alarm for alarm in alarms if alarm.noise is not None]
    if len(rated) < ENOUGH_RATED:
        return None
    names = sorted({name for alarm in rated for name in alarm.measures})
    proposals = [proposal for name in names if (proposal := _threshold(rated, name)) is not None]
    return max(proposals, key=lambda proposal: proposal.spared, default=None)


def _threshold(rated: Sequence[Alarm], measure: str) -> Proposal | None:
    """On this measure: the smallest value of what was worth it, rounded down to two digits that
    count."""
    useful = [alarm for alarm in rated if not alarm.noise]
    noise = [alarm for alarm in rated if alarm.noise]
    values = [alarm.measures.get(measure) for alarm in useful]
    lowest = min((value for value in values if value is not None), default=None)
    if lowest is None or None in values or lowest <= 0:
        return None
    at_least = _rounded_down(lowest)
    spared = sum(alarm.measures.get(measure, math.inf) < at_least for alarm in noise)
    if spared == 0:
        return None
    return Proposal(measure, at_least, spared, len(noise), len(useful))


def _rounded_down(value: float) -> float:
    step: float = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.floor(value / step + 1e-9) * step, 10)
