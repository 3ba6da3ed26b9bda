"""What the commands about alerting do: `detect` looks for bursts in a series of counts."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

from libs.common.errors import ConfigurationError
from services.alert.detectors.burst_series import BUCKET_SECONDS, Burst

COLUMNS: Final = ("timestamp", "value")
_GAP: Final = 2.5
"""Rows this many times their usual distance apart have a gap between them: nobody counted."""


class Row(NamedTuple):
    """written: the timestamp as it stands in the series."""

    written: str
    at: float
    value: int


def alarms_in(lines: Iterable[str], name: str) -> Iterator[str]:
    """The timestamps at which the burst detector alarms, as the rows write them.

    lines: a CSV with the columns `timestamp` and `value`: the count of the time from this row to
    the next. Times without a zone are taken as UTC. name: of the series, for errors.
    Raises ConfigurationError at the first row that cannot be read, naming its line.
    """
    burst = Burst()
    step, before = math.inf, -math.inf
    for row in rows_of(lines, name):
        if row.at - before > _GAP * max(step, BUCKET_SECONDS):
            burst.advance(row.at, partial(_counted, before + step, row.at))
        if row.at > before:
            step = min(step, row.at - before)
            before = row.at
        if burst.count(row.at, row.value) is not None:
            yield row.written


def _counted(gap: float, end: float, then: float) -> float:
    """Nothing between a gap and its end."""
    return 0.0 if gap <= then < end else 1.0


def rows_of(lines: Iterable[str], name: str) -> Iterator[Row]:
    """Reads a series. Raises ConfigurationError, naming the line and what was expected."""
    table = csv.reader(lines, strict=False)
    head = [cell.strip().lstrip("\ufeff") for cell in next(table, [])]
    missing = [column for column in COLUMNS if column not in head]
    if missing:
        raise _wrong(name, 1, f"expected the columns timestamp,value, not {','.join(head)!r}")
    when, count = (head.index(column) for column in COLUMNS)
    for cells in table:
        if not cells:
            continue
        line = table.line_num
        if len(cells) <= max(when, count):
            raise _wrong(name, line, f"expected {len(head)} columns, found {len(cells)}")
        yield Row(cells[when], _time(cells[when], name, line), _count(cells[count], name, line))


def _time(text: str, name: str, line: int) -> float:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        expected = "expected a timestamp such as 2026-03-01 12:00:00"
        raise _wrong(name, line, f"{expected}, not {text!r}") from None
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if seconds < 0.0:
        raise _wrong(name, line, f"expected a timestamp after 1970, not {text!r}")
    return seconds


def _count(text: str, name: str, line: int) -> int:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < 1e15:
        raise _wrong(name, line, f"expected a count of at least 0, not {text!r}")
    return round(value)


def _wrong(name: str, line: int, what: str) -> ConfigurationError:
    return ConfigurationError([f"{name}, line {line}: {what}"])
