"""Jobs for a child process, in a module that imports next to nothing."""

from __future__ import annotations

import os
import sys

MEGABYTE = 1024 * 1024


def reverse(payload: bytes) -> bytes:
    return payload[::-1]


def pid(payload: bytes) -> bytes:
    return str(os.getpid()).encode()


def complain(payload: bytes) -> bytes:
    print("this is no answer")
    raise ValueError("I do not like it")


def swallow_memory(payload: bytes) -> bytes:
    return b"x" * (4096 * MEGABYTE)


def spin(payload: bytes) -> bytes:
    while True:
        pass


def die(payload: bytes) -> bytes:
    sys.exit(7)


def secrets(payload: bytes) -> bytes:
    return ",".join(sorted(os.environ)).encode()


_remembered: list[bytes] = []


def remember(payload: bytes) -> bytes:
    _remembered.append(payload)
    return b""


def recall(_payload: bytes) -> bytes:
    return b"".join(_remembered)
