"""The child of `process.py`: reads jobs from its standard input, answers on its standard output.

A job is two frames, the name of a function and its argument; an answer is one. A frame is a
four-byte length and its bytes. Only the standard library is imported here; a job brings the rest.
"""

from __future__ import annotations

import fcntl
import os
import resource
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import BinaryIO, Final

LENGTH: Final = struct.Struct(">I")
DONE: Final = b"\x01"
FAILED: Final = b"\x00"
PIPE_BYTES: Final = 1 << 20
"""A frame up to this size crosses in one go, where the system allows it."""


def _serve(jobs: BinaryIO, answers: BinaryIO, seconds: float) -> None:
    while (job := _read_frame(jobs)) is not None:
        payload = _read_frame(jobs)
        if payload is None:
            return
        spent = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(spent + seconds) + 1, hard))
        answer = _answer(job.decode(), payload)
        answers.write(LENGTH.pack(len(answer)) + answer)
        answers.flush()


def _answer(job: str, payload: bytes) -> bytes:
    module, name = job.split(":")
    try:
        function: Callable[[bytes], bytes] = getattr(import_module(module), name)
        return DONE + function(payload)
    except MemoryError:
        raise  # nothing can be trusted any more: the parent starts a new child
    except Exception as error:  # noqa: BLE001 -- any failure is the job's answer
        return FAILED + f"{type(error).__name__}: {error}"[:300].encode("utf-8", "replace")


def _read_frame(stream: BinaryIO) -> bytes | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


def _limit(memory: int, niceness: int) -> None:
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _widen(*pipes: int) -> None:
    if sys.platform == "linux":
        for pipe in pipes:
            with suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


if __name__ == "__main__":
    _widen(sys.stdin.fileno(), sys.stdout.fileno())
    # What a job prints must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _limit(int(sys.argv[1]), int(sys.argv[2]))
    _serve(sys.stdin.buffer, answers, float(sys.argv[3]))
