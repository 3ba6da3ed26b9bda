"""Runs a detection over simulated watches and judges it, in several processes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from benchmarks.storm_judge import Detects, WatchJudge, WatchResult
from benchmarks.storm_trace import Expects, Trace, Tracer, worth_drawing
from libs.common.events import ClassifiedMention, SourceHealthChanged
from sandbox.simulator.plan import plan
from sandbox.simulator.settings import Settings
from sandbox.simulator.stream import WatchStream
from sandbox.simulator.texts import Library, read_library

WATCHES: Final = 20
DAYS: Final = 1826
STORMS: Final = 10
"""Of a watch, in DAYS."""
PROCESSES: Final = 2

Build: TypeAlias = Callable[[], Detects]
"""Makes a detection that has seen nothing; a function of a module, for other processes."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One watch. seconds: of processor time, the making of its events included."""

    result: WatchResult
    traces: list[Trace]
    seconds: float


def scaled(fraction: float, seed: int) -> Settings:
    """This fraction of the time, with as many storms a year."""
    days = max(30, round(DAYS * fraction))
    storms = max(1, round(STORMS * fraction))
    return Settings(seed=seed, days=days, watches=WATCHES, storms=storms)


def run(settings: Settings, build: Build, processes: int = PROCESSES) -> list[Judged]:
    """Every watch, the busiest first, each with a detection of its own."""
    library = read_library()
    plans = [plan(settings, number, library.industries) for number in range(settings.watches)]
    drawn = worth_drawing([one.truth for one in plans])
    numbers = range(settings.watches - 1, -1, -1)
    work = partial(judge_watch, settings, build, drawn)
    if processes == 1:
        judged = [judge_watch(settings, build, drawn, number, library) for number in numbers]
    else:
        with ProcessPoolExecutor(processes) as pool:
            judged = list(pool.map(work, numbers))
    return judged[::-1]


def judge_watch(
    settings: Settings,
    build: Build,
    drawn: Sequence[str],
    number: int,
    library: Library | None = None,
) -> Judged:
    """Simulates one watch and lets a new detection guard it."""
    stream = WatchStream(settings, number, library or read_library())
    detection = build()
    expects = detection if isinstance(detection, Expects) else None
    judge, tracer = WatchJudge(stream.truth), Tracer(stream.truth, drawn, expects)
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    begun = time.process_time()
    for simulated in stream:
        event = simulated.event
        if not isinstance(event, ClassifiedMention | SourceHealthChanged):
            continue
        pages = detection.fold(event)
        if pages:
            judge.note(simulated, pages)
        if tracer.traces:
            tracer.note(simulated, pages)
    return Judged(judge.result(), tracer.traces, time.process_time() - begun)
