"""The sandbox as one application, and the server that runs it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request as Handshake

from libs.common import problems
from libs.common.clock import Clock, utc_now
from sandbox import control
from sandbox.faults import Faults
from sandbox.faulty_app import CONNECTION, FaultyApp
from sandbox.hook import Delivery, Hook
from sandbox.pages import first_page
from sandbox.platforms import feeds
from sandbox.requests import RecordingApp, Requests
from sandbox.story import Story
from sandbox.timeline import Timeline

CLOSE_SECONDS: Final = 2
"""How long open connections may take to end when the server stops."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Everything a test or a demonstration may want to look at or to steer."""

    clock: Clock
    timeline: Timeline
    faults: Faults
    requests: Requests
    hook: Hook


def create_sandbox(
    story: Story,
    *,
    clock: Clock = utc_now,
    started: datetime | None = None,
    speed: float = 1.0,
    webhook_secret: str | None = None,
    on_delivery: Callable[[Delivery], None] | None = None,
) -> Sandbox:
    """A sandbox that plays `story` from `started` (default: now) at `speed`.

    webhook_secret: with it the hook checks signatures and refuses wrong ones.
    on_delivery: told of each page that arrives.
    """
    return Sandbox(
        clock=clock,
        timeline=Timeline(story, clock, started=started, speed=speed),
        faults=Faults(),
        requests=Requests(clock),
        hook=Hook(clock, webhook_secret, on_delivery),
    )


def create_app(sandbox: Sandbox) -> ASGIApp:
    """The web application: platforms, controls and the first page, behind the faults."""
    app = FastAPI(
        title="Brandmelder sandbox",
        docs_url="/_sandbox/docs",
        openapi_url="/_sandbox/openapi.json",
        redoc_url=None,
    )
    problems.install(app)
    app.include_router(
        control.router(sandbox.timeline, sandbox.faults, sandbox.requests, sandbox.hook)
    )

    async def first(_request: Request) -> Response:
        return HTMLResponse(first_page(sandbox.timeline, sandbox.hook.deliveries))

    app.router.routes.append(Route("/", first))
    app.router.routes.extend(feeds.routes(sandbox.timeline, sandbox.clock))
    return RecordingApp(FaultyApp(app, sandbox.faults), sandbox.requests)


def running(
    sandbox: Sandbox, *, host: str = "127.0.0.1", port: int = 0
) -> contextlib.AbstractAsyncContextManager[str]:
    """Serves the sandbox as `serving` does."""
    return serving(create_app(sandbox), host=host, port=port)


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0, close_seconds: int = CLOSE_SECONDS
) -> AsyncIterator[str]:
    """Serves an application in this event loop while the block runs; gives its address.

    Port 0 takes a free one. close_seconds: how long open answers may take to end when the block
    ends. Raises OSError when the port is taken.
    """
    listening = socket.create_server((host, port))
    server = _Server(
        uvicorn.Config(
            app,
            http=_LendingProtocol,
            ws=_LendingSocketProtocol,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=close_seconds,
        )
    )
    with contextlib.closing(listening):
        serving = asyncio.create_task(server.serve([listening]), name="sandbox")
        try:
            yield f"http://{host}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def serve(
    sandbox: Sandbox,
    stop: asyncio.Event,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    announce: Callable[[str], object] | None = None,
) -> None:
    """Serves the sandbox until `stop` is set; `announce` is told the address once it listens."""
    async with running(sandbox, host=host, port=port) as address:
        if announce is not None:
            announce(address)
        await stop.wait()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: who runs the event loop has them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _LendingProtocol(HttpToolsProtocol):
    """Lends the connection to the application, so that a fault can break it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self.transport}  # type: ignore[dict-item]


class _LendingSocketProtocol(WebSocketsSansIOProtocol):
    """The same for WebSockets."""

    def handle_connect(self, event: Handshake) -> None:
        super().handle_connect(event)
        self.scope["extensions"][CONNECTION] = self.transport  # type: ignore[assignment]
