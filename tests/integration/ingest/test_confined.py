"""Hostile input is read in a child process that may die of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from services.ingest.collector import Unreadable
from services.ingest.confined import ConfinedProcess
from services.ingest.feed_formats.entry import Feed
from services.ingest.feed_formats.tolerant import Job, run
from tests.integration.ingest.jobs import (
    complain,
    die,
    pid,
    reverse,
    secrets,
    spin,
    swallow_memory,
)
from tests.unit.ingest.building import item, rss


@pytest.fixture
async def confined() -> AsyncIterator[ConfinedProcess]:
    process = ConfinedProcess(seconds=4.0, idle=60.0)
    yield process
    await process.close()


async def test_it_starts_when_it_is_needed_and_stays_for_the_next_job(
    confined: ConfinedProcess,
) -> None:
    assert not confined.running
    assert await confined.run(reverse, b"abc") == b"cba"
    first = await confined.run(pid, b"")
    assert await confined.run(pid, b"") == first
    assert int(first) != os.getpid()


async def test_jobs_at_the_same_time_get_their_own_answers(confined: ConfinedProcess) -> None:
    payloads = [bytes([number]) * 100_000 + b"end" for number in range(8)]
    answers = await asyncio.gather(*(confined.run(reverse, payload) for payload in payloads))
    assert answers == [payload[::-1] for payload in payloads]


async def test_a_failing_job_says_why_and_harms_nobody(confined: ConfinedProcess) -> None:
    with pytest.raises(Unreadable, match="I do not like it"):
        await confined.run(complain, b"")
    assert await confined.run(reverse, b"ab") == b"ba"


@pytest.mark.parametrize("job", [swallow_memory, spin, die])
async def test_a_job_over_its_limits_is_killed_and_the_next_one_runs(
    confined: ConfinedProcess, job: Callable[[bytes], bytes]
) -> None:
    begun = time.monotonic()
    with pytest.raises(Unreadable):
        await confined.run(job, b"")
    assert time.monotonic() - begun < 15
    assert await confined.run(reverse, b"ab") == b"ba"


async def test_a_cancelled_job_leaves_no_answer_for_the_next(confined: ConfinedProcess) -> None:
    await confined.run(reverse, b"")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await confined.run(spin, b"")
    assert await confined.run(reverse, b"ab") == b"ba"


async def test_it_ends_when_nobody_needs_it_any_more() -> None:
    confined = ConfinedProcess(idle=0.01)
    child = int(await confined.run(pid, b""))
    async with asyncio.timeout(10):
        while confined.running or _lives(child):
            await asyncio.sleep(0.01)  # the child's end has no other sign
    assert await confined.run(reverse, b"ab") == b"ba"
    await confined.close()


async def test_secrets_of_the_environment_do_not_reach_it(
    confined: ConfinedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRANDMELDER_TOKEN", "geheim")
    assert b"BRANDMELDER_TOKEN" not in await confined.run(secrets, b"")


async def read(confined: ConfinedProcess, text: str) -> Feed:
    answer = await confined.run(run, msgspec.msgpack.encode(Job(text, "https://x.example/")))
    return msgspec.msgpack.decode(answer, type=Feed)


async def test_a_billion_laughs_are_survived() -> None:
    lines = "".join(f"<!ENTITY l{n} '" + f"&l{n - 1};" * 10 + "'>" for n in range(1, 10))
    bomb = f"<!DOCTYPE rss [<!ENTITY l0 'lol'>{lines}]>" + rss(item(1), item(2, text="&l9;"))
    confined = ConfinedProcess()
    try:
        feed = await read(confined, bomb)
        assert feed.entries[0].title == "Meldung 1"
        assert all(len(entry.text) < 10_000 for entry in feed.entries)
    finally:
        await confined.close()


async def test_a_hundred_thousand_elements_in_one_another_are_survived() -> None:
    deep = rss(item(1), "<item><title>" + "<a>" * 100_000 + "</a>" * 100_000 + "</title></item>")
    confined = ConfinedProcess()
    try:
        assert (await read(confined, deep)).entries[0].title == "Meldung 1"
    finally:
        await confined.close()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
