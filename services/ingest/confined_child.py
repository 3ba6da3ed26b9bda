"""The child of `confined.py`: reads jobs from its standard input, answers on its standard output.

A job is two frames, the name of a function and its argument; an answer is one. A frame is a
four-byte length and its bytes. Only the standard library is imported here; a job brings the rest.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from typing import BinaryIO, Final

LENGTH: Final = struct.Struct(">I")
DONE: Final = b"\x01"
FAILED: Final = b"\x00"


def _serve(jobs: BinaryIO, answers: BinaryIO, memory: int, seconds: float) -> None:
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
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


if __name__ == "__main__":
    # What a job prints must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _serve(sys.stdin.buffer, answers, int(sys.argv[1]), float(sys.argv[2]))
