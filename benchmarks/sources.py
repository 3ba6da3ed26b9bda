"""How late sources are read when one ingest process has 2,000 of them, each due every minute."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.many_feeds import HOSTS, address
from benchmarks.table import table
from tests.support.deployment import Process
from tests.support.processes import free_ports, launch, stop, wait_until_it_answers

SOURCES: Final = 2000
SETTLE: Final = 75.0
"""Seconds: at the start all are due at once, which is no schedule."""
MEASURED: Final = 120.0
LATENESS_LIMIT: Final = 3.0
_DELAY: Final = "brandmelder_poll_delay_seconds"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        feeds_port, port = free_ports(2)
        server = launch(
            [sys.executable, "-m", "benchmarks.many_feeds", str(feeds_port)],
            log=folder / "feeds.log",
            environment={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        ingest = Process(
            "ingest", ["run", "ingest"], port, folder, _environment(folder, feeds_port)
        )
        try:
            wait_until_it_answers(
                "feeds", server, lambda: _listens(feeds_port), log=folder / "feeds.log", patience=30
            )
            ingest.start()
            ingest.wait_until_ready()
            time.sleep(SETTLE)
            before, cpu = _delays(port), ingest.cpu_seconds()
            time.sleep(MEASURED)
            after, cpu = _delays(port), ingest.cpu_seconds() - cpu
        finally:
            ingest.stop()
            stop(server)
    counts = {bound: after[bound] - before.get(bound, 0.0) for bound in after}
    polls = counts[float("inf")]
    late = _quantile(counts, 0.99)
    print(
        table(
            f"One ingest process, {SOURCES:,} feeds on {HOSTS} hosts, each due every minute, "
            "99 of 100 unchanged",
            ["what", "measured", "limit", "ratio"],
            [
                ["seconds after the due time, 99 of 100", late, LATENESS_LIMIT,
                 late / LATENESS_LIMIT],
                ["readings a minute", polls * 60 / MEASURED, SOURCES,
                 polls * 60 / MEASURED / SOURCES],
                ["share of one core", cpu / MEASURED, 1.0, cpu / MEASURED],
            ],
        )
    )  # fmt: skip


def _environment(folder: Path, feeds_port: int) -> dict[str, str]:
    sources = "".join(
        f"  - {{id: f{n}, kind: feed, every: 1m, allow_private: true,"
        f' url: "http://{address(n % HOSTS)}:{feeds_port}/{n}"}}\n'
        for n in range(SOURCES)
    )
    config = folder / "brandmelder.yaml"
    config.write_text(
        f"watches: [{{id: m, name: M, query: Motorrad}}]\nsources:\n{sources}", encoding="utf-8"
    )
    return {
        **os.environ,
        "BRANDMELDER_TOKEN": "a-token-for-benchmarks",
        "BRANDMELDER_AUTHOR_KEY": "an-author-key",
        "BRANDMELDER_CONFIG": str(config),
        "BRANDMELDER_DATA": str(folder / "data"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address(HOSTS - 1), port)) == 0


def _delays(port: int) -> dict[float, float]:
    """The histogram of delays: readings that were at most so many seconds late."""
    page = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).raise_for_status().text
    return {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(page)
        if family.name == _DELAY
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }


def _quantile(counts: Mapping[float, float], share: float) -> float:
    """Linear inside the bucket, as Prometheus' histogram_quantile."""
    wanted = counts[float("inf")] * share
    lower, below = 0.0, 0.0
    for bound, count in sorted(counts.items()):
        if count >= wanted:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (wanted - below) / max(count - below, 1e-9)
        lower, below = bound, count
    return lower
