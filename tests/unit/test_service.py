"""A process of ours: its operational addresses, its problems, and how it ends."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends

from libs.common.auth import Gate, Principal
from libs.common.errors import Retryable
from libs.common.problems import FieldError, Problem
from libs.common.service import BODY_BYTES, Check, Loop, Service, create_app, serve

GATE = Gate("sesame")


async def wait_for(stop: asyncio.Event) -> None:
    await stop.wait()


async def well() -> str:
    return "well"


async def ill() -> str:
    raise ConnectionError("nobody at home")


def a_service(
    *, loops: dict[str, Loop] | None = None, checks: dict[str, Check] | None = None
) -> Service:
    router = APIRouter()

    @router.get("/v1/me")
    async def me(principal: Annotated[Principal, Depends(GATE.requires("mentions:read"))]) -> str:
        return principal.name

    @router.get("/v1/number")
    async def number(n: int) -> int:
        return 1 // n

    @router.post("/v1/echo")
    async def echo(body: dict[str, str]) -> dict[str, str]:
        return body

    @router.get("/v1/away")
    async def away() -> None:
        raise Retryable("the store does not answer", retry_after=2.5)

    @router.get("/v1/problem")
    async def problem() -> None:
        raise Problem(409, "Too late", "It is resolved.", [FieldError("#/by", "expected a name")])

    return Service("test", router, loops or {}, checks or {"store": well})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    stop, port = asyncio.Event(), free_port()
    app = create_app([service], "0")
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(app, [service], host="127.0.0.1", port=port, stop=stop))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for _ in range(200):
                try:
                    await client.get("/healthz")
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.01)
            yield client
        stop.set()


async def test_readiness_gives_the_state_and_the_reason_of_each_dependency() -> None:
    async with running(a_service(checks={"store": well, "log": ill})) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": {
            "store": {"ready": True, "state": "well"},
            "log": {"ready": False, "state": "ConnectionError: nobody at home"},
        },
    }


async def test_metrics_and_the_api_description_are_served() -> None:
    async with running(a_service()) as client:
        assert "brandmelder_records_consumed_total" in (await client.get("/metrics")).text
        assert "/v1/me" in (await client.get("/openapi.json")).json()["paths"]
        assert (await client.get("/docs")).status_code == 200


async def test_the_page_of_the_addresses_needs_no_internet() -> None:
    async with running(a_service()) as client:
        page = (await client.get("/docs")).text
        parts = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page)
        answers = [await client.get(part) for part in parts]
    assert "https://" not in page
    assert sum(part.endswith((".js", ".css")) for part in parts) == 2
    assert [answer.status_code for answer in answers] == [200] * len(parts)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "x"}])
async def test_without_the_token_nobody_gets_in(header: dict[str, str]) -> None:
    async with running(a_service()) as client:
        answer = await client.get("/v1/me", headers=header)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="brandmelder"'


async def test_with_the_token_one_does() -> None:
    async with running(a_service()) as client:
        answer = await client.get("/v1/me", headers={"Authorization": "Bearer sesame"})
    assert answer.json() == "token"


async def test_every_error_is_a_problem() -> None:
    async with running(a_service()) as client:
        own = await client.get("/v1/problem")
        invalid = await client.get("/v1/number?n=x")
        unknown = await client.get("/nowhere")
    assert own.json() == {
        "type": "about:blank",
        "title": "Too late",
        "status": 409,
        "detail": "It is resolved.",
        "errors": [{"pointer": "#/by", "detail": "expected a name"}],
    }
    assert (invalid.status_code, invalid.json()["errors"][0]["pointer"]) == (422, "n")
    assert (unknown.status_code, unknown.json()["title"]) == (404, "Not Found")


async def test_what_is_not_ready_says_when_to_come_again() -> None:
    async with running(a_service()) as client:
        answer = await client.get("/v1/away")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.json()["detail"] == "the store does not answer"


async def test_a_request_that_is_too_large_is_refused_before_it_is_read() -> None:
    async with running(a_service()) as client:
        answer = await client.post("/v1/echo", json={"a": "x" * (BODY_BYTES + 1)})
        assert answer.status_code == 413
        assert (await client.post("/v1/echo", json={"a": "b"})).json() == {"a": "b"}


async def test_an_address_with_nul_is_refused() -> None:
    async with running(a_service()) as client:
        for path in ("/v1/number?n=%00", "/v1/a%00b"):
            assert (await client.get(path)).status_code == 400


async def test_a_bug_tells_the_caller_nothing_of_our_insides() -> None:
    async with running(a_service()) as client:
        answer = await client.get("/v1/number?n=0")
    assert answer.status_code == 500
    assert answer.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
    }


async def test_a_dead_loop_takes_the_process_down() -> None:
    async def die(_stop: asyncio.Event) -> None:
        raise LookupError("lost")

    service = a_service(loops={"worker": die, "other": wait_for})
    with pytest.raises(ExceptionGroup) as raised:
        await serve(create_app([service], "0"), [service], host="127.0.0.1", port=free_port())
    assert raised.group_contains(LookupError, match="lost")


async def test_a_loop_that_ends_on_its_own_is_a_dead_loop() -> None:
    async def leave(_stop: asyncio.Event) -> None:
        return

    service = a_service(loops={"worker": leave})
    with pytest.raises(ExceptionGroup) as raised:
        await serve(create_app([service], "0"), [service], host="127.0.0.1", port=free_port())
    assert raised.group_contains(RuntimeError, match=r"test\.worker ended on its own")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_loops_drain(number: signal.Signals) -> None:
    drained = asyncio.Event()

    async def drain(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), number)
        await stop.wait()
        drained.set()

    service = a_service(loops={"worker": drain})
    await serve(create_app([service], "0"), [service], host="127.0.0.1", port=free_port())
    assert drained.is_set()


async def test_an_occupied_port_stops_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = a_service(loops={"worker": wait_for})
        with pytest.raises(OSError, match="in use"):
            await serve(create_app([service], "0"), [service], host="127.0.0.1", port=port)
