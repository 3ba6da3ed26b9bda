"""A sign that a process lives: a locked file, which the operating system unlocks when it dies.

So a killed process's partitions are free at once, and not only when its session has expired.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Sign:
    """The sign of one bus. The file lies beside the log while the bus has members."""

    def __init__(self, log: Path, process: str) -> None:
        self._path = _place(log, process)
        self._file: int | None = None

    def hold(self) -> None:
        """Before the first member joins. Safe to call again."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def drop(self) -> None:
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


def is_dead(log: Path, process: str) -> bool:
    """Whether the process's sign was left behind. Without a sign nothing is known."""
    path = _place(log, process)
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(file)


def clear(log: Path, process: str) -> None:
    """Removes the sign of a dead process."""
    _place(log, process).unlink(missing_ok=True)


def _place(log: Path, process: str) -> Path:
    return log.with_name(f"{log.name}-{process}.alive")
