"""Machine code is kept where that is possible, and thrown away when any source changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from services.classify.linear.compiled import compiled

@compiled
def doubled(number: int) -> int:
    return number * 2
"""
CALL = """
import sys; sys.path.insert(0, sys.argv[1])
import kernels
print(kernels.doubled(21), sum(kernels.doubled.stats.cache_hits.values()))
"""


def called(folder: Path) -> list[str]:
    """What the function gives in a fresh process, and how often kept code was used."""
    done = subprocess.run(
        [sys.executable, "-c", CALL, str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kernels.py").write_text(MODULE, "utf-8")
    return tmp_path


def test_a_second_process_uses_what_the_first_compiled(folder: Path) -> None:
    assert [called(folder), called(folder)] == [["42", "0"], ["42", "1"]]


def test_a_changed_source_is_compiled_anew(folder: Path) -> None:
    called(folder)
    (folder / "kernels.py").write_text(MODULE.replace("* 2", "* 3"), "utf-8")
    assert called(folder) == ["63", "0"]


def test_where_nothing_can_be_kept_it_works_all_the_same(folder: Path) -> None:
    (folder / "__pycache__").write_text("in the way")
    assert [called(folder), called(folder)] == [["42", "0"], ["42", "0"]]
