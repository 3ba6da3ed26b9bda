"""A search shares its process with everything else."""

import asyncio
from time import monotonic

from services.query.search import SLICE_SECONDS, fairly

ROWS = 10


async def test_others_get_their_turn_while_one_page_is_searched() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    waiting = asyncio.create_task(other())
    seen = []
    async for row in fairly(range(ROWS)):
        seen.append(row)
        until = monotonic() + 1.2 * SLICE_SECONDS
        while monotonic() < until:
            pass  # a text that takes long to match
    waiting.cancel()
    assert seen == list(range(ROWS))
    assert turns >= ROWS - 1
