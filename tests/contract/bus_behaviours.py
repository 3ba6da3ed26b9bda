"""What every event log does, written once and run over each implementation.

A test class inherits `BusBehaviours` and provides four fixtures:

- `bus_factory` (`BusFactory`): opens another bus on the same log, as a separate process would
  be; the fixture closes what the test left open.
- `unique` (`Callable[[str], str]`): a name not used before on this log, from a prefix.
- `patience` (`float`): seconds within which this log does what it must, a dead member's session
  and a rebalance included.
- `bus_url` (`str`): the address of the same log for `libs.common.bus.open.open_bus`.
"""

from __future__ import annotations

import pytest

from libs.common.bus import Bus, Topic
from tests.contract.behaviours.asking import BusFactory, Unique
from tests.contract.behaviours.endings import Endings
from tests.contract.behaviours.groups import Groups
from tests.contract.behaviours.members import Members
from tests.contract.behaviours.publishing import Publishing
from tests.contract.behaviours.readers import Readers

__all__ = ["BusBehaviours", "BusFactory"]


class BusBehaviours(Publishing, Groups, Members, Readers, Endings):
    @pytest.fixture
    async def bus(self, bus_factory: BusFactory) -> Bus:
        return await bus_factory()

    @pytest.fixture
    async def topic(self, bus: Bus, unique: Unique) -> str:
        """A topic of one partition."""
        name = unique("topic")
        await bus.create_topics([Topic(name, 1)])
        return name

    @pytest.fixture
    async def wide(self, bus: Bus, unique: Unique) -> str:
        """A topic of four partitions."""
        name = unique("wide")
        await bus.create_topics([Topic(name, 4)])
        return name
