"""A child process that runs functions from bytes to bytes, one job at a time.

It starts with the first job, is killed when a job goes over a limit, ends itself when nobody
needed it for a while, and with its parent. It is started with an environment that holds no
secrets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from libs.common.child import jobs
from libs.common.child.jobs import DONE, LENGTH, PIPE_BYTES
from libs.common.errors import ChildLost, JobFailed

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may take.

    seconds: of processor and of wall time for one job; memory: bytes of address space, None for
    any. idle: seconds after which an unused child ends. niceness: how far others go first, 0 to 19.
    """

    seconds: float = 30.0
    memory: int | None = None
    idle: float = 60.0
    niceness: int = 0


class Job(NamedTuple):
    """A module-level function and what it is given."""

    function: Callable[[bytes], bytes]
    payload: bytes

    @property
    def frames(self) -> bytes:
        """As the child reads it."""
        name = f"{self.function.__module__}:{self.function.__qualname__}".encode()
        head, length = LENGTH.pack(len(name)), LENGTH.pack(len(self.payload))
        return b"".join((head, name, length, self.payload))


class ChildProcess:
    """Runs module-level functions from bytes to bytes in a child process. Close it after use."""

    def __init__(self, limits: Limits, first: Job | None = None) -> None:
        """first: what every new child does before anything else, for what it keeps."""
        self._limits = limits
        self._first = first
        self._process: Process | None = None
        self._one_at_a_time = asyncio.Lock()
        self._idle_timer: asyncio.TimerHandle | None = None

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes:
        """What the module-level `function` makes of `payload`.

        Raises JobFailed when it raises; ChildLost when it goes over a limit, or its process ends,
        or a new one cannot do its first job.
        """
        async with self._one_at_a_time:
            self._forget_timer()
            answer = await self._answered(Job(function, payload))
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(self._limits.idle, self._end)
        if answer[:1] != DONE:
            raise JobFailed(answer[1:].decode("utf-8", "replace"))
        return answer[1:]

    @property
    def running(self) -> bool:
        """Whether there is a child now."""
        return self._process is not None and self._process.returncode is None

    async def close(self) -> None:
        self._forget_timer()
        await self._kill()

    async def _answered(self, job: Job) -> bytes:
        seconds = self._limits.seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(await self._ready(), job)
        except TimeoutError:
            raise ChildLost(f"a job took longer than {seconds:g} s") from None
        except (EOFError, ConnectionError) as error:
            raise ChildLost("a child process ended before its job") from error
        finally:
            # An unfinished answer would be taken for that of the next job.
            if sys.exc_info()[0] is not None:
                await self._kill()

    async def _ask(self, process: Process, job: Job) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(job.frames)
        await process.stdin.drain()
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return await process.stdout.readexactly(length)

    async def _ready(self) -> Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._process = process = await self._start()
        if self._first is not None:
            answer = await self._ask(process, self._first)
            if answer[:1] != DONE:
                reason = answer[1:].decode("utf-8", "replace")
                raise ChildLost(f"a child process cannot begin: {reason}")
        return process

    async def _start(self) -> Process:
        limits = self._limits
        arguments = (limits.memory or 0, limits.niceness, limits.seconds)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", jobs.__name__, *map(str, arguments)),
            stdin=PIPE,
            stdout=PIPE,
            limit=PIPE_BYTES,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"},
            start_new_session=True,  # Ctrl-C is for the parent, which ends the child in order
        )
        log.debug("child process started", pid=process.pid)
        return process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    def _end(self) -> None:
        """The child ends by itself when its input ends."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process = None

    def _forget_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
