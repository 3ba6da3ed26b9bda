"""The embedded log does what every log does."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from libs.common.bus.sqlite import SqliteBus
from tests.contract.bus_behaviours import BusBehaviours, BusFactory


class TestSqliteBus(BusBehaviours):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "log.db"

    @pytest.fixture
    async def bus_factory(self, path: Path) -> AsyncIterator[BusFactory]:
        buses: list[SqliteBus] = []

        async def open_another(*, max_poll_interval: float = 300.0) -> SqliteBus:
            buses.append(SqliteBus(path, max_poll_interval=max_poll_interval))
            return buses[-1]

        yield open_another
        for bus in buses:
            await bus.close()

    @pytest.fixture
    def bus_url(self, path: Path) -> str:
        return f"sqlite:///{path}"

    @pytest.fixture
    def unique(self) -> Callable[[str], str]:
        numbers = itertools.count(1)
        return lambda prefix: f"{prefix}-{next(numbers)}"

    @pytest.fixture
    def patience(self) -> float:
        return 15.0
