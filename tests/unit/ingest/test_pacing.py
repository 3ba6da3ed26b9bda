from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.reading.pacing import (
    after_seconds,
    at_timestamp,
    at_unix_time,
    freshness,
    longest,
    retry_after,
    wish_of_feed,
)

NOW = datetime(2026, 9, 18, 10, 30, tzinfo=UTC)  # a Friday
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", 2 * MINUTE),
        ("Fri, 18 Sep 2026 10:35:00 GMT", 5 * MINUTE),
        ("0", timedelta(seconds=1)),
        ("Fri, 18 Sep 2026 09:00:00 GMT", timedelta(seconds=1)),
        ("9999999999999", 24 * HOUR),
        ("Fri, 18 Sep 2099 10:35:00 GMT", 24 * HOUR),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
    ],
)
def test_retry_after_in_both_forms_is_clamped(value: str, wait: timedelta | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == (None if wait is None else NOW + wait)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("90", timedelta(seconds=90)),
        (" 1.5 ", timedelta(seconds=1.5)),
        (90, timedelta(seconds=90)),
        (0.25, timedelta(seconds=1)),
        ("0", timedelta(seconds=1)),
        (1e300, 24 * HOUR),
        (float("inf"), 24 * HOUR),
        ("999999999999999", 24 * HOUR),
        (float("nan"), None),
        (-1, None),
        ("-1", None),
        ("1e3", None),
        ("٣", None),
        ("", None),
    ],
)
def test_a_wait_in_seconds_is_understood_and_bounded(
    value: str | float, wait: timedelta | None
) -> None:
    assert after_seconds(value, NOW) == (None if wait is None else NOW + wait)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        (NOW.timestamp() + 90, timedelta(seconds=90)),
        (str(int(NOW.timestamp()) + 90), timedelta(seconds=90)),
        (0, timedelta(seconds=1)),
        ("1", timedelta(seconds=1)),
        ("99999999999999", 24 * HOUR),
        (float("inf"), 24 * HOUR),
        (float("nan"), None),
        ("soon", None),
        (-5, None),
    ],
)
def test_a_time_since_1970_is_understood_and_bounded(
    value: str | float, wait: timedelta | None
) -> None:
    assert at_unix_time(value, NOW) == (None if wait is None else NOW + wait)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("2026-09-18T10:35:00Z", 5 * MINUTE),
        ("2026-09-18T12:35:00+02:00", 5 * MINUTE),
        (" 2026-09-18T10:35:00 ", 5 * MINUTE),
        ("2026-09-18T09:00:00Z", timedelta(seconds=1)),
        ("2099-01-01T00:00:00Z", 24 * HOUR),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_a_timestamp_is_understood_and_bounded(value: str, wait: timedelta | None) -> None:
    assert at_timestamp(value, NOW) == (None if wait is None else NOW + wait)


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({"cache-control": "public, max-age=600"}, 10 * MINUTE),
        ({"cache-control": "max-age=600", "age": "540"}, MINUTE),
        ({"cache-control": "max-age=60", "age": "600"}, None),
        ({"cache-control": "s-maxage=600, no-cache"}, None),
        ({"expires": "Fri, 18 Sep 2026 11:30:00 GMT"}, HOUR),
        (
            {
                "expires": "Fri, 18 Sep 2026 11:30:00 GMT",
                "date": "Fri, 18 Sep 2026 11:00:00 GMT",
            },
            30 * MINUTE,
        ),
        ({"expires": "0"}, None),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 -2359"}, None),
        ({"cache-control": "max-age=7", "expires": "Fri, 18 Sep 2026 11:30:00 GMT"}, None),
        ({}, None),
    ],
)
def test_cache_headers_say_how_long_an_answer_is_fresh(
    headers: dict[str, str], wish: timedelta | None
) -> None:
    expected = timedelta(seconds=7) if headers.get("cache-control") == "max-age=7" else wish
    assert freshness(headers, NOW) == expected


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        (b"<channel><ttl>15</ttl>", 15 * MINUTE),
        (b"<ttl>0</ttl>", None),
        (b"<ttl>bald</ttl>", None),
        (b"<sy:updatePeriod> hourly </sy:updatePeriod>", HOUR),
        (
            b"<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>",
            6 * HOUR,
        ),
        (b"<sy:updateFrequency>24</sy:updateFrequency>", HOUR),
        (
            b"<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>",
            HOUR,
        ),
        (b"<skipHours><hour>9</hour><hour>10</hour><hour>11</hour></skipHours>", 90 * MINUTE),
        (b"<skipHours><hour>11</hour></skipHours>", None),
        (b"<skipDays><day>Friday</day><day>Saturday</day></skipDays>", 37.5 * HOUR),
        (
            b"<skipHours>" + b"".join(b"<hour>%d</hour>" % h for h in range(24)) + b"</skipHours>",
            None,
        ),
        (b"<ttl>5</ttl><skipHours><hour>10</hour></skipHours>", 30 * MINUTE),
        (b"", None),
    ],
)
def test_a_feed_says_how_long_it_wants_to_be_left_alone(
    body: bytes, wish: timedelta | None
) -> None:
    assert wish_of_feed(body, NOW) == wish


def test_the_longest_wish_counts_but_no_wish_is_longer_than_an_hour() -> None:
    assert longest(None, 5 * MINUTE, 10 * MINUTE) == 10 * MINUTE
    assert longest(timedelta(days=365), None) == HOUR
    assert longest(None, None) is None
