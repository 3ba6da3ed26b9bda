"""How long a source wants to be left alone: what HTTP headers and feeds say about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_HINT: Final = timedelta(hours=1)
"""What a feed or a cache header may stretch the interval to. An alarm that looks once a day is
none; asking again with validators after an hour costs the source next to nothing."""
LONGEST_ORDER: Final = timedelta(hours=24)
"""What a server may order with Retry-After."""

_NUMBER: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")
_HEAD: Final = 65_536
_TTL: Final = re.compile(rb"<ttl>\s*(\d{1,6})")
_PERIOD: Final = re.compile(rb"<sy:updatePeriod>\s*(\w+)")
_FREQUENCY: Final = re.compile(rb"<sy:updateFrequency>\s*(\d{1,6})")
_PERIODS: Final = {
    b"hourly": timedelta(hours=1),
    b"daily": timedelta(days=1),
    b"weekly": timedelta(weeks=1),
    b"monthly": timedelta(days=30),
    b"yearly": timedelta(days=365),
}
_SKIP_HOURS: Final = re.compile(rb"<skipHours>(.{0,2000}?)</skipHours>", re.DOTALL)
_SKIP_DAYS: Final = re.compile(rb"<skipDays>(.{0,2000}?)</skipDays>", re.DOTALL)
_HOUR: Final = re.compile(rb"<hour>\s*(\d{1,2})\s*</hour>")
_DAY: Final = re.compile(rb"<day>\s*(\w+)\s*</day>")
_DAYS: Final = (b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday")
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})", re.IGNORECASE)


def retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """The time before which the server wants no request: from `Retry-After` in seconds or as a
    date, at least a second and at most a day away. None when it does not say."""
    value = headers.get("retry-after", "")
    return after_seconds(value, now) or _within_reason(http_date(value), now)


def after_seconds(value: str | float, now: datetime) -> datetime | None:
    """The time so many seconds from now, whole or with a fraction; bounded as `retry_after` is.
    None when the value is no number."""
    seconds = _number(value)
    if seconds is None:
        return None
    return _within_reason(now + timedelta(seconds=min(seconds, 1e6)), now)


def at_unix_time(value: str | float, now: datetime) -> datetime | None:
    """The time that is so many seconds after 1970; bounded as `retry_after` is. None when the
    value is no number."""
    seconds = _number(value)
    if seconds is None:
        return None
    return _within_reason(datetime.fromtimestamp(min(seconds, 1e11), UTC), now)


def at_timestamp(value: str, now: datetime) -> datetime | None:
    """The time of an RFC 3339 timestamp; bounded as `retry_after` is. None when it is none."""
    try:
        at = datetime.fromisoformat(value.strip())
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return _within_reason(at, now)


def _number(value: str | float) -> float | None:
    """A number from zero on, written in ASCII; None for anything else."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return None
    number = float(value)
    return number if number >= 0 else None


def _within_reason(at: datetime | None, now: datetime) -> datetime | None:
    """At least a second and at most a day away."""
    if at is None:
        return None
    return now + max(timedelta(seconds=1), min(at - now, LONGEST_ORDER))


def freshness(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long the answer stays fresh, from `Cache-Control: max-age`, else `Expires`."""
    if found := _MAX_AGE.search(headers.get("cache-control", "")):
        age = headers.get("age", "").strip()
        spent = int(age[:10]) if age.isascii() and age.isdigit() else 0
        return _positive(timedelta(seconds=min(int(found[1]), 10**9) - spent))
    expires = http_date(headers.get("expires", ""))
    if expires is None:
        return None
    return _positive(expires - (http_date(headers.get("date", "")) or now))


def wish_of_feed(body: bytes, now: datetime) -> timedelta | None:
    """How long the feed itself asks to be left alone: `ttl`, the syndication module's period, and
    the hours and days to skip (they count in GMT). Read from the raw bytes, since parsers keep
    only the last skipped hour. None when it does not say."""
    head = body[:_HEAD]
    wishes = [wish for wish in (_ttl(head), _period(head), _skipped(body, now)) if wish]
    return max(wishes, default=None)


def longest(*wishes: timedelta | None) -> timedelta | None:
    """The longest of these wishes, at most `LONGEST_HINT`."""
    known = [wish for wish in wishes if wish is not None]
    return min(max(known), LONGEST_HINT) if known else None


def http_date(value: str) -> datetime | None:
    """The time of an HTTP date, in UTC; None when it is none."""
    try:
        parsed = parsedate_to_datetime(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _positive(wish: timedelta) -> timedelta | None:
    return wish if wish > timedelta() else None


def _ttl(head: bytes) -> timedelta | None:
    found = _TTL.search(head)
    return _positive(timedelta(minutes=int(found[1]))) if found else None


def _period(head: bytes) -> timedelta | None:
    period, frequency = _PERIOD.search(head), _FREQUENCY.search(head)
    if period is None and frequency is None:
        return None
    length = _PERIODS.get(period[1].lower() if period else b"daily")
    return length / max(1, int(frequency[1]) if frequency else 1) if length else None


def _skipped(body: bytes, now: datetime) -> timedelta | None:
    hours = {
        int(hour) % 24
        for block in _SKIP_HOURS.findall(body[:_HEAD])
        for hour in _HOUR.findall(block)
    }
    days = {
        _DAYS.index(day.lower())
        for block in _SKIP_DAYS.findall(body[:_HEAD])
        for day in _DAY.findall(block)
        if day.lower() in _DAYS
    }
    free = now.replace(minute=0, second=0, microsecond=0)
    for _ in range(24 * 7):
        if free.hour not in hours and free.weekday() not in days:
            return _positive(free - now)
        free += timedelta(hours=1)
    return None  # it would never be read: not meant
