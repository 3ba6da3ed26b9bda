"""`brandmelder detect`: what it prints, and how it says no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.cli import cli

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
STEP = timedelta(minutes=5)


def series(counts: dict[int, int], rows: int = 1_500, usual: int = 6) -> str:
    """`usual` in every row, give or take one, but in those of `counts`."""
    lines = [
        f"{BEGIN + row * STEP:%F %T},{counts.get(row, usual + row % 3 - 1)}\n"
        for row in range(rows)
    ]
    return "timestamp,value\n" + "".join(lines)


def detect(text: str) -> list[str]:
    result = CliRunner().invoke(cli, ["detect", "-"], input=text)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_it_prints_the_timestamp_of_an_alarm_as_its_row_writes_it() -> None:
    text = series({1_200: 90, 1_201: 120})
    assert detect(text) == ["2026-01-09 04:00:00"]
    assert detect(text.replace("2026-01-09 04:00:00", "2026-01-09T04:00:00Z")) == [
        "2026-01-09T04:00:00Z"
    ]


def test_it_reads_a_file_with_its_columns_in_any_order(tmp_path: Path) -> None:
    rows = [line.split(",") for line in series({1_200: 90}).splitlines()]
    file = tmp_path / "series.csv"
    file.write_text(
        "\ufeff" + "".join(f"{b}.0,x,{a}\n".replace("value.0", "value") for a, b in rows)
    )
    result = CliRunner().invoke(cli, ["detect", str(file)])
    assert (result.exit_code, result.stdout) == (0, "2026-01-09 04:00:00\n")


def test_no_alarm_prints_nothing() -> None:
    assert detect(series({})) == []
    assert detect("timestamp,value\n") == []


def test_missing_rows_are_a_gap_and_no_alarm() -> None:
    lines = series({}, rows=3_000).splitlines(keepends=True)
    assert detect("".join(lines[:1_500] + lines[2_100:])) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: expected the columns timestamp,value, not ''"),
        ("time,value\n", "line 1: expected the columns timestamp,value, not 'time,value'"),
        (
            "timestamp,value\n2026-01-01 00:00,1\nyesterday,2\n",
            "line 3: expected a timestamp such as 2026-03-01 12:00:00, not 'yesterday'",
        ),
        (
            "timestamp,value\n\n2026-01-01 00:00,many\n",
            "line 3: expected a count of at least 0, not 'many'",
        ),
        (
            "timestamp,value\n2026-01-01 00:00,-1\n",
            "line 2: expected a count of at least 0, not '-1'",
        ),
        (
            "timestamp,value\n2026-01-01 00:00,nan\n",
            "line 2: expected a count of at least 0, not 'nan'",
        ),
        ("timestamp,value\n2026-01-01 00:00\n", "line 2: expected 2 columns, found 1"),
        (
            "timestamp,value\n1950-01-01 00:00,1\n",
            "line 2: expected a timestamp after 1970, not '1950-01-01 00:00'",
        ),
    ],
)
def test_a_bad_row_is_named_with_what_was_expected(text: str, said: str) -> None:
    result = CliRunner().invoke(cli, ["detect", "-"], input=text)
    assert result.exit_code == 2
    assert result.stderr == f"<stdin>, {said}\n"
