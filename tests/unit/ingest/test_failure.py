"""The waits that platforms prescribe."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.ingest.failure import BackOff, Unreachable, printable

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
AT_ONCE = BackOff(first=timedelta(), longest=SECOND, step=SECOND / 4)
LINEAR = BackOff(first=SECOND / 4, longest=SECOND, step=SECOND / 4)
DOUBLED = BackOff(first=MINUTE, longest=16 * MINUTE, factor=2.0)
ALWAYS = BackOff(first=MINUTE, longest=MINUTE)


@pytest.mark.parametrize(
    ("back_off", "waits"),
    [
        (AT_ONCE, [0, 0.25, 0.5, 0.75, 1, 1]),
        (LINEAR, [0.25, 0.5, 0.75, 1, 1, 1]),
        (DOUBLED, [60, 120, 240, 480, 960, 960]),
        (ALWAYS, [60, 60, 60, 60, 60, 60]),
    ],
)
def test_each_wait_is_longer_than_the_one_before_and_none_than_the_longest(
    back_off: BackOff, waits: list[float]
) -> None:
    assert [back_off.wait(before).total_seconds() for before in range(6)] == waits


def test_after_a_thousand_failures_it_is_still_the_longest() -> None:
    assert DOUBLED.wait(1000) == 16 * MINUTE


def test_a_first_wait_is_bounded_too() -> None:
    assert BackOff(first=MINUTE, longest=SECOND).wait(0) == SECOND


def test_a_failure_is_told_in_one_line_that_any_terminal_and_database_takes() -> None:
    assert str(Unreachable("a\nb\0c\x1b[31md\ud800ä")) == "a b c [31md ä"
    assert printable("Größe 😀") == "Größe 😀"
