"""Who gets in. Today one bearer token opens everything; keys, people and roles will live here.

Every address under `/v1` asks the gate for a scope, so that finer rights need no change there.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, get_args

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from libs.common.errors import ConfigurationError
from libs.common.problems import Problem

Scope: TypeAlias = Literal[
    "ingest:write",
    "sources:read",
    "classify",
    "mentions:read",
    "mentions:write",
    "incidents:read",
    "incidents:write",
]
SCOPES: Final[frozenset[Scope]] = frozenset(get_args(Scope))

_bearer = HTTPBearer(auto_error=False, description="The token printed at the first start.")
Credentials: TypeAlias = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what they may do."""

    name: str
    scopes: frozenset[Scope]


class Gate:
    """Knows the tokens.

    token: the secret every caller sends as `Authorization: Bearer …`.
    """

    def __init__(self, token: str) -> None:
        if not token:
            raise ConfigurationError(["BRANDMELDER_TOKEN: expected a token"])
        self._token = token.encode()

    def requires(self, scope: Scope) -> Callable[[Credentials], Awaitable[Principal]]:
        """A FastAPI dependency that lets the request through or answers 401 or 403."""

        async def principal(credentials: Credentials) -> Principal:
            found = self._recognise(credentials.credentials if credentials else "")
            if scope not in found.scopes:
                raise Problem(403, "Not allowed", f"This needs the scope {scope}.")
            return found

        return principal

    def _recognise(self, given: str) -> Principal:
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token):
            raise Problem(
                401,
                "Not signed in",
                "Send the header 'Authorization: Bearer TOKEN'.",
                headers={"WWW-Authenticate": 'Bearer realm="brandmelder"'},
            )
        return Principal("token", SCOPES)


def find_or_make_token(data: Path, environment: str = "BRANDMELDER_TOKEN") -> str:
    """The token from the environment, else from the data folder, else a new one kept there.

    The file is readable by its owner only.
    """
    return os.environ.get(environment) or secret_file(data / "token")


def secret_file(path: Path) -> str:
    """A random secret that stays the same: 32 URL-safe bytes, kept in `path` with mode 0600.

    The file appears complete or not at all, so that of several processes that start at once all
    get the same. Raises ConfigurationError for an empty one.
    """
    if not path.exists():
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                Path(path).hardlink_to(name)
        finally:
            Path(name).unlink()
    secret = path.read_text(encoding="ascii").strip()
    if not secret:
        raise ConfigurationError([f"{path}: expected a secret; delete the empty file"])
    return secret
