"""Hostile input is read in a child process that may die of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from libs.common.child.process import Limits
from services.ingest.failure import Unreadable
from services.ingest.reading.confined import STRICT, ConfinedProcess
from services.ingest.reading.feed_formats.entry import Feed
from services.ingest.reading.feed_formats.tolerant import Job, run
from services.ingest.reading.robots import Robots
from tests.integration.child.jobs import complain, reverse, spin, swallow_memory
from tests.unit.ingest.building import item, rss


@pytest.fixture
async def confined() -> AsyncIterator[ConfinedProcess]:
    process = ConfinedProcess()
    yield process
    await process.close()


async def read(confined: ConfinedProcess, text: str) -> Feed:
    answer = await confined.run(run, msgspec.msgpack.encode(Job(text, "https://x.example/")))
    return msgspec.msgpack.decode(answer, type=Feed)


async def test_what_cannot_be_read_says_why(confined: ConfinedProcess) -> None:
    with pytest.raises(Unreadable, match="it cannot be read: ValueError: I do not like it"):
        await confined.run(complain, b"")


@pytest.mark.parametrize("job", [swallow_memory, spin])
async def test_what_takes_too_much_is_unreadable_and_the_next_is_read(
    job: Callable[[bytes], bytes],
) -> None:
    confined = ConfinedProcess(Limits(seconds=1.0, memory=STRICT.memory))
    try:
        with pytest.raises(Unreadable, match="too much time or memory"):
            await confined.run(job, b"")
        assert await confined.run(reverse, b"ab") == b"ba"
    finally:
        await confined.close()


async def test_rules_for_programs_that_take_minutes_to_read_hold_up_nobody() -> None:
    names = "".join(f"User-agent: x{number}\n" for number in range(2_000))
    rules = Robots("https://x.example", names + "Disallow: /a\n" * 35_000, 0)
    confined = ConfinedProcess(Limits(seconds=1.0, memory=STRICT.memory))
    try:
        with pytest.raises(Unreadable, match="too much time or memory"):
            await rules.permission("https://x.example/", "Brandmelder", confined)
    finally:
        await confined.close()


async def test_a_billion_laughs_are_survived(confined: ConfinedProcess) -> None:
    lines = "".join(f"<!ENTITY l{n} '" + f"&l{n - 1};" * 10 + "'>" for n in range(1, 10))
    bomb = f"<!DOCTYPE rss [<!ENTITY l0 'lol'>{lines}]>" + rss(item(1), item(2, text="&l9;"))
    feed = await read(confined, bomb)
    assert feed.entries[0].title == "Meldung 1"
    assert all(len(entry.text) < 10_000 for entry in feed.entries)


async def test_a_hundred_thousand_elements_in_one_another_are_survived(
    confined: ConfinedProcess,
) -> None:
    deep = rss(item(1), "<item><title>" + "<a>" * 100_000 + "</a>" * 100_000 + "</title></item>")
    assert (await read(confined, deep)).entries[0].title == "Meldung 1"
