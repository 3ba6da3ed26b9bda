"""`brandmelder collectors`, `probe` and `backfill`: what people see of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.cli import cli
from services.ingest.collectors import KINDS
from tests.unit.ingest.building import item, rss

FEED = rss(item(1, text="Die Motorrad AG ruft zurück"), item(2, text="Fahrrad"))
COMMANDS = ["probe", "backfill"]


class Site(BaseHTTPRequestHandler):
    """Serves the feed, and refuses what is under /secret."""

    def do_GET(self) -> None:
        is_refused = self.path.startswith("/secret")
        body = b"who are you?" if is_refused else FEED.encode()
        self.send_response(401 if is_refused else 200)
        self.send_header("Content-Type", "application/rss+xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def a_site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def a_configuration(folder: Path, address: str = "http://127.0.0.1:9/") -> Path:
    config = folder / "brandmelder.yaml"
    config.write_text(
        "watches: [{id: motorrad-ag, name: M, query: 'Motorrad*'}]\n"
        f"sources: [{{id: press, kind: feed, url: '{address}', allow_private: true}}]\n",
        encoding="utf-8",
    )
    return config


def run(*arguments: str, config: Path) -> Result:
    """Its data beside the configuration."""
    return CliRunner().invoke(
        cli,
        [*arguments, "--config", str(config)],
        env={"BRANDMELDER_DATA": str(config.parent / "data"), "BRANDMELDER_AUTHOR_KEY": "k" * 32},
    )


def test_collectors_lists_every_kind_with_its_keys_one_a_line() -> None:
    result = CliRunner().invoke(cli, ["collectors"])
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(KINDS)
    assert all(line.endswith(".") and "  Needs: " in line for line in lines)
    assert len({line.index(line.split("  ")[-2].strip()) for line in lines}) == 1


def test_probe_prints_what_a_source_would_give(tmp_path: Path) -> None:
    with a_site() as address:
        result = run("probe", "press", config=a_configuration(tmp_path, f"{address}/feed.xml"))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"press: feed at {address}/feed.xml",
        "It can be read: 2 posts; 1 for a watch.",
        "  2026-09-18 10:00  -            article: Meldung 2 Fahrrad",
        "  2026-09-18 10:00  motorrad-ag  article: Meldung 1 Die Motorrad AG ruft zurück",
    ]
    assert not (tmp_path / "data").exists()


def test_probe_says_why_a_source_cannot_be_read(tmp_path: Path) -> None:
    with a_site() as address:
        result = run("probe", "press", config=a_configuration(tmp_path, f"{address}/secret?key=x"))
    assert result.exit_code == 1
    first, second, *_ = result.stdout.splitlines()
    assert first == f"press: feed at {address}/secret?…"
    assert second.startswith("It cannot be read (auth_failed): credentials refused: ")
    assert "key=x" not in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_a_source_that_nobody_configured_is_named_with_those_there_are(
    command: str, tmp_path: Path
) -> None:
    since = ["--since", "2026-09-01"] if command == "backfill" else []
    result = run(command, "pres", *since, config=a_configuration(tmp_path))
    assert result.exit_code == 2
    assert "no source is called 'pres'; there are: press" in result.stderr


def test_backfill_says_when_a_source_shows_no_past(tmp_path: Path) -> None:
    arguments = ["backfill", "press", "--since", "2026-09-01T12:00"]
    result = run(*arguments, config=a_configuration(tmp_path))
    assert result.exit_code == 1
    expected = "brandmelder: source press shows no past: read like this, it offers only what is new"
    assert expected in result.stderr.splitlines()


@pytest.mark.parametrize("since", [[], ["--since", "last week"]])
def test_backfill_wants_to_know_since_when(since: list[str], tmp_path: Path) -> None:
    result = run("backfill", "press", *since, config=a_configuration(tmp_path))
    assert result.exit_code == 2
    assert "--since" in result.stderr


def test_an_unknown_kind_of_source_is_named_with_all_that_there_are(tmp_path: Path) -> None:
    config = tmp_path / "brandmelder.yaml"
    config.write_text("sources:\n- {id: a, kind: pigeon}\n- {id: b}\n", encoding="utf-8")
    result = CliRunner().invoke(cli, ["check", str(config)])
    kinds = ", ".join(f"'{kind}'" for kind in sorted(KINDS))
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{config}:2: sources[0].kind: expected {kinds}, found 'pigeon'",
        f"{config}:3: sources[1].kind: field required",
    ]
