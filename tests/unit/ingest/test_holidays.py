from __future__ import annotations

from datetime import date

import pytest

from services.ingest.health.holidays import easter_sunday, is_holiday


@pytest.mark.parametrize(
    "easter",
    [date(1961, 4, 2), date(2000, 4, 23), date(2008, 3, 23), date(2026, 4, 5), date(2038, 4, 25)],
)
def test_easter_is_when_it_was_and_will_be(easter: date) -> None:
    assert easter_sunday(easter.year) == easter


def test_what_is_a_holiday_in_every_state() -> None:
    days = [(1, 1), (4, 3), (4, 6), (5, 1), (5, 14), (5, 25), (10, 3), (12, 24), (12, 25)]
    assert all(is_holiday(date(2026, month, day)) for month, day in days)
    assert not is_holiday(date(2026, 11, 1))  # All Saints: in five states only
    assert not is_holiday(date(2026, 4, 2))
