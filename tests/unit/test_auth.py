"""The token and other secrets of an installation."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from libs.common.auth import Gate, find_or_make_token, secret_file
from libs.common.errors import ConfigurationError


def test_a_secret_is_made_once_and_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "token"
    secret = secret_file(path)
    assert len(secret) >= 32
    assert secret_file(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_start_at_once_get_the_same_secret(tmp_path: Path) -> None:
    for number in range(50):
        path = tmp_path / f"token{number}"
        with ThreadPoolExecutor(4) as threads:
            found = set(threads.map(lambda _, path=path: secret_file(path), range(4)))
        assert len(found) == 1
        assert found != {""}


def test_an_empty_secret_is_refused_instead_of_opening_everything(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    with pytest.raises(ConfigurationError, match="expected a secret"):
        find_or_make_token(tmp_path, "NOT_SET")
    with pytest.raises(ConfigurationError):
        Gate("")


def test_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "from-outside")
    assert find_or_make_token(tmp_path, "A_TOKEN") == "from-outside"
    assert list(tmp_path.iterdir()) == []
