"""The whole way of a mention: push API → matched → classified → stored and searchable.

Embedded (SQLite; in one process, and in four on the same files) and distributed (four processes,
Apache Kafka, PostgreSQL), each for a minute of load on this machine, the pushing client included.
The rate counts what is in the store, from the first push until everything pushed is there.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import text

from benchmarks.table import table
from libs.common.db import open_engine
from sandbox.load import Mix, lines
from tests.support import kafka, postgres
from tests.support.deployment import Deployment
from tests.support.kafka import KafkaBroker
from tests.support.postgres import PostgresServer

SECONDS = 60.0
BATCH = 500
PUSHERS = 2
TARGET = 4000.0
FASTEST = 20_000
"""Mentions a second prepared in advance, so that making them costs nothing while measuring."""
DRAIN_PATIENCE = 180.0

CONFIGURATION = """
company: Motorrad AG
watches:
  - id: motorrad-ag
    name: Motorrad AG
    query: '"Motorrad AG" OR MotorradAG* OR "MAG Connect" OR Lupora OR Arvena OR Rivo'
    not: 'author:gewinnspiel*'
  - {id: board, name: Vorstand, query: 'Mustermann NEAR/25 (Motorrad* OR MAG OR Vorstand*)'}
channels:
  - {id: log, kind: log}
"""

COUNT = text("SELECT count(*) FROM mentions WHERE watch = 'motorrad-ag'")
"""Every pushed post matches this watch; some match another one besides."""


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    pushed: int
    stored: int
    per_second: float
    cpu_us: float
    memory_mb: list[float]


def main() -> None:
    results = [
        _measure("SQLite, one process", None, None, together=True),
        _measure("SQLite, four processes", None, None, together=False),
    ]
    with ExitStack() as stack:
        servers = stack.enter_context(_servers())
        if servers is not None:
            name = "Kafka and PostgreSQL, four processes"
            results.append(_measure(name, *servers, together=False))
    head = ["where", "pushed", "stored", "mentions/s", "ratio to 4,000", "µs CPU each"]
    memory = ["MB at 1/4", "MB at 1/2", "MB at the end"]
    print(
        table(
            f"Whole pipeline: {SECONDS:g} s of pushing {BATCH} mentions a request, "
            "until all are stored; CPU and memory of our own processes",
            head + memory,
            [_row(result) for result in results],
        )
    )


def _row(result: Result) -> list[object]:
    memory = result.memory_mb
    rate = result.per_second
    counts = [result.name, result.pushed, result.stored, rate, rate / TARGET, result.cpu_us]
    return [*counts, memory[len(memory) // 4], memory[len(memory) // 2], memory[-1]]


@contextmanager
def _servers() -> Iterator[tuple[str, str] | None]:
    reason = kafka.missing() or postgres.missing()
    if reason:
        print(f"\nThe distributed pipeline is left out: {reason}")
        yield None
        return
    broker, server = KafkaBroker(), PostgresServer()
    try:
        broker.start()
        server.start()
        yield f"kafka://{broker.address}", server.databases.create()
    finally:
        broker.close()
        server.close()


def _measure(name: str, bus: str | None, database: str | None, *, together: bool) -> Result:
    batches = _batches()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        deployment = Deployment(place, CONFIGURATION, together=together, bus=bus, database=database)
        with deployment.running():
            memory_mb: list[float] = []
            cpu = _cpu(deployment)
            begun = time.monotonic()
            pushed = _push(deployment, batches, memory_mb)
            stored = asyncio.run(
                _drained(database or f"sqlite:///{place / 'data' / 'store.db'}", pushed)
            )
            elapsed = time.monotonic() - begun
            memory_mb.append(_memory_mb(deployment))
            cpu = _cpu(deployment) - cpu
        return Result(name, pushed, stored, stored / elapsed, cpu / stored * 1e6, memory_mb)


def _batches() -> list[bytes]:
    made = lines(int(FASTEST * SECONDS), seed=1, mix=Mix(hits=1.0), per_second=4000.0)
    return [b"".join(part) for part in iter(lambda: list(islice(made, BATCH)), [])]


def _push(deployment: Deployment, batches: list[bytes], memory_mb: list[float]) -> int:
    """Pushes for SECONDS from several threads, each of which waits for its answers."""
    end = time.monotonic() + SECONDS
    remaining = iter(batches)
    pushed: list[int] = []

    def push() -> None:
        with deployment.client("ingest", timeout=60) as client:
            while time.monotonic() < end and (body := next(remaining, None)):
                answer = client.post(
                    "/v1/mentions",
                    content=body,
                    headers={"Content-Type": "application/x-ndjson"},
                )
                answer.raise_for_status()
                pushed.append(BATCH)

    threads = [threading.Thread(target=push) for _ in range(PUSHERS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(SECONDS / 12)
        memory_mb.append(_memory_mb(deployment))
    return sum(pushed)


async def _drained(database: str, pushed: int) -> int:
    """How many mentions are stored, once that is as many as were pushed (or time is out)."""
    engine = open_engine(database)
    deadline = time.monotonic() + DRAIN_PATIENCE
    try:
        while True:
            async with engine.connect() as connection:
                stored = await connection.scalar(COUNT)
            if stored >= pushed or time.monotonic() > deadline:
                return int(stored)
            await asyncio.sleep(0.25)
    finally:
        await engine.dispose()


def _memory_mb(deployment: Deployment) -> float:
    return sum(process.memory() for process in deployment.processes) / 1e6


def _cpu(deployment: Deployment) -> float:
    return sum(process.cpu_seconds() for process in deployment.processes)
