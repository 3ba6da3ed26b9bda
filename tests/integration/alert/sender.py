"""A process that delivers what is in an outbox, to be killed.

`python -m tests.integration.alert.sender DATABASE BUS HOOK`
"""

from __future__ import annotations

import asyncio
import sys

from libs.common.auth import Gate
from libs.common.bus.open import open_bus
from libs.common.db import open_engine
from services.alert.service import open_service
from services.alert.settings import AlertSettings
from tests.integration.alert.test_deliver import hook


async def main(database_url: str, bus_url: str, hook_url: str) -> None:
    settings = AlertSettings.model_validate(
        {"channels": [hook(hook_url, allow_private=True, timeout="1s")]}
    )
    bus = await open_bus(bus_url)
    engine = open_engine(database_url)
    async with open_service(settings, bus, engine, Gate("none")) as service:
        await service.loops["delivery"](asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
