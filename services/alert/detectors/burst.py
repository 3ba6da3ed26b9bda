"""The bursts of one watch: of everything said about it, and of what is critical."""

from __future__ import annotations

from typing import Final

import msgspec

from services.alert.detector import Blindness, Finding, Voice, seconds
from services.alert.detectors.burst_exposure import Shares
from services.alert.detectors.burst_series import BUCKET_SECONDS, Burst, Surge

LIVE_SECONDS: Final = 900.0
"""A mention read so soon after it was said shows that its source is read, whatever was reported."""
_HOUR: Final = 3600.0
_MOST_HOURS: Final = 21 * 24


class Bursts(msgspec.Struct):
    """Two series and the shares of the sources. Copies count in the first series only: there is
    one voice behind them, and its critics are counted in voices."""

    everything: Burst = msgspec.field(default_factory=Burst)
    critical: Burst = msgspec.field(default_factory=Burst)
    shares: Shares = msgspec.field(default_factory=Shares)

    def fold(self, voice: Voice, blind: Blindness) -> tuple[Finding, ...]:
        """The bursts that this voice tips.

        What a source says that was reported ill at that time is left out if it was read later: the
        part it usually has was made up for already.
        """
        at, source = voice.at, voice.mention.source
        bucket = int(at // BUCKET_SECONDS)
        if bucket > self.everything.bucket:
            self._open(self.everything, at, source, blind)
            if self.critical.bucket < 0:
                self.critical.advance(at)
        elif source in blind.blind(at) and not _live(voice):
            return ()
        self.shares.add(source, at)
        surge, rising = self.everything.count(at), None
        if voice.critical and not voice.copied:
            if bucket > self.critical.bucket:
                self._open(self.critical, at, source, blind)
            rising = self.critical.count(at)
        if surge is None and rising is None:
            return ()
        both = ((surge, False), (rising, True))
        return tuple(_finding(each, critical) for each, critical in both if each is not None)

    def _open(self, series: Burst, at: float, source: str, blind: Blindness) -> None:
        """Moves on to a new bucket, and tells the series what could be seen in between."""
        since = series.bucket * BUCKET_SECONDS
        whole = not blind.blind(at) and (since < 0.0 or not blind.blind(since))
        if whole and since >= 0.0 and at - since > _HOUR:
            hours = range(1, min(int((at - since) // _HOUR), _MOST_HOURS) + 1)
            whole = not any(blind.blind(at - back * _HOUR) for back in hours)
        if whole:
            series.advance(at)
            return
        shares = self.shares

        def seen(then: float) -> float:
            ill = blind.blind(then)
            return shares.seen(ill - {source} if then > at - LIVE_SECONDS else ill)

        series.advance(at, seen)


def _live(voice: Voice) -> bool:
    return seconds(voice.mention.collected_at) - voice.at <= LIVE_SECONDS


def _finding(surge: Surge, critical: bool) -> Finding:
    return Finding(
        detector="burst",
        at=surge.at,
        surprise=surge.surprise,
        numbers={
            "critical": float(critical),
            "minutes": float(surge.minutes),
            "count": surge.count,
            "expected": surge.expected,
            "bar": surge.bar,
        },
    )
