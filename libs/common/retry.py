"""How long to wait before trying again."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def full_jitter(
    attempt: int, *, base: float, cap: float, random: Callable[[], float], at_least: float = 0.0
) -> float:
    """Seconds to wait after failed attempt number `attempt` (the first is 0).

    Exponential back-off with full jitter: uniform in [0, min(cap, base * 2**attempt)], after
    Brooker, "Exponential Backoff And Jitter", 2015. `random` gives a float in [0, 1).
    at_least: what the other side asked for; jitter is only ever added to it.
    """
    return at_least + random() * min(cap, base * 2.0 ** min(attempt, 60))


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from a `Retry-After` header in either form; None when it says nothing."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
