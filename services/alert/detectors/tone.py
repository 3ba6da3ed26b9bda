"""Tone: the share of critical voices shifts, given how many voices there are.

What is usual is a Beta distribution over the share, learned from weeks of voices, from each when
64 others have come after it, and not while the tone is shifted. The critical voices of some recent
windows are held against what a share drawn from it would give (Beta-binomial, for example Gelman et
al., Bayesian Data Analysis, 3rd ed., appendix A): few voices, little knowledge of what is usual,
and days that differ anyway make wide tails.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import msgspec

from services.alert.detector import Finding, Voice

SLOT_SECONDS: Final = 600.0
SLOTS: Final = 36
"""The six hours of the longest window."""
HOUR_SLOTS: Final = 6
LAST: Final = (20, 60)
"""Windows of so many voices, for when there are few."""
REMEMBERED: Final = 64
"""Voices whose tone is kept, one bit each. What is usual is learned from those that drop out, so
that it knows nothing yet of a shift that few voices make in days."""
_BITS: Final = (1 << REMEMBERED) - 1
MEMORY_SECONDS: Final = 56 * 24 * 3600.0
"""What is usual fades with this time constant."""
PRIOR_CRITICAL: Final = 1.0
PRIOR_OTHERS: Final = 2.0
"""Next to nothing known: any share is thinkable, so that a new watch does not alarm."""
CERTAINTY: Final = 400.0
"""Voices. However many were heard, the share of a time is known no better than by so many: it
differs between days and subjects by a few in a hundred."""
LEAST_CERTAINTY: Final = 30.0
"""Of a watch whose share differs by much more, as is learned from its quarters of a day."""
PRIOR_SCATTER: Final = 3000.0
"""Voices in such quarters that `CERTAINTY` is worth before any were seen."""
KNOWN: Final = 200.0
"""Voices from which on the usual share is good enough to measure scatter against it."""
MOST_VOICES: Final = 1000
"""A window of more counts as one of so many with the same share."""
RARE: Final = 1.3
"""Surprise beyond the logarithm of the voices of a year: a shift by chance less than once in
twenty years, if every voice were a new look."""
LEAST_SURPRISE: Final = 4.5
LEAST_CRITICAL: Final = 5
"""Fewer critical voices are no tone."""
GROWN: Final = 1.25
"""The share has to exceed the usual one by a quarter: a surer but smaller shift moves nobody."""
QUIET: Final = 24 * 3600.0
"""Seconds between two findings at least."""
ACCEPTED: Final = 7 * 24 * 3600.0
"""A tone that stays shifted so long is the usual one from then on,"""
ACCEPTED_VOICES: Final = 2.0 * REMEMBERED
"""if so many voices say so."""
BACK: Final = 0.25
"""The shift is over when no more than this part of it is left, in every window."""
HEARD: Final = 64
"""Places to remember who was heard: a voice counts once a day for criticism and once for anything
else, unless one of some 64 others took its place."""
_WHO_BITS: Final = 46
"""Above them stand the day and the tone, so that also small numbers are told apart."""
DAY: Final = 24 * 3600.0
YEAR: Final = 365.25 * DAY


Window: TypeAlias = tuple[int, int]
"""Voices, and how many of them are critical."""


class Shift(msgspec.Struct):
    """A tone that was told of: since when, the share below which it is over, and what has been
    learned since."""

    since: float
    over: float
    critical: float = 0.0
    others: float = 0.0


class Tone(msgspec.Struct):
    """critical, others: voices, faded, that the usual share was learned from. learned: the time
    they stand for. excess, quarters: how much the share of a quarter of a day scatters beyond
    chance, and in how many voices. bits: the tone of the last voices, the newest in the lowest
    bit. slot: the newest of the ten minutes that slots_critical and slots_all count, in a ring.
    sums: what they hold, all and critical of one hour, all and critical of six."""

    critical: float = 0.0
    others: float = 0.0
    learned: float = 0.0
    excess: float = 0.0
    quarters: float = 0.0
    bits: int = 0
    filled: int = 0
    slot: int = 0
    slots_critical: list[int] = msgspec.field(default_factory=lambda: [0] * SLOTS)
    slots_all: list[int] = msgspec.field(default_factory=lambda: [0] * SLOTS)
    sums: list[int] = msgspec.field(default_factory=lambda: [0] * 4)
    heard: list[int] = msgspec.field(default_factory=lambda: [0] * HEARD)
    shift: Shift | None = None
    quiet_until: float = 0.0

    def fold(self, voice: Voice) -> Finding | None:
        at, critical, who = voice.at, voice.critical, voice.who
        slot, newest = int(at // SLOT_SECONDS), self.slot
        if slot > newest:
            self._move_on(slot)
        elif slot <= newest - SLOTS:
            return None
        heard, known = (who ^ (int(at // DAY) * 2 + critical) << _WHO_BITS) & _BITS, self.heard
        place = (who + critical * HEARD // 2) % HEARD
        if known[place] == heard:
            return None
        known[place] = heard
        self._count(slot, critical)
        if not critical or self.shift is not None or at < self.quiet_until:
            return None
        return self._weigh(at)

    def usual(self) -> float:
        """The share that is expected."""
        a, b = self._belief()
        return a / (a + b)

    def _belief(self) -> tuple[float, float]:
        known, certainty = self.critical + self.others, CERTAINTY
        if self.excess > 0.0:
            scatter = PRIOR_SCATTER / CERTAINTY + self.excess
            certainty = (PRIOR_SCATTER + self.quarters) / scatter
            certainty = min(CERTAINTY, max(LEAST_CERTAINTY, certainty))
        scale = certainty / known if known > certainty else 1.0
        return PRIOR_CRITICAL + self.critical * scale, PRIOR_OTHERS + self.others * scale

    def _count(self, slot: int, critical: bool) -> None:
        bits = self.bits
        if self.filled == REMEMBERED:
            self._learn(bits >> (REMEMBERED - 1))
        else:
            self.filled += 1
        self.bits = (bits << 1 | critical) & _BITS
        place, sums = slot % SLOTS, self.sums
        self.slots_all[place] += 1
        sums[2] += 1
        if critical:
            self.slots_critical[place] += 1
            sums[3] += 1
        if slot > self.slot - HOUR_SLOTS:
            sums[0] += 1
            sums[1] += critical

    def _learn(self, critical: int) -> None:
        into: Tone | Shift = self if self.shift is None else self.shift
        if critical:
            into.critical += 1.0
        else:
            into.others += 1.0

    def _weigh(self, at: float) -> Finding | None:
        a, b = self._belief()
        best, surprise = None, 0.0
        for window in self._windows():
            if worth_a_look(window, a, b):
                unlikely = -log10_tail(window, a, b)
                if unlikely > surprise:
                    best, surprise = window, unlikely
        if best is None or surprise < self._needed():
            return None
        (voices, critical), usual = best, a / (a + b)
        share = critical / voices
        self.shift = Shift(at, usual + BACK * (share - usual))
        self.quiet_until = at + QUIET
        numbers = {
            "critical": float(critical),
            "voices": float(voices),
            "share": share,
            "usual_share": usual,
        }
        return Finding(detector="tone", at=at, surprise=surprise, numbers=numbers)

    def _windows(self) -> list[Window]:
        """The recent ones: voices and critical voices of each."""
        hour, hour_critical, six, six_critical = self.sums
        bits, filled = self.bits, self.filled
        lasts = [(n, (bits & ((1 << n) - 1)).bit_count()) for n in LAST if filled >= n]
        return [(hour, hour_critical), (six, six_critical), *lasts]

    def _needed(self) -> float:
        if self.learned <= 0.0:
            return math.inf
        a_year = (self.critical + self.others) / self.learned * YEAR
        return max(LEAST_SURPRISE, RARE + math.log10(max(a_year, 1.0)))

    def _move_on(self, slot: int) -> None:
        passed = slot - self.slot if self.slot else 0
        if self.sums[2]:
            if slot // SLOTS != self.slot // SLOTS and self.shift is None:
                self._learn_scatter()
            self._clear(slot)
        self.slot = slot
        if self.shift is not None:
            self._look_back(self.shift, slot * SLOT_SECONDS)
            return
        faded = math.exp(-passed * SLOT_SECONDS / MEMORY_SECONDS)
        self.critical *= faded
        self.others *= faded
        self.excess *= faded
        self.quarters *= faded
        self.learned = self.learned * faded + passed * SLOT_SECONDS

    def _learn_scatter(self) -> None:
        """By moments: of n voices whose share is itself drawn, with certainty m, the squared
        deviation is 1 + (n - 1) / (m + 1) times that of chance."""
        _, _, voices, critical = self.sums
        if voices < 2 or self.critical + self.others < KNOWN:
            return
        share = self.usual()
        beyond = critical - voices * share
        excess = beyond * beyond / (voices * share * (1.0 - share)) - 1.0
        self.excess += min(excess, (voices - 1.0) / LEAST_CERTAINTY)
        self.quarters += voices - 1.0

    def _clear(self, slot: int) -> None:
        """Makes room for the slots up to this one."""
        every, critical, sums = self.slots_all, self.slots_critical, self.sums
        if slot - self.slot >= SLOTS:
            every[:] = critical[:] = [0] * SLOTS
            sums[:] = [0] * 4
            return
        for begun in range(self.slot + 1, slot + 1):
            place, left = begun % SLOTS, (begun - HOUR_SLOTS) % SLOTS
            sums[0] -= every[left]
            sums[1] -= critical[left]
            sums[2] -= every[place]
            sums[3] -= critical[place]
            every[place] = critical[place] = 0

    def _look_back(self, shift: Shift, at: float) -> None:
        """Whether the shift is over, or has become what is usual."""
        learned = shift.critical + shift.others
        if at - shift.since >= ACCEPTED and learned >= ACCEPTED_VOICES:
            self.critical, self.others = shift.critical, shift.others
            self.learned = at - shift.since
            self.shift = None
        elif at >= self.quiet_until and all(
            critical <= shift.over * voices for voices, critical in self._windows()
        ):
            self.shift = None


def worth_a_look(window: Window, a: float, b: float) -> bool:
    """Whether so many may be rare: three standard deviations above what is expected. Cheap, and
    misses nothing that is rare enough to be told of."""
    voices, critical = window
    share = a / (a + b)
    if critical < LEAST_CRITICAL or critical < GROWN * share * voices:
        return False
    beyond = critical - voices * share
    variance = voices * share * (1.0 - share) * (1.0 + (voices - 1.0) / (a + b + 1.0))
    return beyond * beyond >= 9.0 * variance


def log10_tail(window: Window, a: float, b: float) -> float:
    """log10 of the probability of as many critical voices or more among so many, when the share
    is drawn from Beta(a, b)."""
    voices, critical = window
    if voices > MOST_VOICES:
        voices, critical = MOST_VOICES, int(critical * MOST_VOICES / voices)
    lgamma = math.lgamma
    first = (
        lgamma(voices + 1.0)
        - lgamma(critical + 1.0)
        - lgamma(voices - critical + 1.0)
        + lgamma(critical + a)
        + lgamma(voices - critical + b)
        - lgamma(voices + a + b)
        + lgamma(a + b)
        - lgamma(a)
        - lgamma(b)
    )
    total = term = 1.0
    for k in range(critical, voices):
        term *= (voices - k) * (k + a) / ((k + 1.0) * (voices - k - 1.0 + b))
        total += term
        if term < total * 1e-4:
            break
    return (first + math.log(total)) / math.log(10.0)
