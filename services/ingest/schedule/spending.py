"""What was spent on each source in each month, shared by all copies of the service."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import reading, writing
from services.ingest.budget import NOTHING, Budget, Judgement, Spent, judge, month_of
from services.ingest.failure import OverBudget
from services.ingest.tables import spending

_ADD: Final = text(
    "INSERT INTO ingest_spending (source, month, reads, money)"
    " VALUES (:source, :month, :reads, :money)"
    " ON CONFLICT (source, month) DO UPDATE SET reads = ingest_spending.reads + excluded.reads,"
    " money = ingest_spending.money + excluded.money"
)


_FREE: Final = Judgement(NOTHING)


class Spending:
    """Reads and writes `ingest_spending`. Raises Retryable when the database does not answer."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def this_month(self, source: str, now: datetime) -> Spent:
        """What the source has cost in the calendar month of `now`, in UTC."""
        wanted = select(spending.c.reads, spending.c.money).where(
            spending.c.source == source, spending.c.month == _month(now)
        )
        async with reading(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return NOTHING if row is None else Spent(row.reads, row.money)

    async def judge(
        self, source: str, budget: Budget | None, price: Spent, now: datetime
    ) -> Judgement:
        """What the budget says about spending so much next. Raises OverBudget."""
        if budget is None:
            return _FREE
        judgement = judge(budget, await self.this_month(source, now), now, price)
        if judgement.until is not None:
            raise OverBudget(judgement.sentence or "", not_before=judgement.until)
        return judgement

    async def add(self, source: str, spent: Spent, now: datetime) -> None:
        if spent == NOTHING:
            return
        values = {
            "source": source,
            "month": _month(now),
            "reads": spent.reads,
            "money": spent.money,
        }
        async with writing(self._engine) as connection:
            await connection.execute(_ADD, values)


def _month(now: datetime) -> str:
    """As 2026-11."""
    return f"{month_of(now)[0]:%Y-%m}"
