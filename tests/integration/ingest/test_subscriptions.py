"""The subscriptions at hubs, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine
from services.ingest.hooks.subscriptions import SubscriptionStore
from services.ingest.hooks.websub import Subscription
from services.ingest.tables import subscriptions
from tests.unit.ingest.building import NOW

LATER = NOW + timedelta(days=8)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url)
    await migrate(engine, "services.ingest")
    yield engine
    await engine.dispose()


def a_subscription(key: str = "k", source: str = "forum", **fields: object) -> Subscription:
    hub, topic = "https://hub.example/", "https://forum.example/feed"
    made = Subscription(key, source, "geheim", hub, topic, ask_at=NOW)
    return replace(made, **fields)  # type: ignore[arg-type]


async def test_the_migration_makes_the_table(engine: AsyncEngine) -> None:
    def columns(connection: Connection) -> dict[str, bool]:
        found = inspect(connection).get_columns(subscriptions.name)
        return {column["name"]: column["nullable"] for column in found if column["name"] != "key"}

    async with engine.connect() as connection:
        made = await connection.run_sync(columns)
    assert made == {each.name: each.nullable for each in subscriptions.c if each.name != "key"}


async def test_a_subscription_comes_back_as_it_was(engine: AsyncEngine) -> None:
    store = SubscriptionStore(engine)
    made = a_subscription(failures=3, lease_until=LATER)
    await store.keep(made)
    assert await store.by_key("k") == made
    assert await store.of_source("forum") == made
    changed = replace(made, wanted=False, lease_until=None)
    await store.keep(changed)
    assert await store.by_key("k") == changed
    assert await store.of_source("forum") is None
    await store.forget("k")
    assert await store.by_key("k") is None


async def test_a_confirmed_subscription_has_a_lease_and_no_failures(engine: AsyncEngine) -> None:
    store = SubscriptionStore(engine)
    await store.keep(a_subscription(failures=3))
    await store.confirm("k", LATER, NOW + timedelta(days=6))
    confirmed = a_subscription(lease_until=LATER, ask_at=NOW + timedelta(days=6))
    assert await store.by_key("k") == confirmed


async def test_what_is_not_wanted_any_more_ends_unless_it_is_over(engine: AsyncEngine) -> None:
    store = SubscriptionStore(engine)
    kept = a_subscription("kept", "forum", lease_until=LATER)
    left = a_subscription("left", "presse", lease_until=LATER)
    for each in (
        kept,
        left,
        a_subscription("never-confirmed", "blog"),
        a_subscription("over", "radio", lease_until=NOW - timedelta(seconds=1)),
    ):
        await store.keep(each)
    assert await store.leave_all_but(["forum"], NOW) == [replace(left, wanted=False)]
    assert await store.by_key("kept") == kept
    assert await store.by_key("over") is None
    assert await store.by_key("never-confirmed") is None
