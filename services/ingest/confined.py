"""A child process for code that reads hostile input: whatever it does, it does it in there.

It starts with the first job, runs one job at a time under limits of memory, processor and wall
time, is killed when a job goes over one of them, and ends itself when nobody needed it for a
while. It is started with an environment that holds no secrets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

import structlog

from services.ingest import confined_child
from services.ingest.collector import Unreadable
from services.ingest.confined_child import DONE, LENGTH

log = structlog.get_logger(__name__)


class ConfinedProcess:
    """Runs functions from bytes to bytes in a child process.

    memory: bytes of address space; seconds: of processor and of wall time for one job;
    idle: seconds after which an unused child ends. Close it after use.
    """

    def __init__(
        self, *, memory: int = 768 * 1024 * 1024, seconds: float = 30.0, idle: float = 60.0
    ) -> None:
        self._memory = memory
        self._seconds = seconds
        self._idle = idle
        self._process: Process | None = None
        self._one_at_a_time = asyncio.Lock()
        self._idle_timer: asyncio.TimerHandle | None = None

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes:
        """What the module-level `function` makes of `payload`.

        Raises Unreadable when it fails or goes over a limit.
        """
        async with self._one_at_a_time:
            self._forget_timer()
            job = f"{function.__module__}:{function.__qualname__}".encode()
            try:
                async with asyncio.timeout(self._seconds):
                    answer = await self._ask(job, payload)
            except TimeoutError:
                raise Unreadable(f"reading it takes longer than {self._seconds:g} s") from None
            except (EOFError, ConnectionError) as error:
                raise Unreadable("reading it takes too much memory or processor time") from error
            finally:
                # An unfinished answer would be taken for that of the next job.
                if sys.exc_info()[0] is not None:
                    await self._kill()
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(self._idle, self._end)
        if answer[:1] != DONE:
            raise Unreadable(f"it cannot be read: {answer[1:].decode('utf-8', 'replace')}")
        return answer[1:]

    @property
    def running(self) -> bool:
        """Whether there is a child now."""
        return self._process is not None and self._process.returncode is None

    async def close(self) -> None:
        self._forget_timer()
        await self._kill()

    async def _ask(self, job: bytes, payload: bytes) -> bytes:
        process = await self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(LENGTH.pack(len(job)) + job + LENGTH.pack(len(payload)))
        process.stdin.write(payload)
        await process.stdin.drain()
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return await process.stdout.readexactly(length)

    async def _started(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-m",
                    confined_child.__name__,
                    str(self._memory),
                    str(self._seconds),
                ),
                stdin=PIPE,
                stdout=PIPE,
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"},
                start_new_session=True,  # Ctrl-C is for the parent, which ends the child in order
            )
            log.debug("confined process started", pid=self._process.pid)
        return self._process

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
