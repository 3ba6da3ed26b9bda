"""Whether memory grows: one embedded process under steady load for minutes.

The load is below what one process stores, so that nothing piles up. Memory rises while the caches
of SQLite fill, then stays: the last two minutes are compared with the two before.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.pipeline import CONFIGURATION
from benchmarks.table import table
from sandbox.load import Mix, lines
from tests.support.deployment import Deployment

MINUTES: Final = 6
PER_SECOND: Final = 2_500
BATCH: Final = 500
GROWS_FROM: Final = 1.05
"""Memory that grows by less than this in two minutes is taken to stay."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(Path(folder), CONFIGURATION, together=True, bus=None, database=None)
        with deployment.running():
            pusher = _Pusher(deployment)
            pusher.start()
            try:
                megabytes = list(_every_minute(deployment))
            finally:
                pusher.stop()
    title = f"Soak: one embedded process, {PER_SECOND:,} mentions/s, {pusher.pushed:,} in all"
    growth = sum(megabytes[-2:]) / sum(megabytes[-4:-2])
    head = [f"MB after {minute} min" for minute in range(1, MINUTES + 1)]
    row = [*megabytes, growth, growth / GROWS_FROM]
    print(table(title, [*head, "growth over two minutes", "ratio to the limit"], [row]))


def _every_minute(deployment: Deployment) -> Iterator[float]:
    for _ in range(MINUTES):
        time.sleep(60)
        yield sum(process.memory() for process in deployment.processes) / 1e6


class _Pusher:
    """Pushes at a steady pace from a thread of its own."""

    def __init__(self, deployment: Deployment) -> None:
        self.pushed = 0
        self._deployment = deployment
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._push)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _push(self) -> None:
        count = PER_SECOND * 60 * (MINUTES + 1)
        made = lines(count, seed=1, mix=Mix(hits=1.0), per_second=float(PER_SECOND))
        begun = time.monotonic()
        with self._deployment.client("ingest", timeout=60) as client:
            while not self._stop.is_set() and (body := b"".join(islice(made, BATCH))):
                answer = client.post(
                    "/v1/mentions",
                    content=body,
                    headers={"Content-Type": "application/x-ndjson"},
                )
                answer.raise_for_status()
                self.pushed += BATCH
                self._stop.wait(begun + self.pushed / PER_SECOND - time.monotonic())
