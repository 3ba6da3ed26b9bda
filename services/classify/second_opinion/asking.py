"""Asks a batch of questions within one timeout, a budget and a rate; never insists."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Protocol

import structlog

from libs.common import metrics
from libs.common.clock import Clock
from services.classify.second_opinion.endpoint import Reply, Tokens
from services.classify.second_opinion.opinion import Opinion, Why
from services.classify.second_opinion.question import PROMPT, Question
from services.classify.second_opinion.spending import Spending

log = structlog.get_logger(__name__)

AT_ONCE: Final = 6
"""So many questions are under way at most."""
FAILURES: Final = 5
"""After so many in a row nothing is asked for a while."""
PAUSE: Final = timedelta(minutes=1)
REMEMBERED: Final = 4_096
"""Answers kept for texts that come again."""
ANSWER_TOKENS: Final = 200
"""Of an answer, where the endpoint has not counted them yet. Input is taken as a token for every
three bytes."""

_ENDPOINTS_FAULT: Final = frozenset[Opinion | Why](
    ("slow", "unreachable", "throttled", "status", "malformed", "failed")
)


class Asks(Protocol):
    """Answers one question, without a deadline of its own."""

    async def ask(self, question: Question) -> Reply: ...


class Asking:
    """Gets opinions, or the reason why there is none.

    An answer is kept for the next text that is the same, an unusable one too: asking again would
    cost again.
    """

    def __init__(self, endpoint: Asks, spending: Spending, patience: float, clock: Clock) -> None:
        """patience: seconds for all questions of a batch together."""
        self._endpoint = endpoint
        self._spending = spending
        self._patience = patience
        self._clock = clock
        self._known: OrderedDict[bytes, Opinion | Why] = OrderedDict()
        self._failures = 0
        self._rests_until: datetime | None = None
        self._used_up_on: date | None = None

    async def about(self, questions: Sequence[Question]) -> dict[Question, Opinion | Why]:
        """What came of each question, the first ones asked first. Takes `patience` at most.

        A question that could not have half of that is not asked any more: it would be paid for, and
        hardly be answered.
        """
        begun = asyncio.get_running_loop().time()
        found: dict[Question, Opinion | Why] = {}
        waiting = iter(questions)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(questions))):
                group.create_task(self._work_off(waiting, found, begun))
        return found

    async def _work_off(
        self, waiting: Iterator[Question], found: dict[Question, Opinion | Why], begun: float
    ) -> None:
        for question in waiting:
            try:
                found[question] = await self._answer(question, begun)
            except Exception as error:
                # It would cancel the other questions and end the batch, which needs no opinion.
                log.exception("a question for a second opinion failed")
                found[question] = "failed"
                self._note(Reply("failed", detail=type(error).__name__), self._clock())

    async def _answer(self, question: Question, begun: float) -> Opinion | Why:
        key = question.key()
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        now = self._clock()
        if self._rests_until is not None and now < self._rests_until:
            return "paused"
        if asyncio.get_running_loop().time() - begun > self._patience / 2:
            return "no time"
        reserved = self._spending.reserve(_expected(question), now)
        if isinstance(reserved, str):
            self._tell_of_the_budget(now, is_used_up=reserved == "budget")
            return reserved
        self._tell_of_the_budget(now, is_used_up=False)
        reply = await self._ask(question, begun + self._patience)
        if not reply.charged:
            self._spending.release(reserved)
        elif reply.used is not None:
            self._spending.settle(reserved, reply.used)
        self._note(reply, self._clock())
        if reply.result not in _ENDPOINTS_FAULT:
            self._remember(key, reply.result)
        return reply.result

    async def _ask(self, question: Question, deadline: float) -> Reply:
        with metrics.SECOND_OPINION_SECONDS.time():
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._endpoint.ask(question)
            except TimeoutError:
                return Reply("slow", detail="no answer in time")

    def _note(self, reply: Reply, now: datetime) -> None:
        """Keeps account of what was used, and rests when the endpoint wants or needs it."""
        if reply.used is not None:
            metrics.SECOND_OPINION_TOKENS.labels("input").inc(reply.used.input)
            metrics.SECOND_OPINION_TOKENS.labels("output").inc(reply.used.output)
        metrics.SECOND_OPINION_SPENT.set(self._spending.spent(now))
        if reply.result not in _ENDPOINTS_FAULT:
            self._failures = 0
            return
        self._failures += 1
        until = reply.not_before
        if until is None and (self._failures >= FAILURES or reply.result == "throttled"):
            until = now + PAUSE
        if until is None:
            return
        if self._rests_until is None or self._rests_until <= now:
            log.warning(
                "second opinions pause", reason=reply.detail, until=until, failures=self._failures
            )
        self._rests_until = max(until, self._rests_until or until)

    def _tell_of_the_budget(self, now: datetime, *, is_used_up: bool) -> None:
        """Once a day; the metric stays until the next day's first question."""
        today = now.date()
        if is_used_up and self._used_up_on != today:
            self._used_up_on = today
            log.warning(
                "the budget for second opinions is used up", spent=self._spending.spent(now)
            )
        metrics.SECOND_OPINION_USED_UP.set(self._used_up_on == today)

    def _remember(self, key: bytes, result: Opinion | Why) -> None:
        self._known[key] = result
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _expected(question: Question) -> Tokens:
    sent = len(PROMPT) + len(question.text.encode()) + len((question.title or "").encode())
    return Tokens(1 + sent // 3, ANSWER_TOKENS)
