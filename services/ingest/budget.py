"""What a source may cost a month, and what that means for its next reading.

Months are the calendar's, in UTC, as platforms bill them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import Field, model_validator

from libs.common.settings import Strict

SLOWEST: Final = 100.0
"""The most times longer that an interval gets before the budget is used up."""
_SHORTEST_PAST: Final = timedelta(days=1)
"""A forecast takes this to have passed at least: a first reading brings a day's posts at once."""


class Budget(Strict):
    """What a source may cost in a calendar month; a page that could go beyond is not read."""

    reads_per_month: Annotated[int, Field(ge=1)] | None = None
    """As the platform counts: posts, requests or units of its quota."""
    money_per_month: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """In the currency of the platform's prices."""
    warn_at: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The share of either from which it is told that the budget runs out."""

    @model_validator(mode="after")
    def _limits_something(self) -> Budget:
        if self.reads_per_month is None and self.money_per_month is None:
            raise ValueError("expected reads_per_month, money_per_month or both")
        return self


@dataclass(frozen=True, slots=True)
class Spent:
    """What readings cost: as the platform counts them, and in its currency."""

    reads: int = 0
    money: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.reads + other.reads, self.money + other.money)


NOTHING: Final = Spent()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a budget says about the next reading.

    forecast: what the month will have cost if it goes on as it went. slower: the interval is to be
    so many times as long. until: no reading before this time; None when there may be one. sentence:
    why it is slower or stopped, or that the budget runs out, for people; None when there is nothing
    to say.
    """

    forecast: Spent
    slower: float = 1.0
    until: datetime | None = None
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class _Purse:
    """One limit of a budget. page: what the dearest page may take of it."""

    limit: float
    spent: float
    page: float
    shown: Callable[[float], str]

    def rate(self, past: timedelta) -> float:
        """A second's spending so far."""
        return self.spent / max(past, _SHORTEST_PAST).total_seconds()

    def forecast(self, past: timedelta, left: timedelta) -> float:
        return self.spent + self.rate(past) * left.total_seconds()

    def slower(self, past: timedelta, left: timedelta) -> float:
        """The square of how many times too fast it went, measured by what is left for the rest of
        the month: squared, because what was spent is the outcome of having been slowed down."""
        too_fast = self.rate(past) * left.total_seconds() / (self.limit - self.spent)
        return min(max(1.0, too_fast) ** 2, SLOWEST)

    @property
    def is_empty(self) -> bool:
        return self.spent >= self.limit or self.spent + self.page > self.limit

    @property
    def used(self) -> float:
        return self.spent / self.limit


def judge(budget: Budget, spent: Spent, now: datetime, page: Spent = NOTHING) -> Judgement:
    """Whether a source may be read now, and how much slower than it is configured.

    spent: this month so far, all that the platform counts. page: the most that the next reading
    may cost; with it the budget is never exceeded. Slowing down saves where requests are counted;
    where posts are, it only puts off what the month's limit then stops.
    """
    begun, ends = month_of(now)
    past, left = now - begun, ends - now
    reads = _Purse(budget.reads_per_month or 0, spent.reads, page.reads, _as_reads)
    money = _Purse(budget.money_per_month or 0, spent.money, page.money, _as_money)
    forecast = Spent(round(reads.forecast(past, left)), money.forecast(past, left))
    purses = [purse for purse in (reads, money) if purse.limit]
    for purse in purses:
        if purse.is_empty:
            return Judgement(forecast, until=ends, sentence=_stopped(purse, ends))
    fullest = max(purses, key=lambda purse: (purse.slower(past, left), purse.used))
    slower = fullest.slower(past, left)
    if slower > 1:
        expected = fullest.shown(fullest.forecast(past, left))
        sentence = (
            f"at this pace the month would cost {expected} of {fullest.shown(fullest.limit)}: "
            f"read {slower:.1f} times as seldom"
        )
        return Judgement(forecast, slower=slower, sentence=sentence)
    closest = max(purses, key=lambda purse: purse.used)
    if closest.used >= budget.warn_at:
        return Judgement(forecast, sentence=_running_out(closest, ends))
    return Judgement(forecast)


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """The beginning of the month that `now` lies in, in UTC, and of the next one."""
    begun = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return begun, (begun + timedelta(days=32)).replace(day=1)


def _stopped(purse: _Purse, ends: datetime) -> str:
    left = f", and the next page may cost {purse.shown(purse.page)}" if purse.page else ""
    return f"{_so_far(purse)}{left}: not read again before {ends:%Y-%m-%d} 00:00 UTC"


def _running_out(purse: _Purse, ends: datetime) -> str:
    return f"{_so_far(purse)}; it has to last until {ends:%Y-%m-%d}"


def _so_far(purse: _Purse) -> str:
    return (
        f"{purse.shown(purse.spent)} of the month's {purse.shown(purse.limit)} are used up "
        f"({purse.used:.0%})"
    )


def _as_reads(amount: float) -> str:
    return f"{amount:,.0f} reads"


def _as_money(amount: float) -> str:
    return f"{amount:,.2f} in money"
