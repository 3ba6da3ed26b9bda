"""How much is asked: the day's money and the requests of a minute. Pure: time is passed in."""

from __future__ import annotations

from collections import deque
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple

from services.classify.second_opinion.endpoint import Tokens
from services.classify.settings import TokenBudget

_MILLION: Final = 1_000_000
_MINUTE: Final = timedelta(minutes=1)


class Reserved(NamedTuple):
    """Money set aside for a question, on this day. least: what it sends costs so much alone."""

    day: date
    money: float
    least: float


class Spending:
    """Money by UTC day, requests by the minute that is past. It lives in memory: a new process
    begins at nothing.

    No answer's size is known before it is there. What is under way may thus cost more than was set
    aside; from the first answer of a day that did, so much is set aside for each.
    """

    def __init__(self, budget: TokenBudget, requests_per_minute: int) -> None:
        self._budget = budget
        self._asked: deque[datetime] = deque(maxlen=requests_per_minute)
        self._day = date.min
        self._spent = 0.0
        self._dearest = 0.0

    def reserve(self, expected: Tokens, now: datetime) -> Reserved | Literal["budget", "rate"]:
        """Sets aside what a question is expected to cost, at least what the dearest one of the day
        did; or says what does not allow it."""
        today = self._today(now)
        money = max(self._price(expected), self._dearest)
        if self._spent + money > self._budget.per_day:
            return "budget"
        if len(self._asked) == self._asked.maxlen and now - self._asked[0] < _MINUTE:
            return "rate"
        self._asked.append(now)
        self._spent += money
        return Reserved(today, money, self._price(Tokens(expected.input, 0)))

    def settle(self, reserved: Reserved, used: Tokens) -> None:
        """What an answer took in truth; never less than what was sent, whatever is counted."""
        self._replace(reserved, max(self._price(used), reserved.least))

    def release(self, reserved: Reserved) -> None:
        """It cost nothing."""
        self._replace(reserved, 0.0)

    def spent(self, now: datetime) -> float:
        """So much of the day's money."""
        self._today(now)
        return self._spent

    def _replace(self, reserved: Reserved, money: float) -> None:
        """What was set aside on a day that is over stays with that day."""
        if reserved.day == self._day:
            self._spent = max(0.0, self._spent - reserved.money + money)
            self._dearest = max(self._dearest, money)

    def _today(self, now: datetime) -> date:
        today = now.astimezone(UTC).date()
        if today != self._day:
            self._day, self._spent, self._dearest = today, 0.0, 0.0
        return today

    def _price(self, tokens: Tokens) -> float:
        budget = self._budget
        return (tokens.input * budget.input_price + tokens.output * budget.output_price) / _MILLION
