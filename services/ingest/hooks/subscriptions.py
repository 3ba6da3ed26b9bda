"""Subscriptions at hubs, in the database: a hub may reach any copy of the service."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import reading, writing
from services.ingest.hooks.websub import Subscription
from services.ingest.stamps import stamp, stamp_or_none, time_of, time_or_none
from services.ingest.tables import subscriptions as table


class SubscriptionStore:
    """Reads and writes `ingest_subscriptions`. Raises Retryable when the database does not
    answer."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of_source(self, source: str) -> Subscription | None:
        """The one that is wanted for this source."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(
                select(table).where(table.c.source == source, table.c.wanted == 1)
            )
            row = rows.first()
        return None if row is None else _subscription(row)

    async def by_key(self, key: str) -> Subscription | None:
        async with reading(self._engine) as connection:
            row = (await connection.execute(select(table).where(table.c.key == key))).first()
        return None if row is None else _subscription(row)

    async def keep(self, subscription: Subscription) -> None:
        """Keeps it, over what was known of it."""
        values = _values(subscription)
        async with writing(self._engine) as connection:
            changed = await connection.execute(
                update(table).where(table.c.key == subscription.key).values(**values)
            )
            if changed.rowcount == 0:
                await connection.execute(insert(table).values(**values))

    async def confirm(self, key: str, lease_until: datetime, ask_at: datetime) -> None:
        """The hub delivers until then, and is asked again before."""
        async with writing(self._engine) as connection:
            await connection.execute(
                update(table)
                .where(table.c.key == key)
                .values(lease_until=stamp(lease_until), ask_at=stamp(ask_at), failures=0)
            )

    async def forget(self, key: str) -> None:
        async with writing(self._engine) as connection:
            await connection.execute(delete(table).where(table.c.key == key))

    async def leave_all_but(self, sources: Collection[str], now: datetime) -> list[Subscription]:
        """Those of other sources are wanted no more. Gives all that are to end and are not over
        by themselves."""
        async with writing(self._engine) as connection:
            await connection.execute(
                update(table).where(table.c.source.not_in(list(sources))).values(wanted=0)
            )
            over = or_(table.c.lease_until.is_(None), table.c.lease_until < stamp(now))
            await connection.execute(delete(table).where(table.c.wanted == 0, over))
            rows = await connection.execute(
                select(table).where(table.c.wanted == 0).order_by(table.c.key)
            )
            return [_subscription(row) for row in rows]


def _values(subscription: Subscription) -> dict[str, object]:
    return {
        "key": subscription.key,
        "source": subscription.source,
        "secret": subscription.secret,
        "hub": subscription.hub,
        "topic": subscription.topic,
        "wanted": int(subscription.wanted),
        "ask_at": stamp(subscription.ask_at),
        "failures": subscription.failures,
        "lease_until": stamp_or_none(subscription.lease_until),
    }


def _subscription(row: Row[Any]) -> Subscription:
    return Subscription(
        key=row.key,
        source=row.source,
        secret=row.secret,
        hub=row.hub,
        topic=row.topic,
        wanted=bool(row.wanted),
        ask_at=time_of(row.ask_at),
        failures=row.failures,
        lease_until=time_or_none(row.lease_until),
    )
