"""What docker-compose.yml, the gateway and the examples promise, held against the code.

No container is started. These files break by a rename elsewhere, and that shows without one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, get_args
from zipfile import ZipFile

import pytest
import yaml
from click.testing import CliRunner

from libs.common.auth import Gate
from libs.common.bus import streams
from libs.common.bus.open import open_bus
from libs.common.db import open_engine
from libs.common.service import Service, create_app
from services.alert.service import open_service as open_alert
from services.classify.service import open_service as open_classify
from services.cli import PORTS, cli
from services.configuration import Configuration
from services.ingest.service import open_service as open_ingest
from services.query.service import open_service as open_query
from services.runtime import ServiceName
from tests.support.backends import leave_out
from tests.support.platforms import SECRET

ROOT: Final = Path(__file__).parents[2]
COMPOSE: Final = (ROOT / "docker-compose.yml").read_text("utf-8")
NAMES: Final[tuple[ServiceName, ...]] = get_args(ServiceName)
PACKAGES: Final = ("libs", "services", "sandbox")
WAIT: Final = 60.0
"""Seconds for a command."""


def example_environment() -> dict[str, str]:
    """.env.example as somebody fills it in."""
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: value or SECRET for name, value in given.items()}


def compose() -> Mapping[str, Any]:
    """docker-compose.yml as Compose reads it with that environment."""
    environment = example_environment()

    def value(match: re.Match[str]) -> str:
        return environment.get(match["name"]) or match["default"] or ""

    variable = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}")
    found: Mapping[str, Any] = yaml.safe_load(variable.sub(value, COMPOSE))
    return found


@dataclass(frozen=True)
class Route:
    """One `handle` of the Caddyfile. None as paths or methods: all of them; as upstream: none."""

    paths: tuple[str, ...] | None
    methods: tuple[str, ...] | None
    upstream: str | None

    def fits(self, method: str, path: str) -> bool:
        return (self.methods is None or method in self.methods) and (
            self.paths is None or any(fnmatchcase(path, pattern) for pattern in self.paths)
        )


@dataclass(frozen=True)
class Directive:
    words: tuple[str, ...]
    inside: tuple[Directive, ...] = ()


def directives(lines: Iterator[str]) -> Iterator[Directive]:
    """The lines of a Caddyfile up to the end of the block."""
    for line in lines:
        words = tuple(line.split())
        if words == ("}",):
            return
        if not words or words[0].startswith("#"):
            continue
        if words[-1] == "{":
            yield Directive(words[:-1], tuple(directives(lines)))
        else:
            yield Directive(words)


def gateway_routes() -> list[Route]:
    """The gateway's routes, in the order in which it tries them."""
    text = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text("utf-8")
    (site,) = (each for each in directives(iter(text.splitlines())) if each.words == (":8080",))
    conditions: dict[str, dict[str, tuple[str, ...]]] = {}
    found = []
    for directive in site.inside:
        name, *rest = directive.words
        if name.startswith("@"):
            tests = [each.words for each in directive.inside] or [tuple(rest)]
            conditions[name] = {kind: tuple(values) for kind, *values in tests}
        elif name == "handle":
            matcher = rest[0] if rest else "*"
            condition = conditions.get(matcher, {"path": (matcher,)}) if rest else {}
            upstreams = [i.words[1] for i in directive.inside if i.words[0] == "reverse_proxy"]
            found.append(
                Route(
                    condition.get("path"),
                    condition.get("method"),
                    upstreams[0] if upstreams else None,
                )
            )
    return found


def leads_to(method: str, path: str) -> str | None:
    """The service behind the gateway that such a request reaches."""
    return next(r for r in gateway_routes() if r.fits(method, path)).upstream


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[dict[ServiceName, Service]]:
    """The four services, opened but not running."""
    configuration, gate = Configuration(company="Motorrad AG"), Gate("token")
    async with AsyncExitStack() as stack:
        bus = await open_bus(f"sqlite:///{tmp_path / 'log.db'}")
        stack.push_async_callback(bus.close)
        await bus.create_topics(streams(1))
        engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
        stack.push_async_callback(engine.dispose)
        enter = stack.enter_async_context
        yield {
            "ingest": await enter(open_ingest(configuration, bus, engine, gate, author_key="key")),
            "classify": await enter(open_classify(configuration, bus, engine, gate)),
            "alert": await enter(open_alert(configuration, bus, engine, gate)),
            "query": await enter(open_query(configuration, bus, engine, gate)),
        }


async def test_every_address_leads_through_the_gateway_to_its_service(
    services: dict[ServiceName, Service],
) -> None:
    served = {
        (method.upper(), re.sub(r"\{\w+\}", "x", path)): f"{name}:{PORTS[name]}"
        for name, service in services.items()
        for path, methods in create_app([service], "0").openapi()["paths"].items()
        for method in methods
        if path.startswith("/v1/")
    }
    assert {upstream.partition(":")[0] for upstream in served.values()} == set(NAMES)
    assert {address: leads_to(*address) for address in served} == served


def test_the_first_page_comes_from_query_and_what_is_inside_stays_inside() -> None:
    query = f"query:{PORTS['query']}"
    assert {
        p: leads_to("GET", p) for p in ("/", "/web/app.js", "/healthz", "/readyz", "/metrics")
    } == {
        "/": query,
        "/web/app.js": query,
        "/healthz": None,
        "/readyz": None,
        "/metrics": None,
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_service_is_started_with_what_the_command_understands(
    name: ServiceName, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = compose()["services"][name]
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, value)
    command, *arguments = service["command"]
    with (
        cli.make_context("brandmelder", [command]) as group,
        cli.commands[command].make_context(command, arguments, parent=group) as context,
    ):
        understood = dict(context.params)
    assert understood == {
        "service": name,
        "config": Path("/etc/brandmelder/brandmelder.yaml"),
        "bus": "kafka://kafka:9092",
        "database": "postgresql://brandmelder@postgres/brandmelder",
        "data": Path("/tmp/brandmelder"),
        "host": "0.0.0.0",
        "port": PORTS[name],
        "partitions": 12,
        "log_format": "json",
    }
    assert service["healthcheck"]["test"][-1] == str(PORTS[name])


def test_nobody_starts_before_what_it_needs_is_healthy() -> None:
    services = compose()["services"]
    waits = {
        name: set(each["depends_on"]) for name, each in services.items() if "depends_on" in each
    }
    needed: dict[str, set[str]] = {name: {"kafka", "postgres"} for name in NAMES}
    assert waits == {**needed, "gateway": set(NAMES)}
    assert all("test" in service["healthcheck"] for service in services.values())
    conditions = [d for each in services.values() for d in each.get("depends_on", {}).values()]
    assert all(condition == {"condition": "service_healthy"} for condition in conditions)


def test_every_secret_that_is_asked_for_stands_empty_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", COMPOSE))
    lines = set((ROOT / ".env.example").read_text("utf-8").splitlines())
    assert asked == {"BRANDMELDER_TOKEN", "BRANDMELDER_AUTHOR_KEY", "POSTGRES_PASSWORD"}
    assert {f"{name}=" for name in asked} <= lines


def test_the_example_configuration_is_fine_with_the_example_environment() -> None:
    example = str(ROOT / "brandmelder.example.yaml")
    result = CliRunner().invoke(cli, ["check", example], env=example_environment())
    assert (result.exit_code, f"{example} is fine" in result.output) == (0, True), result.output


def test_the_broker_is_the_one_that_the_tests_run_with() -> None:
    pom = (ROOT / "deploy" / "kafka" / "pom.xml").read_text("utf-8")
    version = re.findall(r"<kafka\.version>(.+)</kafka\.version>", pom)
    assert [compose()["services"]["kafka"]["image"]] == [f"apache/kafka:{v}" for v in version]


def test_the_image_is_given_every_file_of_the_packages(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, sources / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, sources)
    expected = {
        str(file.relative_to(sources))
        for package in PACKAGES
        for file in (sources / package).rglob("*")
        if file.is_file()
    }
    build = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    done = run([sys.executable, "-W", "ignore", "-c", build], sources)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith(PACKAGES)}
    assert packed == expected


def composers() -> list[list[str]]:
    """The Compose commands of this machine: the standalone one, and Docker's."""
    found = [[path] for path in [shutil.which("docker-compose")] if path]
    docker = shutil.which("docker")
    if docker and run([docker, "compose", "version"], ROOT).returncode == 0:
        found.append([docker, "compose"])
    return found


def test_compose_accepts_the_file_and_refuses_it_without_secrets(tmp_path: Path) -> None:
    commands = composers()
    if not commands:
        leave_out("docker", "neither docker-compose nor docker compose is installed")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    environment = tmp_path / ".env"
    for command in commands:
        filled = example_environment().items()
        environment.write_text("".join(f"{name}={value}\n" for name, value in filled))
        accepted = run([*command, "config", "--quiet"], tmp_path)
        assert (accepted.returncode, accepted.stderr) == (0, "")
        shutil.copy(ROOT / ".env.example", environment)
        refused = run([*command, "config", "--quiet"], tmp_path)
        assert refused.returncode != 0
        assert "set it in .env" in refused.stderr


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The command's end. Of this environment it gets only where to find programs."""
    return subprocess.run(
        command,
        cwd=folder,
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )
