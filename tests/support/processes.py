"""Server processes that never outlive the test run."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None, use_errno=True)


class DidNotStart(Exception):
    """A server did not come up; the message quotes the end of its log."""


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def launch(
    command: Sequence[str],
    *,
    log: Path,
    user: str | None = None,
    at_parents_death: signal.Signals = signal.SIGKILL,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a server in its own session, so that Ctrl-C reaches only the test run, which then
    stops it. Call it from the main thread: the kernel signals the child when the thread that
    started it ends."""

    def die_with_parent() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(at_parents_death))

    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            start_new_session=True,
            preexec_fn=die_with_parent,
            env=environment,
        )


def wait_until_it_answers(
    name: str,
    process: subprocess.Popen[bytes],
    answers: Callable[[], bool],
    *,
    log: Path,
    patience: float,
) -> None:
    """Asks again and again. Raises DidNotStart when the process ended or patience ran out."""
    deadline = time.monotonic() + patience
    while not answers():
        if process.poll() is not None:
            raise DidNotStart(f"{name} ended with {process.returncode}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise DidNotStart(f"{name} did not answer within {patience} s:\n{tail(log)}")
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes], *, patience: float = 15.0) -> None:
    """Asks the process to end, and kills it when it does not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tail(log: Path, lines: int = 30) -> str:
    """The end of a log file, for a failure message."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])
