"""Streams in batches, and several streams as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

import pytest

from services.ingest.reading.streaming import side_by_side, together

T = TypeVar("T")


class Broken(Exception):
    """The stream broke."""


async def saying(
    *messages: int, then: Exception | None = None, for_ever: bool = False
) -> AsyncGenerator[int, None]:
    for message in messages:
        yield message
    if then is not None:
        raise then
    if for_ever:
        await asyncio.Event().wait()


async def keep(kept: list[T], messages: AsyncGenerator[T, None]) -> None:
    """What came before the end stays, however it ends."""
    async for message in messages:
        kept.append(message)  # noqa: PERF401 -- a comprehension would lose them


async def endless() -> AsyncGenerator[int, None]:
    number = 0
    while True:
        yield number
        number += 1


async def test_all_that_has_arrived_comes_together() -> None:
    batches = [batch async for batch in together(saying(1, 2, 3), within=5)]
    assert batches == [[1, 2, 3]]


async def test_a_batch_holds_so_many_at_most() -> None:
    batches = [batch async for batch in together(saying(1, 2, 3, 4, 5), within=5, at_most=2)]
    assert batches == [[1, 2], [3, 4], [5]]


async def test_nothing_waits_for_what_does_not_come() -> None:
    async with (
        asyncio.timeout(10),
        aclosing(together(saying(1, 2, for_ever=True), within=0.01)) as batches,
    ):
        assert await anext(batches) == [1, 2]


async def test_a_stream_that_says_nothing_gives_no_batch() -> None:
    assert [batch async for batch in together(saying(), within=5)] == []
    with pytest.raises(Broken):
        await keep([], together(saying(then=Broken()), within=5))


async def test_a_sender_waits_for_who_takes_its_messages() -> None:
    sent = 0

    async def flood() -> AsyncGenerator[int, None]:
        nonlocal sent
        while True:
            sent += 1
            yield sent

    async with aclosing(together(flood(), within=0, at_most=1)) as batches:
        assert await anext(batches) == [1]
        for _ in range(3):
            await asyncio.sleep(0)
        assert sent <= 10_000 + 3
        before = sent
        for _ in range(3):
            await asyncio.sleep(0)
        assert sent == before


async def test_a_sender_is_left_in_order() -> None:
    was_closed = asyncio.Event()

    async def careful() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            was_closed.set()

    async with aclosing(together(careful(), within=0)) as batches:
        await anext(batches)
    assert was_closed.is_set()


async def test_what_came_before_a_break_is_handed_on() -> None:
    got: list[list[int]] = []
    with pytest.raises(Broken):
        await keep(got, together(saying(1, 2, then=Broken()), within=5))
    assert got == [[1, 2]]


async def test_who_leaves_a_stream_that_is_far_ahead_does_not_wait_for_it() -> None:
    async with asyncio.timeout(10):
        async with aclosing(together(endless(), within=0, at_most=1)) as batches:
            assert await anext(batches) == [0]
            await asyncio.sleep(0)
        async with aclosing(side_by_side([endless(), endless()])) as messages:
            assert await anext(messages) == 0


async def test_several_streams_are_heard_at_once() -> None:
    got: set[int] = set()
    async with aclosing(
        side_by_side([saying(1, 2, for_ever=True), saying(3, for_ever=True)])
    ) as messages:
        async for message in messages:
            got.add(message)
            if len(got) == 3:
                break
    assert got == {1, 2, 3}


async def test_the_first_of_several_streams_that_ends_or_breaks_ends_all() -> None:
    ended = side_by_side([saying(1), saying(for_ever=True)])
    assert [message async for message in ended] == [1]
    broken = side_by_side([saying(2, then=Broken()), saying(for_ever=True)])
    got: list[int] = []
    with pytest.raises(Broken):
        await keep(got, broken)
    assert got == [2]
