"""How soon `make run` answers, and what it costs to do nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
import psutil

from benchmarks.table import table
from tests.support.processes import free_ports, launch, stop, wait_until_it_answers

ROUNDS = 3
SETTLE_SECONDS = 10.0
ANSWER_LIMIT = 5.0
MEMORY_LIMIT_MB = 300.0


def main() -> None:
    starts, memories, idle_cpu = zip(*(_one_round() for _ in range(ROUNDS)), strict=True)
    print(
        table(
            "Start and idle: the demo with all services and the sandbox in one process, "
            f"median of {ROUNDS}",
            ["what", "measured", "limit", "ratio"],
            [
                ["seconds until it answers", median(starts), ANSWER_LIMIT,
                 median(starts) / ANSWER_LIMIT],
                ["resident MB when idle", median(memories), MEMORY_LIMIT_MB,
                 median(memories) / MEMORY_LIMIT_MB],
                ["share of one core when idle", median(idle_cpu), 1.0, median(idle_cpu)],
            ],
        )
    )  # fmt: skip


def _one_round() -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "demo.log"
        (port,) = free_ports(1)
        environment = {**os.environ, "BRANDMELDER_DATA": folder, "BRANDMELDER_PORT": str(port)}
        begun = time.monotonic()
        process = launch([sys.executable, "-m", "sandbox.demo"], log=log, environment=environment)
        try:
            wait_until_it_answers("demo", process, lambda: _answers(port), log=log, patience=60)
            start = time.monotonic() - begun
            before = _cpu(process)
            time.sleep(SETTLE_SECONDS)
            return start, _memory_mb(process), (_cpu(process) - before) / SETTLE_SECONDS
        finally:
            stop(process)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]


def _memory_mb(process: subprocess.Popen[bytes]) -> float:
    return sum(each.memory_info().rss for each in _family(process)) / 1e6


def _cpu(process: subprocess.Popen[bytes]) -> float:
    times = [each.cpu_times() for each in _family(process)]
    return sum(each.user + each.system for each in times)
