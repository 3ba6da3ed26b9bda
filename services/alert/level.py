"""The level of a story on the Shitstorm-Skala, judged by the table of `levels.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, erfc, exp, sqrt
from typing import Final, NamedTuple, TypeAlias

import msgspec

from libs.common.events import Measured
from services.alert.level_table import (
    TOP,
    WINDOWS,
    AnyBar,
    Bars,
    CountBar,
    Criterion,
    JoiningBar,
    LevelTable,
    PressBar,
    Rung,
)
from services.alert.storm import HOUR, Audience, Storm

ALERTING: Final = 2
"""From this level on people are told, so it needs several voices, and more than chance gathers."""
DOUBTED: Final = 20
"""Others that are added to those of 10 minutes: a share of a few is chance."""
FEW: Final = 3.0
"""Expected counts below it have tails that no series reckons well."""


class Usual(msgspec.Struct, frozen=True, gc=False):
    """What is usual in the watch at this time of the day and week.

    per_hour: all mentions; critical_per_hour: the critical ones; critical_share: 0 to 1. scatter:
    how much the critical ones vary beyond a Poisson process, in squares of their mean.
    """

    per_hour: float
    critical_share: float
    critical_per_hour: float
    scatter: float = 0.0


class Lacking(msgspec.Struct, frozen=True):
    """What keeps a story from its next level: every one of `all`, and `count` of `some`."""

    all: tuple[Criterion, ...] = ()
    some: tuple[Criterion, ...] = ()
    count: int = 0

    @property
    def steps(self) -> int:
        """How many criteria more have to be reached."""
        return len(self.all) + self.count


class Grade(msgspec.Struct, frozen=True):
    """A level with its evidence.

    holds: the level's own criteria are reached now; if not, it is on its way down. measures:
    every criterion of the table, in its order; there, `holds` says whether the present level's bar
    is reached. missing: what the next level lacks; None on the top level.
    """

    level: int
    holds: bool
    measures: tuple[Measured, ...]
    missing: Lacking | None

    def measured(self, criterion: str) -> Measured:
        return next(measure for measure in self.measures if measure.name == criterion)


Needed: TypeAlias = Callable[[Usual], float]


class Ask(NamedTuple):
    """What a level asks of a criterion.

    least: no less than this, whatever is usual. Most voices are those of small stories, which lack
    even that: to look at it first spares to reckon what chance gathers.
    """

    criterion: Criterion
    least: float
    needed: Needed


class Levels:
    """Judges by one table. Holds no state: that is the storm's."""

    def __init__(self, table: LevelTable) -> None:
        self.table = table
        self._steps = tuple(_Step(rung, table) for rung in table.levels)

    def judge(self, storm: Storm, audience: Audience, usual: Usual, at: float) -> Grade | None:
        """Sets the storm's level anew. Returns the evidence when it has changed, None otherwise.

        To be asked after every voice folded into the storm and, from the minute `storm.looks` on,
        at the watch's other mentions: every five minutes where it has a level that alerts, or as
        many voices as that needs. at: the mention's time, in seconds since 1970; what lies before
        the storm's newest minute does not turn time back.
        """
        minute = int(at // 60)
        if not storm.due(minute):
            return None
        before = storm.level
        storm.pass_to(minute)
        reading = Reading(storm, audience, usual)
        self._settle(storm, reading)
        voices = int(reading["voices"])
        alerts = storm.level >= ALERTING or voices >= self.table.fewest_voices
        storm.was_judged(voices, moves=alerts or storm.failing > 0)
        return self._grade(storm.level, reading) if storm.level != before else None

    def grade(self, storm: Storm, audience: Audience, usual: Usual, at: float) -> Grade:
        """The evidence for the level as it was last judged, as the measures are at this time."""
        storm.pass_to(int(at // 60))
        return self._grade(storm.level, Reading(storm, audience, usual))

    def graded(self, level: int, measures: tuple[Measured, ...]) -> Grade:
        """The grade that these measures were written down for; for a table that has changed since,
        as far as it still knows them."""
        by_name = {measured.name: measured for measured in measures}

        def reached(criterion: Criterion) -> bool:
            measured = by_name.get(criterion)
            return measured is None or measured.next is None or measured.value >= measured.next

        missing = self.lacking(level + 1, reached) if level < TOP else None
        return Grade(level, True, measures, missing)

    def lacking(self, level: int, reached: Callable[[Criterion], bool]) -> Lacking:
        """What that level lacks, 1 to 6."""
        step = self._steps[level - 1]
        some = tuple(ask.criterion for ask in step.some if not reached(ask.criterion))
        count = max(0, step.count - (len(step.some) - len(some)))
        return Lacking(
            tuple(ask.criterion for ask in step.all if not reached(ask.criterion)),
            some if count else (),
            count,
        )

    def reached(self, level: int, criterion: Criterion, reading: Reading) -> bool:
        """Whether that level, 1 to 6, asks for the criterion and it is reached."""
        return self._steps[level - 1].reached(criterion, reading)

    def _settle(self, storm: Storm, reading: Reading) -> None:
        highest = self.highest(reading, storm.level)
        if highest >= storm.level:
            storm.level, storm.failing = highest, 0
            return
        if not storm.failing:
            # With nothing said for an hour, no level that needs voices has held since then.
            storm.failing = min(storm.now, storm.last + HOUR)
        while storm.level and storm.now - storm.failing >= self._steps[storm.level - 1].rests:
            storm.failing += self._steps[storm.level - 1].rests
            storm.level -= 1
            if not storm.level or self._holds(self._steps[storm.level - 1], reading):
                storm.failing = 0
                return

    def highest(self, reading: Reading, level: int = 0) -> int:
        """The highest level that holds; of those below the present one it need not know more than
        that they are below."""
        if reading["voices"] < self.table.fewest_voices:
            return min(1, int(self._steps[0].holds(reading)))
        highest = 0
        for step in self._steps[max(0, level - 1) :]:
            if step.counts_first and not step.holds_some(reading):
                continue
            if not step.holds_all(reading):
                if step.gates:
                    break
            elif step.holds_some(reading):
                highest = step.level
        return highest

    def _grade(self, level: int, reading: Reading) -> Grade:
        present = self._steps[level - 1] if level else None
        following = self._steps[level] if level < TOP else None
        measures = tuple(
            _measured(criterion, reading, present, following) for criterion in MEASURES
        )
        missing = None
        if following is not None:
            missing = self.lacking(level + 1, lambda name: following.reached(name, reading))
        holds = present is None or self._holds(present, reading)
        return Grade(level, holds, measures, missing)

    def _holds(self, step: _Step, reading: Reading) -> bool:
        enough = step.level < ALERTING or reading["voices"] >= self.table.fewest_voices
        return enough and step.holds(reading)


class Reading(dict[Criterion, float]):
    """The measures of a storm at one moment, each taken when first asked for."""

    def __init__(self, storm: Storm, audience: Audience, usual: Usual) -> None:
        self.storm = storm
        self.audience = audience
        self.usual = usual

    def __missing__(self, criterion: Criterion) -> float:
        value = self[criterion] = MEASURES[criterion](self)
        return value


class _Step:
    """A level of the table, ready to be asked.

    gates: what it demands under `all`, every higher level demands too, and no less of it; so where
    that fails, none of them holds. counts_first: what it asks for under `some` are counts, which
    are quicker to look at than shares.
    """

    def __init__(self, rung: Rung, table: LevelTable) -> None:
        self.level = rung.level
        self.rests = int(rung.rests.total_seconds()) // 60
        self.count = rung.some.at_least if rung.some else 0
        some = rung.some.of if rung.some else Bars()
        self.all = tuple(self._ask(name, bar, table) for name, bar in rung.all_.asked())
        self.some = tuple(self._ask(name, bar, table) for name, bar in some.asked())
        self.counts_first = bool(self.some) and all(ask.criterion in WINDOWS for ask in self.some)
        self._asks = {ask.criterion: ask for ask in (*self.all, *self.some)}
        demanded = {ask.criterion for ask in self.all}
        above = table.levels[rung.level :]
        self.gates = all(demanded <= {name for name, _ in up.all_.asked()} for up in above)

    def holds(self, reading: Reading) -> bool:
        return self.holds_all(reading) and self.holds_some(reading)

    def holds_all(self, reading: Reading) -> bool:
        for name, least, needed in self.all:
            value = reading[name]
            if value < least or value < needed(reading.usual):
                return False
        return True

    def holds_some(self, reading: Reading) -> bool:
        wanted = self.count
        for name, least, needed in self.some:
            if not wanted:
                return True
            value = reading[name]
            wanted -= value >= least and value >= needed(reading.usual)
        return not wanted

    def reached(self, criterion: Criterion, reading: Reading) -> bool:
        needed = self.needed(criterion, reading.usual)
        return needed is not None and reading[criterion] >= needed

    def needed(self, criterion: Criterion, usual: Usual) -> float | None:
        """What it asks for; None where it asks for nothing."""
        ask = self._asks.get(criterion)
        return None if ask is None else ask.needed(usual)

    def _ask(self, criterion: Criterion, bar: AnyBar, table: LevelTable) -> Ask:
        if isinstance(bar, PressBar):
            publishers = table.tiers.publishers(bar.tier)
            return Ask(criterion, publishers, _constant(publishers))
        at_least, needed = bar.at_least, _constant(bar.at_least)
        if isinstance(bar, CountBar):
            chance = table.beyond_chance if self.level >= ALERTING else None
            needed = _voices(bar, WINDOWS[criterion], chance)
        elif isinstance(bar, JoiningBar):
            needed = _share(bar)
        return Ask(criterion, at_least, needed)


def _constant(at_least: float) -> Needed:
    return lambda _: at_least


def _voices(bar: CountBar, hours: float, chance: float | None) -> Needed:
    at_least, per_hour = bar.at_least, bar.times_usual * hours
    critical = bar.times_usual_critical
    if not per_hour and not critical and chance is None:
        return _constant(ceil(at_least))

    def needed(usual: Usual) -> float:
        expected = usual.critical_per_hour * hours
        count = max(at_least, per_hour * usual.per_hour, critical * expected)
        if chance is not None:
            count = max(count, beyond_chance(expected, chance, usual.scatter))
        return ceil(count)

    return needed


def _share(bar: JoiningBar) -> Needed:
    at_least, times_usual, at_most = bar.at_least, bar.times_usual, bar.at_most

    def needed(usual: Usual) -> float:
        share = min(usual.critical_share, 0.999)
        odds = times_usual * share / (1.0 - share)
        return max(at_least, min(odds / (1.0 + odds), at_most))

    return needed


def beyond_chance(expected: float, deviations: float, scatter: float = 0.0) -> float:
    """The count that a negative binomial variable of this mean and the variance mean + scatter *
    mean² (without scatter, a Poisson one) exceeds as seldom as a normal one exceeds so many
    standard deviations: exactly where few are expected, else by the first terms of Cornish and
    Fisher (1937)."""
    if expected < FEW:
        return _exactly(expected, deviations, scatter)
    variance = expected + scatter * expected * expected
    skew = (1.0 + 2.0 * scatter * expected) / 6.0
    return expected + deviations * sqrt(variance) + (deviations * deviations - 1.0) * skew


def _exactly(expected: float, deviations: float, scatter: float) -> float:
    seldom = 0.5 * erfc(deviations / sqrt(2.0))
    overdispersed = scatter * expected > 1e-9
    size = 1.0 / scatter if overdispersed else 0.0
    term = (1.0 + scatter * expected) ** -size if overdispersed else exp(-expected)
    left, count = 1.0 - term, 1
    while left > seldom:
        step = expected * (1.0 + scatter * (count - 1)) / (count * (1.0 + scatter * expected))
        term *= step
        left -= term
        count += 1
    return float(count)


def _joining(reading: Reading) -> float:
    """Critical voices of the story among them and all other mentions: of the last hour or of the
    last 10 minutes, whichever is the larger share: what has just broken out has no hour yet."""
    storm, audience = reading.storm, reading.audience
    others = audience.last_hour(storm.now) - storm.posts_last_hour()
    others_now = audience.last_minutes(storm.now) - storm.posts_last_minutes() + DOUBTED
    return max(_part(reading["voices"], others), _part(reading["sudden"], others_now))


def _part(voices: float, others: int) -> float:
    return voices / (voices + max(0, others)) if voices else 0.0


def _growth(reading: Reading) -> float:
    return reading.storm.growth(reading["voices"])


def _lasting(reading: Reading) -> float:
    return reading.storm.lasting(max(3.0, 1.5 * reading.usual.critical_per_hour))


MEASURES: Final[Mapping[Criterion, Callable[[Reading], float]]] = {
    "voices": lambda reading: reading.storm.last_hour(),
    "sudden": lambda reading: reading.storm.last_minutes(),
    "voices_day": lambda reading: reading.storm.last_day(),
    "joining": _joining,
    "growth": _growth,
    "lasting": _lasting,
    "channels": lambda reading: reading.storm.channels_reached(),
    "repeats": lambda reading: reading.storm.repeats(),
    "abuse": lambda reading: reading.storm.abuse(),
    "press": lambda reading: reading.storm.press(),
}


def _measured(
    criterion: Criterion, reading: Reading, present: _Step | None, following: _Step | None
) -> Measured:
    needed = present.needed(criterion, reading.usual) if present else None
    value = reading[criterion]
    return Measured(
        name=criterion,
        value=float(value),
        needed=needed,
        next=following.needed(criterion, reading.usual) if following else None,
        holds=needed is not None and value >= needed,
    )
