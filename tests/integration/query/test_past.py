"""Going through the stored mentions in the order they were published, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine
from libs.common.events import ClassifiedMention
from services.query.past import CHUNK, published
from services.query.store import MentionStore
from tests.unit.query_service.building import NOON, a_deletion, a_mention

SECOND = timedelta(seconds=1)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url)
    await migrate(engine, "services.query")
    yield engine
    await engine.dispose()


async def past(engine: AsyncEngine, *since: Any, **which: Any) -> list[ClassifiedMention]:
    return [mention async for mention in published(engine, *since, **which)]


async def test_mentions_come_in_the_order_they_were_published(engine: AsyncEngine) -> None:
    mentions = [a_mention(number) for number in (3, 1, 2)]
    await MentionStore(engine).write(mentions)
    assert await past(engine, NOON) == [mentions[1], mentions[2], mentions[0]]


async def test_the_beginning_belongs_to_it_and_the_end_does_not(engine: AsyncEngine) -> None:
    mentions = [a_mention(number) for number in range(1, 6)]
    await MentionStore(engine).write(mentions)
    assert await past(engine, NOON + 2 * SECOND, NOON + 4 * SECOND) == mentions[1:3]


async def test_what_was_deleted_is_left_out(engine: AsyncEngine) -> None:
    first, second = a_mention(1), a_mention(2)
    await MentionStore(engine).write([first, second, a_deletion(first)])
    assert await past(engine, NOON) == [second]


async def test_one_watch_can_be_asked_for(engine: AsyncEngine) -> None:
    ours, theirs = a_mention(1), a_mention(2, watch="board")
    await MentionStore(engine).write([ours, theirs])
    assert await past(engine, NOON, watch="board") == [theirs]


async def test_none_is_lost_between_chunks_and_none_comes_twice(engine: AsyncEngine) -> None:
    at = timedelta(seconds=5)
    mentions = [a_mention(number, after=at) for number in range(2 * CHUNK + 1)]
    await MentionStore(engine).write(mentions)
    found = await past(engine, NOON)
    assert [mention.id for mention in found] == sorted(mention.id for mention in mentions)
