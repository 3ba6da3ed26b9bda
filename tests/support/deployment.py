"""Brandmelder's own processes, as an operator would start them: together or one by one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

import httpx
import psutil

from tests.support.processes import (
    free_ports,
    launch,
    stop,
    tail,
    wait_until_it_answers,
)

ServiceName: TypeAlias = Literal["ingest", "classify", "alert", "query"]
SERVICES: Final[tuple[ServiceName, ...]] = ("ingest", "classify", "alert", "query")
TOKEN: Final = "a-token-for-tests"
START_PATIENCE: Final = 60.0
T = TypeVar("T")


class Process:
    """One process of ours, which a test may kill and start again."""

    def __init__(
        self, name: str, arguments: list[str], port: int, folder: Path, environment: dict[str, str]
    ) -> None:
        self.name = name
        self.port = port
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", "services", *arguments, "--port", str(port)]
        self._environment = environment
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._running = launch(self._command, log=self.log, environment=self._environment)

    def wait_until_ready(self) -> None:
        assert self._running is not None
        wait_until_it_answers(
            self.name, self._running, self._is_ready, log=self.log, patience=START_PATIENCE
        )

    def kill(self) -> None:
        """As the kernel would: kill -9, no goodbye."""
        assert self._running is not None
        self._running.kill()
        self._running.wait()

    def stop(self) -> int | None:
        """Asks it to end; gives its exit code."""
        if self._running is None:
            return None
        stop(self._running)
        return self._running.returncode

    def memory(self) -> int:
        """Resident bytes of the process and its children."""
        assert self._running is not None
        root = psutil.Process(self._running.pid)
        return sum(each.memory_info().rss for each in (root, *root.children(recursive=True)))

    def cpu_seconds(self) -> float:
        """Of the process and its children, those included that have ended."""
        assert self._running is not None
        root = psutil.Process(self._running.pid)
        living = [each.cpu_times() for each in (root, *root.children(recursive=True))]
        ended = living[0].children_user + living[0].children_system
        return ended + sum(times.user + times.system for times in living)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).is_success
        except httpx.TransportError:
            return False


class Deployment:
    """All services: in one process (`together`), or in one each."""

    def __init__(
        self,
        folder: Path,
        configuration: str,
        *,
        together: bool,
        bus: str | None = None,
        database: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "brandmelder.yaml"
        config.write_text(configuration, encoding="utf-8")
        self._data = folder / "data"
        given = {"log.db": bus, "store.db": database}
        self._wanted_files = {name for name, elsewhere in given.items() if not elsewhere}
        environment = {
            **os.environ,
            **(variables or {}),
            "BRANDMELDER_TOKEN": TOKEN,
            "BRANDMELDER_AUTHOR_KEY": "an-author-key-for-tests",
            "BRANDMELDER_CONFIG": str(config),
            "BRANDMELDER_DATA": str(self._data),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        if bus:
            environment["BRANDMELDER_BUS"] = bus
        if database:
            environment["BRANDMELDER_DATABASE"] = database
        if together:
            (port,) = free_ports(1)
            everything = Process("up", ["up"], port, folder, environment)
            self.processes = [everything]
            self._serving = dict.fromkeys(SERVICES, everything)
        else:
            self._serving = {
                name: Process(name, ["run", name], port, folder, environment)
                for name, port in zip(SERVICES, free_ports(len(SERVICES)), strict=True)
            }
            self.processes = list(self._serving.values())

    @contextmanager
    def running(self) -> Iterator[Deployment]:
        """Starts everything, and stops it at the end."""
        try:
            for process in self.processes:
                process.start()
            for process in self.processes:
                process.wait_until_ready()
            assert self._embedded_files() == self._wanted_files, "it runs on what it was given"
            yield self
        finally:
            for process in self.processes:
                process.stop()

    def _embedded_files(self) -> set[str]:
        return {path.name for path in self._data.glob("*.db")}

    def client(self, service: ServiceName, timeout: float = 10.0) -> httpx.Client:
        """A client of this service's addresses, with the token."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self._serving[service].port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=timeout,
        )

    def logs(self) -> str:
        """The end of every log, for a failure message."""
        return "\n".join(f"--- {p.name}\n{tail(p.log)}" for p in self.processes)


def eventually(what: str, look: Callable[[], T | None], *, patience: float) -> T:
    """The first thing that `look` finds. Raises AssertionError when there is none in time."""
    deadline = time.monotonic() + patience
    while True:
        try:
            found = look()
        except httpx.TransportError:
            found = None  # the service is on its way up
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {patience:g} s: {what}")
        time.sleep(0.1)
