"""The sandbox runs in another's event loop, or as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from sandbox.server import running, serve
from tests.unit.sandbox.playing import a_post, a_sandbox


async def test_it_serves_inside_a_running_loop_and_closes_its_port() -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        async with running(a_sandbox(a_post(text="Hallo"))) as address:
            assert "Hallo" in (await client.get(f"{address}/forum/feed.atom")).text
        with pytest.raises(httpx.ConnectError):
            await client.get(address)


async def test_it_serves_until_it_is_told_to_stop() -> None:
    stop = asyncio.Event()
    addresses: list[str] = []

    def announce(address: str) -> None:
        addresses.append(address)
        stop.set()

    async with asyncio.timeout(10):
        await serve(a_sandbox(), stop, announce=announce)
    assert addresses[0].startswith("http://127.0.0.1:")


async def test_what_goes_wrong_beside_it_comes_out_as_it_is() -> None:
    with pytest.raises(LookupError, match="not the sandbox's fault"):
        async with running(a_sandbox()):
            raise LookupError("not the sandbox's fault")


async def test_two_sandboxes_run_side_by_side() -> None:
    async with running(a_sandbox()) as one, running(a_sandbox()) as other:
        assert one != other


async def test_a_taken_port_is_an_error_at_once() -> None:
    async with running(a_sandbox()) as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            async with running(a_sandbox(), port=port):
                pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_prints_its_address_and_ends_cleanly(
    tmp_path: Path, number: signal.Signals
) -> None:
    memory = tmp_path / "started"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "--port", "0", "--speed", "60"),
        *("--remember", str(memory)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    async with asyncio.timeout(30):
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().strip()
        async with httpx.AsyncClient(trust_env=False) as client:
            assert "Lupora" in (await client.get(f"{address}/forum/feed.atom")).text
        process.send_signal(number)
        output, errors = await process.communicate()
    assert (process.returncode, output, errors) == (0, b"", b"")
    assert memory.exists()
