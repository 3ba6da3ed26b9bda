"""Crisis detection over simulated years: 200 storms in 20 watches, and all the days between.

    make bench ARGS=storms                      five years of 20 watches; writes docs/detection.md
    STORMS_FRACTION=0.1 make bench ARGS=storms  a tenth of the time, with a tenth of the storms
    STORMS_SEEDS=tuning make bench ARGS=storms  the seed that thresholds may be chosen with

Thresholds are chosen with the seed of TUNING only; the tables in the documentation are those of
JUDGING. They and the picture are written only by a full run with the judging seed.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from benchmarks.storm_judge import Page
from benchmarks.storm_report import report
from benchmarks.storm_run import PROCESSES, Judged, run, scaled
from benchmarks.storm_trace import Band, draw
from benchmarks.table import write_into
from libs.common.events import ClassifiedMention, SourceHealthChanged
from sandbox.simulator.settings import Settings
from services.alert.rehearsal import Rehearsal
from services.alert.service import detection_of
from services.alert.settings import AlertSettings

TUNING: Final = 11
JUDGING: Final = 1001
SEEDS: Final = {"tuning": TUNING, "judging": JUDGING}
DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
PAGE: Final = DOCS / "detection.md"
PICTURE: Final = DOCS / "storms.png"


class Service:
    """The detection exactly as the alert service puts it together, without a rule of its own."""

    def __init__(self) -> None:
        self._rehearsal = Rehearsal(detection_of(_settings()))

    def fold(self, event: ClassifiedMention | SourceHealthChanged) -> Sequence[Page]:
        return self._rehearsal.fold(event)

    def expected(self, watch: str, at: datetime) -> Band | None:
        """Two standard deviations around what the rhythm expects of this hour."""
        rhythm = self._rehearsal.state(watch).bursts.everything.rhythm
        hour = rhythm.expected(int(at.timestamp() // 3600))
        if not hour.mean:
            return None
        spread = 2 * math.sqrt(hour.mean + hour.scatter * hour.mean**2)
        return Band(max(0.0, hour.mean - spread), hour.mean + spread)


def main() -> None:
    fraction = float(os.environ.get("STORMS_FRACTION", "1"))
    seeds = os.environ.get("STORMS_SEEDS", "judging")
    if seeds not in SEEDS or not 0 < fraction <= 1:
        sys.exit("expected STORMS_SEEDS to be tuning or judging, and 0 < STORMS_FRACTION <= 1")
    settings = scaled(fraction, SEEDS[seeds])
    begun = time.perf_counter()
    judged = run(settings, Service)
    minutes = (time.perf_counter() - begun) / 60
    results = [one.result for one in judged]
    text = report(_title(settings, judged, seeds), results)
    print(text)
    print(f"\n{minutes:.1f} minutes in {PROCESSES} processes.")
    if fraction < 1 or seeds != "judging":
        print("Nothing is written: this was not the full run with the judging seed.")
        return
    write_into(PAGE, "storms", text)
    storms = [storm for result in results for storm in result.storms]
    draw([trace for one in judged for trace in one.traces], storms, PICTURE)


def _settings() -> AlertSettings:
    return AlertSettings.model_validate({"company": "Simulated", "rules": []})


def _title(settings: Settings, judged: Sequence[Judged], seeds: str) -> str:
    mentions = sum(one.result.mentions for one in judged)
    storms = sum(len(one.result.storms) for one in judged)
    seconds = sum(one.seconds for one in judged)
    return (
        f"Simulated: {storms} storms, {settings.watches} watches, {settings.days} days, "
        f"{mentions:,} events; {seeds} seed {settings.seed}; {mentions / seconds:,.0f} events/s "
        "and core, the making of them included"
    )
