"""What X means when it refuses: by the problem it names, and by the status where it names none.

https://docs.x.com/x-api/fundamentals/response-codes-and-errors
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.ingest.failure import (
    AuthFailed,
    BackOff,
    CollectionFailed,
    Missing,
    OverBudget,
    RateLimited,
    Rejected,
    Unreachable,
)
from services.ingest.reading.answer import is_html
from services.ingest.reading.pacing import at_unix_time, retry_after
from services.ingest.reading.platform_api import Reply

AT_ONCE: Final = BackOff(
    first=timedelta(), longest=timedelta(seconds=16), step=timedelta(milliseconds=250)
)
"""After a stream fell silent or was ended: again at once, once."""
LINEAR: Final = BackOff(
    first=timedelta(milliseconds=250),
    longest=timedelta(seconds=16),
    step=timedelta(milliseconds=250),
)
"""After a connection broke."""
_SERVER_ERROR: Final = BackOff(
    first=timedelta(seconds=5), longest=timedelta(seconds=320), factor=2.0
)
CROWDED: Final = BackOff(first=timedelta(minutes=1), longest=timedelta(hours=1), factor=2.0)
"""After too many connections, each attempt being one."""
_STOPPED: Final = BackOff(first=timedelta(minutes=15), longest=timedelta(minutes=15))
"""Nothing changes unless a person does something, which is then noticed."""
_CAP_RAISED: Final = timedelta(hours=6)
"""How soon after a used-up quota it is asked again, since its owner may have raised it."""
_NO_ACCESS: Final = frozenset(
    {"client-forbidden", "unsupported-authentication", "oauth1-permissions"}
)
NOT_SHOWN: Final = frozenset({"resource-not-found", "not-authorized-for-resource"})
"""Problems with something single that X does not show, or not any more."""
_LONGEST: Final = 300


class Problem(msgspec.Struct, frozen=True):
    """What X says about something that went wrong, in an answer or on a stream."""

    title: str | None = None
    detail: str | None = None
    type: str | None = None
    reason: str | None = None
    message: str | None = None
    value: str | None = None
    resource_id: str | None = None
    connection_issue: str | None = None
    disconnect_type: str | None = None

    @property
    def name(self) -> str:
        """The last segment of its type: the host before it is not always the same."""
        return (self.type or "").rstrip("/").rpartition("/")[2]

    @property
    def words(self) -> str:
        said = (
            self.title,
            self.message or self.detail,
            self.reason,
            self.connection_issue or self.disconnect_type,
        )
        return ": ".join(dict.fromkeys(part for part in said if part))


class _Body(msgspec.Struct, frozen=True):
    errors: list[msgspec.Raw] | None = None


def problems_in(body: bytes) -> list[Problem]:
    """The problem of the whole, then those of its parts; empty when the body names none."""
    return [problem for problem in _each_problem(body) if problem.words or problem.name]


def words_of(problems: list[Problem]) -> str:
    """The platform's own words, for people."""
    return "; ".join(dict.fromkeys(p.words or p.name for p in problems))[:_LONGEST]


def judge(reply: Reply) -> CollectionFailed | None:
    """Any answer but a good one; None leaves it to the status alone."""
    if 200 <= reply.status < 300:
        return None
    if reply.status >= 500:
        return Unreachable(reply.said(), not_before=retry_after(reply.headers, reply.at))
    if is_html(reply.body):
        return None
    problems = problems_in(reply.body)
    said = words_of(problems) or reply.said()
    names = {problem.name for problem in problems}
    if "usage-capped" in names or any(p.title == "UsageCapExceeded" for p in problems):
        return OverBudget(said, not_before=reply.at + _CAP_RAISED)
    match reply.status:
        case 401:
            return AuthFailed(said)
        case 403 if problems:
            return AuthFailed(said) if names & _NO_ACCESS else Rejected(said)
        case 404:
            return Missing(said)
        case 429:
            return RateLimited(said, not_before=limit_reset(reply))
        case 400 | 409:
            return Rejected(said)
    return None


def judge_stream(reply: Reply) -> CollectionFailed | None:
    """As `judge`, with the waits that X prescribes to who wants to listen."""
    failure = judge(reply)
    if failure is not None and not isinstance(failure, OverBudget):
        failure.back_off = _prescribed(reply.status)
    return failure


def limit_reset(reply: Reply) -> datetime | None:
    """When a limit that was reached begins anew. Every answer says when it would: it counts only if
    nothing is left of it, since there are refusals of other kinds."""
    is_reached = reply.headers.get("x-rate-limit-remaining", "0").strip() == "0"
    reset = reply.headers.get("x-rate-limit-reset", "") if is_reached else ""
    return at_unix_time(reset, reply.at) or retry_after(reply.headers, reply.at)


def _prescribed(status: int) -> BackOff | None:
    if status >= 500:
        return _SERVER_ERROR
    if status == 429:
        return CROWDED
    return _STOPPED if status in (401, 403, 404, 409) else None


def _each_problem(body: bytes) -> Iterator[Problem]:
    try:
        yield msgspec.json.decode(body, type=Problem)
        parts = msgspec.json.decode(body, type=_Body).errors or ()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for part in parts:
        try:
            yield msgspec.json.decode(part, type=Problem)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
