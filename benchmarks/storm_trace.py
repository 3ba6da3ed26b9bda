"""What is kept of a storm to be drawn, and the drawing of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol, runtime_checkable

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.storm_judge import Page, Seen, StormResult
from libs.common.events import ClassifiedMention
from sandbox.simulator.settings import FASTEST
from sandbox.simulator.truth import StormTruth, WatchTruth
from sandbox.simulator.writing import Simulated

BEFORE: Final = 12 * 60
MOST_BEFORE: Final = 48 * 60
AFTER: Final = 6 * 60
"""Minutes that are drawn before a storm's onset, or more when it smoulders longer, and after its
end."""
FINE: Final = 5
COARSE: Final = 60
_FINE_UP_TO: Final = 36 * 60
_CRITICAL: Final = frozenset({"complaint", "crisis_candidate"})
_LEVEL_COLOUR: Final = "#b3400f"
_COUNT_COLOUR: Final = "#8a98a8"
_CRITICAL_COLOUR: Final = "#16324f"
_BAND_COLOUR: Final = "#cfe3d4"


class Band(NamedTuple):
    """Mentions an hour that are usual at a time."""

    low: float
    high: float


@runtime_checkable
class Expects(Protocol):
    """What a detection may offer besides: how much it takes for usual."""

    def expected(self, watch: str, at: datetime) -> Band | None:
        """At this time; None as long as nothing has been learned."""
        ...


@dataclass(slots=True)
class Trace:
    """A storm in steps of FINE minutes, from `begin` on.

    mentions, critical: counts. bands: what was usual, where the detection tells.
    """

    storm: StormTruth
    per_hour: float
    begin: int
    mentions: list[int]
    critical: list[int]
    bands: list[Band | None]
    pages: list[Seen] = field(default_factory=list)


def trace_of(storm: StormTruth, per_hour: float) -> Trace:
    """An empty trace around a storm."""
    onset = storm.begin if storm.onset is None else storm.onset
    begin = max(0, onset - MOST_BEFORE, min(onset - BEFORE, storm.begin - 120))
    steps = (storm.end + AFTER - begin) // FINE
    return Trace(storm, per_hour, begin, [0] * steps, [0] * steps, [None] * steps)


class Tracer:
    """Keeps what happens around some storms of one watch."""

    def __init__(
        self, truth: WatchTruth, storms: Sequence[str], expects: Expects | None = None
    ) -> None:
        self._truth = truth
        self._expects = expects
        self.traces = [
            trace_of(storm, truth.per_hour) for storm in truth.storms if storm.id in storms
        ]

    def note(self, simulated: Simulated, pages: Sequence[Page]) -> None:
        minute = (simulated.at - self._truth.begin.timestamp()) / 60.0
        for trace in self.traces:
            step = int(minute - trace.begin) // FINE
            if not 0 <= step < len(trace.mentions):
                continue
            event = simulated.event
            if isinstance(event, ClassifiedMention):
                trace.mentions[step] += 1
                trace.critical[step] += event.classification.label in _CRITICAL
            if trace.bands[step] is None and self._expects is not None:
                at = datetime.fromtimestamp(simulated.at, UTC)
                trace.bands[step] = self._expects.expected(self._truth.watch, at)
            trace.pages += [Seen(minute, page.level, page.rule) for page in pages]


def worth_drawing(watches: Sequence[WatchTruth]) -> list[str]:
    """Three storms that differ: a sudden one in a busy watch, a slow one in a middling watch, one
    in the night in a quiet watch; as near to that as there are."""
    storms = [
        (truth.per_hour, storm)
        for truth in watches
        for storm in truth.storms
        if storm.peak >= 3 and storm.onset is not None
    ]
    wishes = (("sudden", "", FASTEST), ("slow_burn", "", 10.0), ("", "night", 1.0))
    chosen: list[str] = []
    for shape, circumstance, pace in wishes:
        left = [(per_hour, storm) for per_hour, storm in storms if storm.id not in chosen]
        if left:
            _, best = min(
                left,
                key=lambda pair: (
                    shape not in ("", pair[1].shape),
                    circumstance not in ("", pair[1].circumstance),
                    abs(np.log(pair[0] / pace)),
                    -pair[1].peak,
                ),
            )
            chosen.append(best.id)
    return chosen


def draw(traces: Sequence[Trace], results: Sequence[StormResult], path: Path) -> None:
    """Writes a PNG: per storm the counts and what is usual above, the levels and pages below."""
    told = {result.truth.id: result for result in results}
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(11, 3.6 * len(traces)), layout="constrained")
        axes = figure.subplots(
            2 * len(traces), 1, height_ratios=[2, 1] * len(traces), squeeze=False
        )
        for row, trace in enumerate(traces):
            counts, levels = axes[2 * row][0], axes[2 * row + 1][0]
            _draw_counts(counts, trace)
            _draw_levels(levels, trace, told.get(trace.storm.id))
            levels.sharex(counts)
            first, last = _hours(trace, np.array([0, len(trace.mentions) * FINE]))
            counts.set_xlim(float(first), float(last))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)


def _draw_counts(axes: Axes, trace: Trace) -> None:
    width = FINE if len(trace.mentions) * FINE <= _FINE_UP_TO else COARSE
    joined = width // FINE
    steps = len(trace.mentions) // joined
    hours = _hours(trace, np.arange(steps) * width)
    for counts, colour, label in (
        (trace.mentions, _COUNT_COLOUR, "all mentions"),
        (trace.critical, _CRITICAL_COLOUR, "complaints and crisis candidates"),
    ):
        summed = np.array(counts[: steps * joined]).reshape(steps, joined).sum(axis=1)
        axes.step(hours, summed, where="post", color=colour, linewidth=1, label=label)
    bands = [trace.bands[step * joined] for step in range(steps)]
    if known := [(hour, band) for hour, band in zip(hours, bands, strict=True) if band]:
        low = [band.low * width / 60 for _, band in known]
        high = [band.high * width / 60 for _, band in known]
        at = [hour for hour, _ in known]
        axes.fill_between(at, low, high, color=_BAND_COLOUR, label="expected", zorder=0)
    storm = trace.storm
    axes.set_ylabel(f"per {width} min")
    axes.set_title(
        f"{storm.theme}, {storm.shape.replace('_', ' ')}"
        + ("" if storm.circumstance == "none" else f", {storm.circumstance}")
        + f", peak {storm.peak}; usually {trace.per_hour:.3g} mentions/h",
        loc="left",
    )
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    axes.tick_params(labelbottom=False)


def _draw_levels(axes: Axes, trace: Trace, result: StormResult | None) -> None:
    storm = trace.storm
    edges = [step.minute for step in storm.levels]
    true = [step.level for step in storm.levels]
    axes.step(
        _hours(trace, np.array(edges) - trace.begin),
        true,
        where="post",
        color=_COUNT_COLOUR,
        linewidth=2,
        label="true level",
    )
    pages = result.pages if result else trace.pages
    if pages:
        at = _hours(trace, np.array([page.minute for page in pages]) - trace.begin)
        told = np.maximum.accumulate([page.level for page in pages])
        end = _hours(trace, np.array([storm.end - trace.begin]))
        axes.step(
            [*at, *end],
            [*told, told[-1]],
            where="post",
            color=_LEVEL_COLOUR,
            linewidth=1,
            label="told level",
        )
        axes.plot(at, [page.level for page in pages], "v", color=_LEVEL_COLOUR, label="page")
    axes.set_ylim(-0.3, 6.5)
    axes.set_yticks(range(0, 7, 2))
    axes.set_ylabel("level")
    axes.set_xlabel("hours from the onset")
    axes.legend(loc="upper left", frameon=False, fontsize=8)


def _hours(
    trace: Trace, minutes: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """From the onset on; minutes count from the trace's begin."""
    onset = trace.storm.begin if trace.storm.onset is None else trace.storm.onset
    return (minutes + trace.begin - onset) / 60.0
