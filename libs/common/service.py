"""How a service runs: its loops and its web server live and die together.

All loops and the server are tasks of one TaskGroup. A loop that fails takes the process down, so
that a green health page never hides a dead worker; SIGTERM and SIGINT let every loop finish what
it holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
import structlog
import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.responses import PlainTextResponse, Response

from libs.common import metrics, problems

log = structlog.get_logger(__name__)

Loop: TypeAlias = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set, then finishes what it holds and returns."""

Check: TypeAlias = Callable[[], Awaitable[str]]
"""Returns the state in a few words; raises with the reason when the service is not ready."""

CHECK_SECONDS: Final = 2.0
DRAIN_SECONDS: Final = 10.0
BODY_BYTES: Final = 1024 * 1024
"""The largest request, where a router does not say that it takes more."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a service brings: its addresses, its loops, and what it depends on."""

    name: str
    router: APIRouter
    loops: Mapping[str, Loop]
    checks: Mapping[str, Check]


def create_app(services: Sequence[Service], version: str) -> FastAPI:
    """One web application with the addresses of these services and the operational ones."""
    app = FastAPIOffline(  # FastAPI's own page of the addresses loads itself from the internet
        title="Brandmelder",
        version=version,
        redoc_url=None,
        responses=problems.RESPONSES,
    )
    problems.install(app)
    checks = {
        (f"{service.name}.{name}" if len(services) > 1 else name): check
        for service in services
        for name, check in service.checks.items()
    }
    app.include_router(_operational(checks))
    for service in services:
        app.include_router(service.router, max_body_size=BODY_BYTES)
    return app


async def serve(
    app: FastAPI,
    services: Sequence[Service],
    *,
    host: str,
    port: int,
    extra_loops: Mapping[str, Loop] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Runs everything until a signal arrives or `stop` is set; raises what a loop raised.

    The address is bound before the first loop starts, so an occupied port stops the start.
    """
    stop = stop or asyncio.Event()
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=int(DRAIN_SECONDS),
        )
    )
    listening = socket.create_server((host, port), reuse_port=False)
    loops = {f"{s.name}.{name}": loop for s in services for name, loop in s.loops.items()}
    loops.update(extra_loops or {})
    with _signals_set(stop), contextlib.closing(listening):
        async with asyncio.TaskGroup() as group:
            for name, loop in loops.items():
                group.create_task(_run(name, loop, stop), name=name)
            group.create_task(server.serve([listening]), name="web")
            await stop.wait()
            server.should_exit = True


async def _run(name: str, loop: Loop, stop: asyncio.Event) -> None:
    await loop(stop)
    if not stop.is_set():
        raise RuntimeError(f"the loop {name} ended on its own")


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers, which would end the process before the loops
    have drained."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _signals_set(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        log.info("stopping", signal=number.name)
        stop.set()
        for each in numbers:
            loop.remove_signal_handler(each)  # a second one ends it at once

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, ask, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _operational(checks: Mapping[str, Check]) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get("/healthz", summary="The process lives")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", summary="The process and all it depends on can work")
    async def readyz() -> Response:
        states = await asyncio.gather(*(_state(check) for check in checks.values()))
        ready = all(state["ready"] for state in states)
        body = {"ready": ready, "checks": dict(zip(checks, states, strict=True))}
        return Response(
            msgspec.json.encode(body), 200 if ready else 503, media_type="application/json"
        )

    @router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
    async def exposition() -> Response:
        content, media_type = metrics.exposition()
        return Response(content, media_type=media_type)

    return router


async def _state(check: Check) -> dict[str, object]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return {"ready": True, "state": await check()}
    except TimeoutError:
        return {"ready": False, "state": f"no answer within {CHECK_SECONDS:g} s"}
    except Exception as error:  # noqa: BLE001 -- any failure of a check is its answer
        return {"ready": False, "state": f"{type(error).__name__}: {error}"}
