"""The sandbox as a process of its own, with an empty story that a test fills."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypedDict

import httpx

from tests.support.processes import free_ports, launch, stop, wait_until_it_answers

SECRET: Final = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()


class Delivery(TypedDict):
    """A page as it arrived at the webhook."""

    headers: dict[str, str]
    body: str
    signature: Literal["valid", "invalid", "unchecked"]


class Platforms:
    """What a test does with the sandbox."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = httpx.Client(base_url=address, timeout=10)

    def post(self, text: str, feed: str = "forum") -> None:
        """A new entry in a feed."""
        self._client.post("/_sandbox/posts", json={"feed": feed, "text": text}).raise_for_status()

    def deliveries(self) -> list[Delivery]:
        """The pages that arrived, in order."""
        found: list[Delivery] = self._client.get("/_sandbox/hook").raise_for_status().json()
        return found

    def fail_hook(self, times: int, status: int = 500) -> None:
        """The webhook answers so many requests with this status."""
        fault = {"route": "/_sandbox/hook", "status": status, "times": times}
        self._client.post("/_sandbox/faults", json=fault).raise_for_status()

    def close(self) -> None:
        self._client.close()


@contextmanager
def sandbox_running(folder: Path) -> Iterator[Platforms]:
    """A sandbox of its own for one test."""
    (port,) = free_ports(1)
    root = Path(__file__).parents[2]
    log = folder / "sandbox.log"
    command = [sys.executable, "-m", "sandbox", "--story", "empty", "--webhook-secret", SECRET]
    process = launch(
        [*command, "--port", str(port)], log=log, environment={"PYTHONPATH": str(root)}
    )
    platforms = Platforms(f"http://127.0.0.1:{port}")
    try:
        wait_until_it_answers(
            "sandbox", process, lambda: _answers(platforms.address), log=log, patience=30
        )
        yield platforms
    finally:
        platforms.close()
        stop(process)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False
