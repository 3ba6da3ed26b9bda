"""Back ends for the tests: real ones, started when the first test asks, at most once per run.

Where one is missing, the test is left out with the reason (see `tests.support.backends`). Others
than our own are used when BRANDMELDER_TEST_KAFKA=host:port or BRANDMELDER_TEST_POSTGRES=url says
so; the user of that URL may create databases.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.common.log import configure_logging
from tests.support import chromium
from tests.support import kafka as kafka_support
from tests.support import postgres as postgres_support
from tests.support.backends import leave_out
from tests.support.kafka import KafkaBroker
from tests.support.postgres import Databases, PostgresServer

configure_logging("console")


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaBroker]:
    """A broker of our own, which a test may kill and start again."""
    if reason := kafka_support.missing():
        leave_out("kafka", reason)
    broker = KafkaBroker()
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


@pytest.fixture(scope="session")
def kafka_address(request: pytest.FixtureRequest) -> str:
    """host:port of a broker."""
    if given := os.environ.get("BRANDMELDER_TEST_KAFKA"):
        return given
    broker: KafkaBroker = request.getfixturevalue("kafka")
    return broker.address


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """A server that gives out empty databases."""
    if given := os.environ.get("BRANDMELDER_TEST_POSTGRES"):
        yield Databases(given)
        return
    if reason := postgres_support.missing():
        leave_out("postgres", reason)
    server = PostgresServer()
    try:
        server.start()
        yield server.databases
    finally:
        server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    databases: Databases = request.getfixturevalue("postgres")
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture(params=["sqlite", "kafka"])
def bus_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty event log, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bus.db'}"
    address: str = request.getfixturevalue("kafka_address")
    return f"kafka://{address}?prefix={uuid.uuid4().hex}."


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = chromium.find()
    if path is None:
        leave_out("chromium", "no Chromium on the path")
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        for report in terminalreporter.stats.get("skipped", [])
    )
    terminalreporter.write_line("")
    if not reasons:
        terminalreporter.write_line("Nothing was left out.")
        return
    terminalreporter.write_line("Left out on this machine:")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"  {count} × {reason}")
