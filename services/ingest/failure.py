"""Why a source could not be read: a vocabulary, so that its health has a reason.

CollectionFailed
├── Unreachable      no connection, no name, broken connection, server error
├── TooSlow          the answer took longer than its time limit, or a stream fell silent
├── TooLarge         the answer is larger than its size limit, perhaps only once unpacked
├── RateLimited      the server asked to wait
├── OverBudget       the platform's quota, or the source's own budget, is used up
├── Blocked          a challenge page, or access is forbidden
├── AuthFailed       the credentials are missing or refused
├── Rejected         the platform does not understand or allow the request
├── Missing          nothing is there (any more), perhaps for a while
├── Gone             the server says it is gone for good: the source is not polled again
├── NotAFeed         an answer that is not what the source is configured as
├── Unreadable       it could not be read within the limits of time and memory
└── Refused          the address leads to a private network
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal, TypeAlias

from libs.common.errors import BrandmelderError

Health: TypeAlias = Literal[
    "new",
    "ok",
    "unchanged",
    "empty",
    "silent",
    "blocked",
    "auth_failed",
    "rate_limited",
    "over_budget",
    "failing",
    "gone",
]
"""How a source is: `new` was never read, `ok` gave posts, `unchanged` had nothing new, `empty` is
readable but holds nothing at all, `silent` is quieter than it should be; the others failed, `gone`
for good."""


@dataclass(frozen=True, slots=True)
class BackOff:
    """Waits that a platform prescribes after failures of one kind: the first, then each longer by
    `step` or `factor` times as long, `longest` at most. A first of zero is "again at once, once".
    """

    first: timedelta
    longest: timedelta
    factor: float = 1.0
    step: timedelta = timedelta()

    def wait(self, before: int) -> timedelta:
        """The wait after a failure that had so many of its kind right before it."""
        waited = self.first
        for _ in range(min(before, 64)):
            waited = min(self.longest, waited * self.factor + self.step)
        return min(self.longest, waited)


def printable(text: str) -> str:
    """The text in one line, with a space for whatever is not to be seen."""
    return "".join(each if each.isprintable() else " " for each in text)


class CollectionFailed(BrandmelderError):
    """A reading failed.

    not_before: the server asked for no request before this time. back_off: the waits that the
    platform prescribes instead of ours.
    """

    health: ClassVar[Health] = "failing"
    reason: ClassVar[str]

    def __init__(
        self,
        detail: str,
        *,
        not_before: datetime | None = None,
        back_off: BackOff | None = None,
    ) -> None:
        # It goes into logs, terminals and a database, and a server may have written some of it.
        super().__init__(printable(detail))
        self.not_before = not_before
        self.back_off = back_off


class Unreachable(CollectionFailed):
    reason = "unreachable"


class TooSlow(CollectionFailed):
    reason = "too slow"


class TooLarge(CollectionFailed):
    reason = "too large"


class RateLimited(CollectionFailed):
    health = "rate_limited"
    reason = "rate limited"


class OverBudget(CollectionFailed):
    health = "over_budget"
    reason = "over budget"


class Blocked(CollectionFailed):
    health = "blocked"
    reason = "blocked"


class AuthFailed(CollectionFailed):
    health = "auth_failed"
    reason = "credentials refused"


class Rejected(CollectionFailed):
    reason = "request rejected"


class Missing(CollectionFailed):
    reason = "missing"


class Gone(CollectionFailed):
    health = "gone"
    reason = "gone"


class NotAFeed(CollectionFailed):
    reason = "not a feed"


class Unreadable(CollectionFailed):
    reason = "unreadable"


class Refused(CollectionFailed):
    reason = "private address"
