"""The burst detector on the Numenta Anomaly Benchmark, scored by that benchmark's own rules, and
what a count costs.

The series are not part of this project. A folder named by BRANDMELDER_NAB holds the files of
realTweets (`Twitter_volume_*.csv`, from github.com/numenta/NAB) and `windows.json`: for each file
name the labelled windows, as pairs of begin and end. Also: `python -m benchmarks.bursts FOLDER`.
"""

from __future__ import annotations

import csv
import math
import os
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from benchmarks.table import table, write_into
from services.alert.detectors.burst_series import Burst
from services.alert_commands import alarms_in

FOLDER: Final = "BRANDMELDER_NAB"
PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "detection.md"
PROBATION: Final = 0.15
"""This part of the rows, 750 at most, is for learning and not scored."""
MOST_PROBATION: Final = 750
FALSE_ALARM: Final = 0.11
"""What an alarm outside all windows costs, in missed windows: the standard profile."""
ONE_INCIDENT: Final = timedelta(hours=6)
"""False alarms no further apart are one for the person who is called."""
COUNTS: Final = 300_000

Window = tuple[datetime, datetime]


class Score(NamedTuple):
    """gained: 1 for a window hit at its very beginning, -1 for a missed one, less what the false
    alarms cost. incidents: false ones."""

    gained: float
    windows: int
    hit: int
    incidents: int

    @property
    def percent(self) -> float:
        """0 for a detector that never says anything, 100 for a perfect one."""
        return 100.0 * (self.gained + self.windows) / (2 * self.windows)


def main(folder: str | None = None) -> None:
    """Prints both tables, and writes the first into the documentation; without the series, prints
    the second and where to get them."""
    where = folder or os.environ.get(FOLDER)
    if where is None:
        print(f"\nNo series: {FOLDER} names no folder with the benchmark's tweet counts.")
    else:
        text = _scores(Path(where))
        print(text)
        write_into(PAGE, "bursts", text)
    print(_costs())


def score(
    times: Sequence[datetime], windows: Sequence[Window], alarms: Sequence[datetime]
) -> Score:
    """Scores the alarms of one series. times: of its rows, in order."""
    probation = min(int(PROBATION * len(times)), MOST_PROBATION)
    rows = [
        row for row in sorted({bisect_left(times, each) for each in alarms}) if row >= probation
    ]
    spans = sorted((bisect_left(times, a), bisect_right(times, b) - 1) for a, b in windows)
    gained, hit = 0.0, 0
    for left, right in spans:
        first = next((row for row in rows if left <= row <= right), None)
        hit += first is not None
        gained += -1.0 if first is None else _early(left, right, first)
    false = [row for row in rows if not any(left <= row <= right for left, right in spans)]
    gained += sum(_false(row, spans) for row in false)
    at = [times[row] for row in false]
    incidents = sum(
        number == 0 or each - at[number - 1] > ONE_INCIDENT for number, each in enumerate(at)
    )
    return Score(gained, len(spans), hit, incidents)


def _early(left: int, right: int, row: int) -> float:
    """1 at the left edge of the window, nearly 0 at the right."""
    return _sigmoid(-(right - row + 1) / (right - left + 1)) / _sigmoid(-1.0)


def _false(row: int, spans: Sequence[tuple[int, int]]) -> float:
    """A false alarm costs little right behind a window, and all when far from it."""
    before = [span for span in spans if span[1] < row]
    if not before:
        return -FALSE_ALARM
    left, right = before[-1]
    return FALSE_ALARM * _sigmoid((row - right) / max(right - left, 1))


def _sigmoid(position: float) -> float:
    return -1.0 if position > 3.0 else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def _scores(folder: Path) -> str:
    missing = [name for name in ("windows.json",) if not (folder / name).is_file()]
    files = sorted(folder.glob("*.csv"))
    if missing or not files:
        return f"\nNo series: {folder} holds no windows.json or no CSV."
    labelled = msgspec.json.decode(
        (folder / "windows.json").read_bytes(), type=dict[str, list[tuple[str, str]]]
    )
    scores = {
        file.stem.rsplit("_", 1)[-1]: _score_file(file, labelled[file.name])
        for file in files
        if file.name in labelled
    }
    together = Score(*(sum(part) for part in zip(*scores.values(), strict=True)))
    rows = [
        [name, each.percent, f"{each.hit} of {each.windows}", each.incidents]
        for name, each in [*scores.items(), ("all", together)]
    ]
    return table(
        "Bursts in tweet counts (NAB, standard profile)",
        ["series", "score", "windows hit", "false incidents"],
        rows,
    )


def _score_file(file: Path, labelled: Sequence[tuple[str, str]]) -> Score:
    with file.open(encoding="utf-8", newline="") as lines:
        alarms = [_time(written) for written in alarms_in(lines, file.name)]
    with file.open(encoding="utf-8", newline="") as lines:
        times = [_time(row["timestamp"]) for row in csv.DictReader(lines)]
    return score(times, [(_time(begin), _time(end)) for begin, end in labelled], alarms)


def _time(written: str) -> datetime:
    return datetime.fromisoformat(written.strip()).replace(tzinfo=None)


def _costs() -> str:
    rows: list[list[object]] = []
    for name, a_day in (("10 a day", 10.0), ("10 a minute", 14_400.0), ("10,000 a minute", 1.44e7)):
        random = np.random.default_rng(1)
        gaps = random.exponential(86_400.0 / a_day, COUNTS)
        times = [float(each) for each in 1.7e9 + np.cumsum(gaps)]
        burst = Burst()
        begun = time.process_time()
        for at in times:
            burst.count(at)
        taken = time.process_time() - begun
        rows.append([name, 1e6 * taken / COUNTS, len(msgspec.msgpack.encode(burst))])
    return table(
        "A count in the burst detector, one core", ["rate", "µs a mention", "bytes of state"], rows
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
