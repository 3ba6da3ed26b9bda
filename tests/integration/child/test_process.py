"""Jobs in a child process: one at a time, within limits, and none left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from libs.common.child.process import ChildProcess, Job, Limits
from libs.common.errors import ChildLost, JobFailed
from tests.integration.child.jobs import (
    complain,
    die,
    pid,
    recall,
    remember,
    reverse,
    secrets,
    spin,
    swallow_memory,
)

GIGABYTE = 1 << 30


@pytest.fixture
async def child() -> AsyncIterator[ChildProcess]:
    process = ChildProcess(Limits(seconds=4.0, memory=GIGABYTE))
    yield process
    await process.close()


async def test_it_starts_when_it_is_needed_and_stays_for_the_next_job(
    child: ChildProcess,
) -> None:
    assert not child.running
    assert await child.run(reverse, b"abc") == b"cba"
    first = await child.run(pid, b"")
    assert await child.run(pid, b"") == first
    assert int(first) != os.getpid()


async def test_jobs_at_the_same_time_get_their_own_answers(child: ChildProcess) -> None:
    payloads = [bytes([number]) * 100_000 + b"end" for number in range(8)]
    answers = await asyncio.gather(*(child.run(reverse, payload) for payload in payloads))
    assert answers == [payload[::-1] for payload in payloads]


async def test_a_job_may_be_larger_than_the_pipe(child: ChildProcess) -> None:
    payload = bytes(range(256)) * 40_000
    assert await child.run(reverse, payload) == payload[::-1]


async def test_a_failing_job_says_why_and_harms_nobody(child: ChildProcess) -> None:
    process = await child.run(pid, b"")
    with pytest.raises(JobFailed, match="ValueError: I do not like it"):
        await child.run(complain, b"")
    assert await child.run(pid, b"") == process


@pytest.mark.parametrize("job", [swallow_memory, spin, die])
async def test_a_job_over_its_limits_is_ended_and_the_next_one_runs(
    child: ChildProcess, job: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(ChildLost):
        await child.run(job, b"")
    assert await child.run(reverse, b"ab") == b"ba"


async def test_a_killed_child_is_replaced(child: ChildProcess) -> None:
    first = int(await child.run(pid, b""))
    async with asyncio.TaskGroup() as group:
        lost = group.create_task(_lost(child))
        os.kill(first, signal.SIGKILL)
    assert lost.result() == "a child process ended before its job"
    assert int(await child.run(pid, b"")) != first


async def test_a_cancelled_job_leaves_no_answer_for_the_next(child: ChildProcess) -> None:
    await child.run(reverse, b"")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await child.run(spin, b"")
    assert await child.run(reverse, b"ab") == b"ba"


async def test_it_ends_when_nobody_needs_it_any_more() -> None:
    child = ChildProcess(Limits(idle=0.01))
    process = int(await child.run(pid, b""))
    await _ended(process)
    assert not child.running
    assert await child.run(reverse, b"ab") == b"ba"
    await child.close()


async def test_every_new_child_does_its_first_job_first() -> None:
    child = ChildProcess(Limits(), first=Job(remember, b"geheim"))
    assert await child.run(recall, b"") == b"geheim"
    os.kill(int(await child.run(pid, b"")), signal.SIGKILL)
    with contextlib.suppress(ChildLost):  # its end may be noticed before or at the next job
        await child.run(recall, b"")
    assert await child.run(recall, b"") == b"geheim"
    await child.close()


async def test_a_child_that_cannot_do_its_first_job_says_why_and_is_lost() -> None:
    child = ChildProcess(Limits(), first=Job(complain, b""))
    with pytest.raises(ChildLost, match="cannot begin: ValueError: I do not like it"):
        await child.run(reverse, b"ab")
    assert not child.running
    await child.close()


PARENT = """
import asyncio, sys
from libs.common.child.process import ChildProcess, Limits
from tests.integration.child.jobs import pid

async def main():
    print((await ChildProcess(Limits()).run(pid, b"")).decode(), file=sys.stderr, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_it_ends_with_its_parent() -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT),
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert parent.stderr is not None
    child = int(await parent.stderr.readline())
    parent.kill()
    await parent.wait()
    await _ended(child)


async def test_secrets_of_the_environment_do_not_reach_it(
    child: ChildProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRANDMELDER_TOKEN", "geheim")
    assert b"BRANDMELDER_TOKEN" not in await child.run(secrets, b"")


async def _lost(child: ChildProcess) -> str:
    with pytest.raises(ChildLost) as caught:
        await child.run(spin, b"")
    return str(caught.value)


async def _ended(process: int) -> None:
    async with asyncio.timeout(10):
        while _lives(process):
            await asyncio.sleep(0.01)  # the child's end has no other sign


def _lives(process: int) -> bool:
    """Nobody may collect the end of an orphan: then it stays, as a zombie."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
