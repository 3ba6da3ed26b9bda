"""The tables of the storm benchmark, for the terminal and for the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from benchmarks.storm_judge import MONTH_DAYS, SERIOUS, StormResult, WatchResult
from benchmarks.table import table

BUSY: Final = 60.0
"""Mentions an hour from which on a watch has to be quick."""


def report(title: str, results: Sequence[WatchResult]) -> str:
    """Every table, in Markdown."""
    storms = [storm for result in results for storm in result.storms]
    return "\n".join(
        [
            table(title, ["what", "measured", "wanted"], _summary(results, storms)),
            table(
                f"Storms of level {SERIOUS} and above, by their kind",
                ["kind", "storms", "found", "median delay, min", "90 % delay, min"],
                _by_kind(_serious(storms)),
            ),
            table(
                "True peak of the level, and the highest level that was told",
                ["true peak", *(f"told {level}" for level in range(7)), "pages a storm"],
                _confusion(storms),
            ),
            table("False pages, by what paged", ["rule", "pages"], _false(results)),
        ]
    )


def _summary(results: Sequence[WatchResult], storms: Sequence[StormResult]) -> list[list[object]]:
    serious = _serious(storms)
    busy = [storm for storm in serious if storm.per_hour >= BUSY]
    others = [storm for storm in serious if storm.per_hour < BUSY]
    months = sum(result.days for result in results) / MONTH_DAYS
    false = [page for result in results for page in result.false]
    mistaken = sum(page.mistaken for page in false)
    bursts = [burst for result in results for burst in result.good_news]
    excused: Counter[str] = sum((result.excused for result in results), Counter())
    paged = [storm for storm in storms if storm.pages]
    return [
        [f"storms of level {SERIOUS} and above found", _share(serious), "≥ 98 %"],
        [f"… median delay of {len(busy)} at {BUSY:.0f}/h and more", _minutes(busy, 50), "≤ 5 min"],
        ["… and the delay of nine in ten of them", _minutes(busy, 90), ""],
        ["… the median, 0 for who was paged while it smouldered", _median_unaware(busy), ""],
        [f"… median delay of {len(others)} in quieter watches", _minutes(others, 50), ""],
        ["… and the delay of nine in ten of them", _minutes(others, 90), ""],
        ["… paged about while they smouldered", _of(serious, lambda storm: storm.warned), ""],
        ["… found, or paged about while they smouldered", _of(serious, _known), ""],
        ["false pages per watch and month", f"{len(false) / months:.2f}", "≤ 1"],
        [
            "… without texts wrongly taken for a danger",
            f"{(len(false) - mistaken) / months:.2f}",
            "",
        ],
        ["highest level told in a good-news burst", _highest(b.told for b in bursts), "< 2"],
        ["… without texts wrongly taken for a danger", _highest(b.measured for b in bursts), ""],
        ["good-news bursts with a page", _ratio(sum(b.told > 0 for b in bursts), len(bursts)), ""],
        [
            "pages a storm, of those paged",
            f"{_mean([len(storm.pages) for storm in paged]):.1f}",
            "",
        ],
        [
            "pages about single true dangers, per watch and month",
            f"{excused['danger'] / months:.2f}",
            "",
        ],
        ["pages about campaigns, per watch and month", f"{excused['campaign'] / months:.2f}", ""],
    ]


def _by_kind(storms: Sequence[StormResult]) -> list[list[object]]:
    kinds: dict[str, Callable[[StormResult], bool]] = {
        "sudden": lambda storm: storm.truth.shape == "sudden",
        "slow burn": lambda storm: storm.truth.shape == "slow_burn",
        "two at once": lambda storm: storm.truth.circumstance == "pair",
        "in a marketing peak": lambda storm: storm.truth.circumstance == "marketing",
        "in the night": lambda storm: storm.truth.circumstance == "night",
        "a source fails": lambda storm: storm.truth.circumstance == "outage",
    }
    rows: list[list[object]] = []
    for kind, belongs in kinds.items():
        of = [storm for storm in storms if belongs(storm)]
        rows.append([kind, len(of), _share(of), _minutes(of, 50), _minutes(of, 90)])
    return rows


def _confusion(storms: Sequence[StormResult]) -> list[list[object]]:
    rows: list[list[object]] = []
    for peak in range(1, 7):
        of = [storm for storm in storms if storm.truth.peak == peak]
        counts = Counter(storm.measured for storm in of)
        pages = _mean([len(storm.pages) for storm in of])
        rows.append([peak, *(counts[level] for level in range(7)), round(pages, 1)])
    return rows


def _false(results: Sequence[WatchResult]) -> list[list[object]]:
    counts = Counter(false.page.rule for result in results for false in result.false)
    return [[rule, count] for rule, count in counts.most_common()] or [["none", 0]]


def _serious(storms: Sequence[StormResult]) -> list[StormResult]:
    return [storm for storm in storms if storm.truth.peak >= SERIOUS]


def _known(storm: StormResult) -> bool:
    return storm.found is not None or storm.warned


def _of(storms: Sequence[StormResult], holds: Callable[[StormResult], bool]) -> str:
    return _ratio(sum(map(holds, storms)), len(storms))


def _highest(levels: Iterable[int]) -> str:
    return str(max(levels, default=0))


def _share(storms: Sequence[StormResult]) -> str:
    return _of(storms, lambda storm: storm.found is not None)


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.1%} of {whole}" if whole else "–"


def _minutes(storms: Sequence[StormResult], percent: float) -> str:
    """Of those that were found."""
    delays = [storm.delay for storm in storms if storm.delay is not None]
    return _percentile(delays, percent)


def _median_unaware(storms: Sequence[StormResult]) -> str:
    return _percentile([storm.unaware for storm in storms if storm.unaware is not None], 50)


def _percentile(minutes: Sequence[float], percent: float) -> str:
    return f"{np.percentile(minutes, percent):.1f}" if minutes else "–"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
