from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.reading.dates import parse_date

TEN = datetime(2026, 9, 18, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Fri, 18 Sep 2026 10:00:00 GMT", 0),
        ("Do, 18 Sep 2026 10:00:00 MEZ", -1),
        ("Fr., 18. September 2026, 10:00 Uhr MESZ", -2),
        ("Freitag, 18. September 2026 um 10:00 Uhr", 0),
        ("18.09.2026 10:00", 0),
        ("18.9.26, 10:00 Uhr", 0),
        ("2026-09-18T10:00:00Z", 0),
        ("2026-09-18t10:00:00.000+02:00", -2),
        ("2026-09-18 10:00:00 +0200", -2),
        ("20260918T100000Z", 0),
        ("18 Sep 2026 10:00:00 -0500 (CDT)", 5),
        ("Fri, 18-Sep-26 10:00:00 EST", 5),
        ("Fri Sep 18 10:00:00 UTC 2026", 0),
        ("September 18, 2026 10:00 AM", 0),
        ("Sep 18, 2026 at 10:00 pm", 12),
        ("1789725600", 0),
        ("1789725600000", 0),
    ],
)
def test_dates_as_feeds_write_them(text: str, hours: int) -> None:
    assert parse_date(text) == TEN + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mi, 4 Mär 2026 12:00:00 +0100", datetime(2026, 3, 4, 11, tzinfo=UTC)),
        ("Mo, 2 Mrz 2026 24:00:00 GMT", datetime(2026, 3, 3, tzinfo=UTC)),
        ("Di, 31 Dez 2024 23:59:60 GMT", datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("15. Jänner 2026", datetime(2026, 1, 15, tzinfo=UTC)),
        ("2026-09", datetime(2026, 9, 1, tzinfo=UTC)),
    ],
)
def test_german_months_and_odd_times(text: str, expected: datetime) -> None:
    assert parse_date(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "gestern",
        "2026-02-30",
        "2026-13-01",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "1" * 5000,
        "18 Sep 2026 99:00",
        "2026-09-18T10:00:00+99:99",
        "Fri, 18 Sep 2026 25:00:00 GMT",
        "Fri, 30 Feb 2026 10:00:00 GMT",
        "Fri, 18 Sep 0001 00:00:00 +1400",
    ],
)
def test_what_is_no_date_is_none(text: str | None) -> None:
    assert parse_date(text) is None


@given(st.datetimes(datetime(1991, 1, 1), datetime(2068, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_programs_write_is_read_back(time: datetime) -> None:
    second = time.replace(microsecond=0)
    assert parse_date(format_datetime(second)) == second
    assert parse_date(time.isoformat()) == time


@given(
    st.datetimes(datetime(1991, 1, 1), datetime(2068, 1, 1)),  # noqa: DTZ001 -- the zone follows
    st.integers(-12 * 60, 14 * 60),
)
def test_programs_write_in_any_zone(time: datetime, minutes: int) -> None:
    local = time.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    utc = local.astimezone(UTC)
    assert parse_date(format_datetime(local)) == parse_date(local.isoformat()) == utc
    assert parse_date(format_datetime(utc, usegmt=True)) == utc
    assert parse_date(f"{local:%d-%b-%Y %H:%M:%S %z}") == utc


@given(st.text(max_size=90))
def test_no_text_is_an_error(text: str) -> None:
    found = parse_date(text)
    assert found is None or found.tzinfo is UTC
