"""A throw-away PostgreSQL server for the tests: fast because it forgets on a power cut."""

from __future__ import annotations

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support.processes import (
    DidNotStart,
    free_ports,
    launch,
    stop,
    tail,
    wait_until_it_answers,
)

DEBIAN: Final = Path("/usr/lib/postgresql")
PATIENCE: Final = 30.0
SPEED: Final = (
    *("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"),
    *("-c", "shared_buffers=32MB", "-c", "max_connections=100", "-c", "autovacuum=off"),
)


def programs() -> Path | None:
    """The folder of PostgreSQL's own programs, the newest version first."""
    versions = sorted(
        (each for each in DEBIAN.glob("*/bin") if (each / "initdb").exists()),
        key=lambda each: float(each.parent.name),
        reverse=True,
    )
    if versions:
        return versions[0]
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def missing() -> str | None:
    """Why no server can be started here; None when one can."""
    if programs() is None:
        return "PostgreSQL is not installed (no initdb found)"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "PostgreSQL refuses to run as root, and there is no user postgres"
    return None


class Databases:
    """Gives out empty databases of a server and takes them back."""

    _numbers = itertools.count(1)

    def __init__(self, url: str) -> None:
        """url: postgresql://…/database of a user who may create databases."""
        self.url = url

    def create(self) -> str:
        """A new, empty database; returns its URL."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        _now(self._execute(f'CREATE DATABASE "{name}" TEMPLATE template0'))
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def drop(self, url: str) -> None:
        name = urlsplit(url).path.lstrip("/")
        _now(self._execute(f'DROP DATABASE "{name}" WITH (FORCE)'))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


class PostgresServer:
    """A server of its own on a loopback port. `databases` gives a fresh database per test."""

    def __init__(self) -> None:
        found = programs()
        if found is None:
            raise DidNotStart("PostgreSQL is not installed")
        self._programs = found
        self._user = "postgres" if os.geteuid() == 0 else None
        self._port = free_ports(1)[0]
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="brandmelder-postgres-"))
        self.log = self.folder / "server.log"
        if self._user is not None:
            shutil.chown(self.folder, self._user, self._user)
        self.databases = Databases(f"postgresql://postgres@127.0.0.1:{self._port}/postgres")

    def start(self) -> None:
        self._initialise()
        self._process = launch(
            [
                str(self._programs / "postgres"),
                *("-D", str(self.folder / "data"), "-p", str(self._port)),
                *("-c", "listen_addresses=127.0.0.1"),
                *("-c", f"unix_socket_directories={self.folder}"),
                *SPEED,
            ],
            log=self.log,
            user=self._user,
            at_parents_death=signal.SIGQUIT,
        )
        wait_until_it_answers(
            "PostgreSQL", self._process, self._answers, log=self.log, patience=PATIENCE
        )

    def close(self) -> None:
        """Stops and forgets everything."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # do not wait for clients
            stop(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _initialise(self) -> None:
        with self.log.open("ab") as log:
            done = subprocess.run(
                [
                    str(self._programs / "initdb"),
                    *("-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust"),
                    *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                timeout=PATIENCE,
                check=False,
            )
        if done.returncode != 0:
            raise DidNotStart(f"PostgreSQL's data folder was not made:\n{tail(self.log)}")

    def _answers(self) -> bool:
        try:
            _now(_connect(self.databases.url))
        except (OSError, asyncpg.PostgresError):
            return False
        return True


async def _connect(url: str) -> None:
    await (await asyncpg.connect(url, timeout=5)).close()


def _now(work: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine from a fixture that is not one, without touching the test's own loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
