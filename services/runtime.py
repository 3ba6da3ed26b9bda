"""Puts the services together: opens what they share, then each of them, and serves them.

The one place where a log, a store, a token and the services meet.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Final, Literal, TypeAlias, TypeVar, get_args
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.auth import Gate
from libs.common.bus import Bus, streams
from libs.common.bus.open import open_bus
from libs.common.db import open_engine
from libs.common.errors import Retryable
from libs.common.service import Loop, Service, create_app, serve
from services.alert.service import open_service as open_alert
from services.classify.service import open_service as open_classify
from services.configuration import Configuration
from services.ingest.service import open_service as open_ingest
from services.query.service import open_service as open_query
from services.terminal import Screen, Terminal

log = structlog.get_logger(__name__)

ServiceName: TypeAlias = Literal["ingest", "classify", "alert", "query"]
T = TypeVar("T")
SWITCH_SECONDS: Final = 0.0005
"""After so long a busy thread lets a waiting one have Python. The threads of log and store need it
for moments, many times a batch: at Python's own 5 ms they spend most of their time waiting."""
START_PATIENCE: Final = 60.0
"""Seconds a starting process waits for its log and store."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and with what a process of ours runs.

    partitions: of the streams, when this process is the one to create them.
    """

    bus: str
    database: str
    host: str
    port: int
    partitions: int
    token: str
    author_key: str

    @property
    def address(self) -> str:
        """Where a browser on this machine finds it."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{host}:{self.port}"


async def run(names: Sequence[ServiceName], configuration: Configuration, place: Place) -> None:
    """Runs these services until a signal ends them."""
    async with _opened(names, configuration, place) as (_bus, services):
        await _serve(services, place)


async def up(configuration: Configuration, place: Place, log_file: str) -> None:
    """Runs all services in this process, and shows on the terminal what happens.

    log_file: where the log goes, for the welcome.
    """
    if "public_url" not in configuration.model_fields_set:
        configuration = configuration.model_copy(update={"public_url": place.address})
    async with _opened(get_args(ServiceName), configuration, place) as (bus, services):
        terminal = Terminal(
            bus,
            configuration.language,
            ZoneInfo(configuration.timezone),
            configuration.all_playbooks(),
            Screen().write,
        )
        link = f"{place.address}/#token={place.token}"
        terminal.welcomes(link, log_file)
        await _serve(services, place, {"terminal": terminal.run})


async def _serve(
    services: Sequence[Service], place: Place, extra: Mapping[str, Loop] | None = None
) -> None:
    app = create_app(services, version("brandmelder"))
    _collect_rarely()
    sys.setswitchinterval(SWITCH_SECONDS)
    await serve(app, services, host=place.host, port=place.port, extra_loops=extra)


def _collect_rarely() -> None:
    """What is there now stays; what comes are batches without cycles. At Python's own pace the
    collector would walk through them again and again: a tenth of the time of a busy process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@asynccontextmanager
async def _opened(
    names: Sequence[ServiceName], configuration: Configuration, place: Place
) -> AsyncIterator[tuple[Bus, list[Service]]]:
    async with AsyncExitStack() as stack:
        bus = await open_bus(place.bus)
        stack.push_async_callback(bus.close)
        engine = open_engine(place.database)
        stack.push_async_callback(engine.dispose)
        await _when_ready(lambda: bus.create_topics(streams(place.partitions)))

        async def opened(name: ServiceName) -> Service:
            context = _open(name, configuration, bus, engine, place, apart=len(names) > 1)
            return await stack.enter_async_context(context)

        services = [await _when_ready(partial(opened, name)) for name in names]
        yield bus, services


def _open(
    name: ServiceName,
    configuration: Configuration,
    bus: Bus,
    engine: AsyncEngine,
    place: Place,
    *,
    apart: bool,
) -> AbstractAsyncContextManager[Service]:
    """apart: what can be computed in a child process is, since others share this one."""
    gate = Gate(place.token)
    match name:
        case "ingest":
            return open_ingest(configuration, bus, engine, gate, author_key=place.author_key)
        case "classify":
            return open_classify(configuration, bus, engine, gate, apart=apart)
        case "alert":
            return open_alert(configuration, bus, engine, gate)
        case "query":
            return open_query(configuration, bus, engine, gate)


async def _when_ready(action: Callable[[], Awaitable[T]]) -> T:
    """Log and store may start at the same time as we do: waits for them, within reason."""
    deadline = time.monotonic() + START_PATIENCE
    while True:
        try:
            return await action()
        except Retryable as error:
            if time.monotonic() > deadline:
                raise
            log.warning("waiting", reason=str(error))
            await asyncio.sleep(1.0)
