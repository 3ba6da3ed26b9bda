"""A burst: more mentions than any burst of the last weeks had, and more than the hour explains.

Counts of tweets are bursty themselves: ten times the usual rate may happen every third day, and
what deviates by so many sigmas says little. So a watch is measured by its own bursts. Per time
scale the heights of its two greatest bursts are remembered on a logarithmic scale, fade a little
every day, and an alarm asks for a clear margin over them: an estimate of the level that is passed
about once in some weeks, without assuming how heavy the tail is. The second guard is the learned
rhythm: what the hour of the week makes likely by chance is no burst, however quiet the past was.

The scales: ten minutes and an hour of mean counts, for what breaks out; six hours of the mean
logarithm of counts, which single outbursts move little, for what smoulders. Every count is looked
at when it comes, in the bucket that is still open.

Time is cut into buckets of five minutes. However the counts of a bucket come, singly or together,
the same buckets alarm, as long as the buckets come in the same order. A count for one of the last
six hours goes into its own bucket; older ones are ignored.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import msgspec

from services.alert.detectors.burst_peaks import DAY, Peaks
from services.alert.detectors.rhythm import Expected, Rhythm, surprise

BUCKET_SECONDS: Final = 300
SCALES: Final = (2, 12, 72)
"""In buckets. The longest is measured by logarithms."""
MARGIN: Final = 0.35
"""So much higher, as a natural logarithm, than the bursts remembered: 1.4 times as high."""
LEARNING_DAYS: Final = 2.0
"""No alarm before; from then on the margin shrinks to its own with the days seen."""
UNSURE: Final = 1.0
"""What the margin has on top over the days seen."""
LEAST_SURPRISE: Final = 6.0
"""-log10 of the probability that an alarm needs at least, were the counts those of a Poisson
process in the learned rhythm: against chance where little is said. How bursty the watch is besides
is the business of the bar."""
REFRACTORY: Final = DAY
"""Buckets from an alarm until the next burst alarms."""
CALM: Final = 72
"""And so many without a height that would alarm: what goes on is no new burst."""
SECOND_RISE: Final = math.log(5.0)
SECOND_RISE_AFTER: Final = 72
"""Within the refractory time only a burst so much higher than all since its begin alarms again, and
not before so many buckets."""
LEAST_SEEN: Final = 25
"""Per cent: a bucket of which less was observed says nothing."""

_WHOLE: Final = 100
_LONGEST: Final = SCALES[-1]
_HOUR: Final = 12
_UNIT: Final = 1_000_000
"""Logarithms are summed as integers, so that the order of counts leaves no trace."""
_NEVER: Final = math.inf
_UNKNOWN: Final = -math.inf
_OPEN: Final = -1.0
_MOST_LEARNED: Final = 21 * 24
"""Hours of silence that are learned at most."""

Seen = Callable[[float], float]
"""Which part, 0 to 1, of what is usually said was observed at a time."""


class Surge(msgspec.Struct, frozen=True):
    """A burst has begun.

    at: the time of the count that tipped it.
    minutes: the time scale on which it shows.
    count, expected: within these minutes, and what the rhythm says; unobserved parts made up for.
    bar: the count it had to pass. Both are per `minutes`; on the longest scale they are those of
        an even stream of the same mean logarithm.
    surprise: -log10 of the probability of the count under the rhythm.
    """

    at: float
    minutes: int
    count: float
    expected: float
    bar: float
    surprise: float


class Burst(msgspec.Struct):
    """The state for one series of counts.

    bucket: the open one, since 1970; -1 before the first. begun: the first.
    counts, seen: the last six hours by bucket number modulo 72; seen in per cent.
    logs, observed: sum of the logarithms over them, and how many of them were observed.
    partly: how many of them were not observed whole.
    usual: the height of the level of the watch.
    limit: an alarm needs at least this count in the open bucket; below 0 until it is worked out.
    alarmed, rests_until: the bucket of the last alarm, and the end of its refractory time.
    top: how high the burst has been on each scale since.
    passed: the heights of the peaks, which hold until the bucket `passed_until`.
    """

    bucket: int = -1
    begun: int = -1
    counts: list[int] = msgspec.field(default_factory=lambda: [0] * _LONGEST)
    seen: list[int] = msgspec.field(default_factory=lambda: [0] * _LONGEST)
    logs: int = 0
    observed: int = 0
    partly: int = _LONGEST
    usual: float = 0.0
    limit: float = _NEVER
    alarmed: int = -1
    rests_until: int = -1
    top: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(SCALES))
    peaks: list[Peaks] = msgspec.field(default_factory=lambda: [Peaks() for _ in SCALES])
    passed: list[float] = []
    passed_until: int = -1
    rhythm: Rhythm = msgspec.field(default_factory=Rhythm)

    def count(self, at: float, n: int = 1, exposure: float = 1.0) -> Surge | None:
        """Takes in `n` mentions at `at`, in seconds since 1970.

        exposure: which part of what is usually said was observed, 0 to 1, since the last count.
        """
        bucket = int(at // BUCKET_SECONDS)
        if bucket > self.bucket:
            self.advance(at, None if exposure >= 1.0 else lambda _: exposure)
        elif bucket < self.bucket:
            self._late(bucket, n)
            return None
        slot = bucket % _LONGEST
        if exposure < 1.0 and int(exposure * _WHOLE) < self.seen[slot]:
            self._see_less(slot, int(exposure * _WHOLE))
        counted = self.counts[slot] + n
        self.counts[slot] = counted
        if self.limit < 0.0:
            self._set_limit()
        return self._judge(at, counted) if counted >= self.limit else None

    def advance(self, at: float, seen: Seen | None = None) -> None:
        """Closes all buckets before that of `at`.

        seen: what was observed of them, and is of the new one; None: all.
        """
        bucket = int(at // BUCKET_SECONDS)
        if bucket <= self.bucket:
            return
        if self.bucket < 0:
            self.begun = bucket
        else:
            self._settle(self.counts[self.bucket % _LONGEST])
            self._learn_hours(bucket, seen)
            self._pass(min(bucket - self.bucket - 1, _LONGEST), bucket, seen)
        self._open(bucket, seen)

    def _pass(self, skipped: int, bucket: int, seen: Seen | None) -> None:
        """The buckets in which nothing came. In a long silence most replace their like."""
        for empty in range(bucket - skipped, bucket):
            percent, slot = _percent(seen, empty), empty % _LONGEST
            if self.counts[slot] or self.seen[slot] != percent:
                self._replace(empty, percent)

    def _open(self, bucket: int, seen: Seen | None) -> None:
        self.bucket = bucket
        self._replace(bucket, _percent(seen, bucket))
        self.limit = _OPEN

    def _replace(self, bucket: int, percent: int) -> None:
        """Puts an empty bucket in the place of the oldest."""
        slot = bucket % _LONGEST
        before = self.seen[slot]
        if before >= LEAST_SEEN:
            self.observed -= 1
            self.logs -= _log(self.counts[slot], before)
        self.counts[slot] = 0
        self.seen[slot] = percent
        self.partly += (percent < _WHOLE) - (before < _WHOLE)
        if percent >= LEAST_SEEN:
            self.observed += 1

    def _see_less(self, slot: int, percent: int) -> None:
        if self.seen[slot] >= LEAST_SEEN > percent:
            self.observed -= 1
        self.partly += self.seen[slot] == _WHOLE
        self.seen[slot] = percent
        self.limit = _OPEN

    def _late(self, bucket: int, n: int) -> None:
        """A count for a bucket that is closed: it changes what comes next, and alarms no more."""
        if bucket <= self.bucket - _LONGEST or bucket < self.begun:
            return
        slot = bucket % _LONGEST
        seen = self.seen[slot]
        if seen >= LEAST_SEEN:
            self.logs += _log(self.counts[slot] + n, seen) - _log(self.counts[slot], seen)
        self.counts[slot] += n
        self.limit = _OPEN

    def _settle(self, counted: int) -> None:
        """Closes the open bucket: its heights become part of what is remembered."""
        slot = self.bucket % _LONGEST
        if self.seen[slot] < LEAST_SEEN:
            return
        bucket, usual = self.bucket, self.usual
        resting = bucket < self.rests_until
        for scale, (peaks, height) in enumerate(
            zip(self.peaks, self._heights(counted), strict=True)
        ):
            if height == _UNKNOWN:
                continue
            if resting:
                self.top[scale] = max(self.top[scale], height)
                if height >= peaks.height(bucket, usual) + MARGIN:
                    self.rests_until = max(self.rests_until, bucket + CALM)
            if peaks.take(bucket, height, usual):
                self.passed_until = -1
        self.logs += _log(counted, self.seen[slot])

    def _learn_hours(self, bucket: int, seen: Seen | None) -> None:
        """Teaches the rhythm the hours that are over when `bucket` opens."""
        hour, now = self.bucket // _HOUR, bucket // _HOUR
        if hour == now:
            return
        if hour > self.begun // _HOUR or self.begun % _HOUR == 0:
            end = min(hour * _HOUR + _HOUR, bucket)
            slots = [each % _LONGEST for each in range(hour * _HOUR, self.bucket + 1)]
            rest = sum(_percent(seen, each) for each in range(self.bucket + 1, end))
            whole = sum(self.seen[slot] for slot in slots) + rest
            told = sum(self.counts[slot] for slot in slots if self.seen[slot] >= LEAST_SEEN)
            self.rhythm.learn(hour, told, whole / (_WHOLE * _HOUR))
        for silent in range(max(hour + 1, now - _MOST_LEARNED), now):
            observed = 1.0 if seen is None else seen((silent + 0.5) * 3600.0)
            self.rhythm.learn(silent, 0.0, observed)
        self.usual, self.passed_until = math.log1p(self.rhythm.level / _HOUR), -1

    def _heights(self, counted: int) -> list[float]:
        """How high the window of each scale is that ends with the open bucket, if so many are
        counted in it."""
        heights = []
        for width in SCALES[:-1]:
            before, seen = self._window(width)
            heights.append(math.log1p(_WHOLE * (before + counted) / seen))
        if self.observed < _LONGEST // 2:
            return [*heights, _UNKNOWN]
        newest = _log(counted, self.seen[self.bucket % _LONGEST])
        return [*heights, (self.logs + newest) / (_UNIT * self.observed)]

    def _window(self, width: int) -> tuple[int, int]:
        """What was counted in the window before the open bucket, and how much of all was seen."""
        counts, seen, bucket = self.counts, self.seen, self.bucket
        if not self.partly:
            end = bucket % _LONGEST
            begin = end - width + 1
            before = sum(counts[max(0, begin) : end])
            return before + (sum(counts[begin:]) if begin < 0 else 0), _WHOLE * width
        before, observed = 0, seen[bucket % _LONGEST]
        for each in range(bucket - width + 1, bucket):
            slot = each % _LONGEST
            if seen[slot] >= LEAST_SEEN:
                before += counts[slot]
                observed += seen[slot]
        return before, max(observed, _WHOLE * width // 2)

    def _bars(self) -> list[float]:
        """The heights from which the scales alarm; none while nothing alarms."""
        age = (self.bucket - self.begun) / DAY
        if age < LEARNING_DAYS:
            return []
        if self.bucket >= self.passed_until:
            self.passed = [peaks.height(self.bucket, self.usual) for peaks in self.peaks]
            self.passed_until = min(peaks.fades_at for peaks in self.peaks)
        bars = [height + MARGIN + UNSURE / age for height in self.passed]
        if self.bucket >= self.rests_until:
            return bars
        if self.bucket < self.alarmed + SECOND_RISE_AFTER:
            return []
        return [max(bar, top + SECOND_RISE) for bar, top in zip(bars, self.top, strict=True)]

    def _set_limit(self) -> None:
        """The least count of the open bucket with which some scale alarms."""
        least = _NEVER
        seen_now = self.seen[self.bucket % _LONGEST]
        if seen_now >= LEAST_SEEN:
            for bar, width in zip(self._bars(), SCALES, strict=False):
                if bar == _NEVER:
                    continue
                if width == _LONGEST:
                    if self.observed < _LONGEST // 2:
                        continue
                    density = bar * self.observed - self.logs / _UNIT
                    needed = math.expm1(min(density, 50.0)) * seen_now / _WHOLE
                else:
                    before, seen = self._window(width)
                    needed = math.expm1(bar) * seen / _WHOLE - before
                least = min(least, needed)
        self.limit = max(0.0, least)

    def _judge(self, at: float, counted: int) -> Surge | None:
        """The scale that surprises most, of those over their bars. An alarm begins an episode."""
        found: Surge | None = None
        heights = self._heights(counted)
        for scale, bar in enumerate(self._bars()):
            if heights[scale] < bar:
                continue
            surge = self._surge(at, scale, bar, counted)
            if surge is not None and (found is None or surge.surprise > found.surprise):
                found = surge
        if found is None:
            return None
        self.alarmed, self.top, self.limit = self.bucket, heights, _NEVER
        self.rests_until = self.bucket + REFRACTORY
        return found

    def _surge(self, at: float, scale: int, bar: float, counted: int) -> Surge | None:
        """None if the rhythm makes it likely by chance."""
        width = SCALES[scale]
        expected = self._expected(width)
        before, seen = self._window(width)
        count = (before + counted) * _WHOLE * width / seen
        if surprise(count, expected.mean, expected.unsure) < LEAST_SURPRISE:
            return None
        return Surge(
            at=at,
            minutes=width * BUCKET_SECONDS // 60,
            count=count,
            expected=expected.mean,
            bar=math.expm1(bar) * width,
            surprise=surprise(count, expected.mean, expected.scatter),
        )

    def _expected(self, width: int) -> Expected:
        """Of a window that ends with the open bucket."""
        hour = self.bucket // _HOUR
        parts = [self.rhythm.expected(hour - back) for back in range(max(1, width // _HOUR))]
        mean = sum(part.mean for part in parts) * width / (_HOUR * len(parts))
        scatter = sum(part.scatter for part in parts) / len(parts)
        return Expected(mean, scatter, sum(part.unsure for part in parts) / len(parts))


def _percent(seen: Seen | None, bucket: int) -> int:
    return _WHOLE if seen is None else int(_WHOLE * seen((bucket + 0.5) * BUCKET_SECONDS))


def _log(count: int, seen: int) -> int:
    """log(1 + count), unobserved parts made up for; 0 for what was hardly observed."""
    return round(math.log1p(count * _WHOLE / seen) * _UNIT) if count and seen >= LEAST_SEEN else 0
