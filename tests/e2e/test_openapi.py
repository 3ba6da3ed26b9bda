"""Every address holds what its description says, whatever is thrown at it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deployment import TOKEN, Deployment

CONFIGURATION = """
watches: [{id: motorrad, name: Motorrad AG, query: motorrad*}]
channels: [{id: log, kind: log}]
"""


@pytest.mark.timeout(300)
def test_no_request_brings_a_server_error(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "deployment", CONFIGURATION, together=True)
    with deployment.running():
        (process,) = deployment.processes
        result = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                *("run", f"http://127.0.0.1:{process.port}/openapi.json"),
                *("--header", f"Authorization: Bearer {TOKEN}"),
                *("--checks", "not_a_server_error,content_type_conformance"),
                *("--exclude-path", "/v1/mentions/stream"),  # it never ends
                *("--phases", "examples,coverage,fuzzing"),
                *("--max-examples", "15"),
                *("--seed", "1"),
                *("--no-color",),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert result.returncode == 0, result.stdout[-6000:] + deployment.logs()
