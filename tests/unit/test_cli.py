"""The command: what it understands, and how it says no."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.cli import cli

BROKEN = """
company: Motorrad AG
language: bavarian
watches:
  - {id: motorrad, name: Motorrad AG, query: 'bremse AND (hinten'}
sources:
  - {id: press, kind: feed, url: "ftp://news.example/feed.xml", every: 5 minutes}
  - {id: press, kind: pigeon}
channels:
  - {id: room, kind: webhook, url: "https://hooks.example/x", secret: "${HOOK_SECRET}"}
rules:
  - {id: danger, when: "severity>=", level: 9}
  - {id: worse, when: "severity>=0.9", level: 4, playbook: no-such-plan}
colour: red
"""


def test_check_prints_all_errors_with_file_and_line(tmp_path: Path) -> None:
    config = tmp_path / "broken.yaml"
    config.write_text(BROKEN, encoding="utf-8")
    result = CliRunner().invoke(cli, ["check", str(config)])
    assert result.exit_code == 2
    findings = result.stderr.splitlines()
    expected = [
        (3, "language"),
        (5, "watches[0].query"),
        (7, "sources[0].every"),
        (7, "sources[0].url"),
        (8, "sources[1].kind"),
        (10, "channels[0].secret"),
        (12, "rules[0].level"),
        (12, "rules[0].when"),
        (13, "rules[1].playbook"),
        (14, "colour"),
    ]
    assert sorted(_place(line) for line in findings) == expected


def test_check_says_when_all_is_well() -> None:
    example = Path(__file__).parents[2] / "brandmelder.example.yaml"
    result = CliRunner().invoke(
        cli, ["check", str(example)], env={"WEBHOOK_SECRET": "whsec_" + "QUJD" * 10}
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert "is fine: 2 watches, 4 sources" in result.stdout


@pytest.mark.parametrize("command", ["up", "run ingest", "replay mentions.raw.dead"])
def test_options_come_from_the_environment(command: str, tmp_path: Path) -> None:
    environment = {
        "BRANDMELDER_BUS": "pigeon://loft",
        "BRANDMELDER_DATA": str(tmp_path / "data"),
        "BRANDMELDER_CONFIG": str(tmp_path / "empty.yaml"),
    }
    (tmp_path / "empty.yaml").touch()
    result = subprocess.run(
        [sys.executable, "-m", "services", *command.split()],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert "unknown kind 'pigeon'" in result.stderr


def _place(finding: str) -> tuple[int, str]:
    _, line, path, _ = finding.split(":", 3)
    return int(line), path.strip()
