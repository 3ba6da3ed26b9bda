"""Which log an address opens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from libs.common.bus.kafka import KafkaBus
from libs.common.bus.open import open_bus
from libs.common.bus.sqlite import SqliteBus
from libs.common.errors import ConfigurationError


async def test_an_absolute_file(tmp_path: Path) -> None:
    bus = await open_bus(f"sqlite:///{tmp_path / 'bus.db'}")
    await bus.ready()
    await bus.close()
    assert isinstance(bus, SqliteBus)
    assert (tmp_path / "bus.db").exists()


async def test_a_relative_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bus = await open_bus("sqlite:///bus.db")
    await bus.ready()
    await bus.close()
    assert (tmp_path / "bus.db").exists()


async def test_a_cluster_with_credentials() -> None:
    bus = await open_bus(
        "kafka://app:p%40ss%3A@one:9092,two:9093?mechanism=PLAIN&security=SASL_PLAINTEXT&prefix=a."
    )
    assert isinstance(bus, KafkaBus)
    connection = bus.connection
    assert connection.servers == ("one:9092", "two:9093")
    assert (connection.user, connection.secret) == ("app", "p@ss:")
    assert (connection.security, connection.mechanism) == ("SASL_PLAINTEXT", "PLAIN")
    assert connection.topic("topic") == "a.topic"
    assert "p@ss" not in repr(connection)


async def test_a_user_means_encryption_unless_said_otherwise() -> None:
    bus = await open_bus("kafka://app:secret@one:9092")
    assert isinstance(bus, KafkaBus)
    assert bus.connection.security == "SASL_SSL"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("redis://localhost", "'redis'"),
        ("bus.db", "''"),
        ("sqlite://", "no file"),
        ("sqlite://host/bus.db", "no file"),
        ("kafka://", "''"),
        ("kafka://localhost", "'localhost'"),
        ("kafka://localhost:9092,other:port", "'other:port'"),
        ("kafka://localhost:9092/topic", "'/topic'"),
        ("kafka://localhost:9092?colour=red", "'colour'"),
        ("kafka://localhost:9092?security=NONE", "security"),
        ("kafka://localhost:9092?session=soon", "float"),
        ("kafka://localhost:9092?security=SASL_SSL", "user:secret"),
        ("kafka://app:geheim@localhost", "'localhost'"),
        ("kafka://[::1:9092", "not an address"),
    ],
)
async def test_what_is_wrong_is_named(url: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await open_bus(url)
    (finding,) = caught.value.findings
    assert finding.startswith("bus: ")
    assert named in finding
    assert "geheim" not in finding


def test_the_embedded_log_never_loads_aiokafka() -> None:
    program = (
        "import asyncio, sys\n"
        "from libs.common.bus.open import open_bus\n"
        "asyncio.run(open_bus('sqlite:///unused.db'))\n"
        "sys.exit('aiokafka' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    assert done.returncode == 0
