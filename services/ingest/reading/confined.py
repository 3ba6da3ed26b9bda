"""Where code that reads hostile input runs: in a child process that may die of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from libs.common.child.process import ChildProcess, Limits
from libs.common.errors import ChildLost, JobFailed
from services.ingest.failure import Unreadable

STRICT: Final = Limits(seconds=30.0, memory=768 * 1024 * 1024, idle=60.0, niceness=5)


class ConfinedProcess:
    """Implements `Confined`. Close it after use."""

    def __init__(self, limits: Limits = STRICT) -> None:
        self._child = ChildProcess(limits)

    async def run(self, function: Callable[[bytes], bytes], payload: bytes) -> bytes:
        """What the module-level `function` makes of `payload`.

        Raises Unreadable when it fails or goes over a limit.
        """
        try:
            return await self._child.run(function, payload)
        except JobFailed as error:
            raise Unreadable(f"it cannot be read: {error}") from error
        except ChildLost as error:
            raise Unreadable(f"reading it takes too much time or memory: {error}") from error

    async def close(self) -> None:
        await self._child.close()
