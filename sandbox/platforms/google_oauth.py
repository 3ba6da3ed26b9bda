"""Google's token server, and the dress in which Google's APIs refuse: for the stand-ins of these.

It trades a service account's signed assertion, or a refresh token, for an access token of an hour.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board

PATH: Final = "/token"
EMAIL: Final = "brandmelder@motorrad.iam.gserviceaccount.com"
CLIENT: Final = "1234.apps.googleusercontent.com"
CLIENT_SECRET: Final = "geheim-client"
REFRESH_TOKEN: Final = "1//geheim-refresh"
_LIFE: Final = timedelta(hours=1)

Refusal: TypeAlias = Callable[[Request], Response | None]


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_file(address: str) -> str:
    """The key file of the service account, for a token server at this address."""
    pem = _key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key = {
        "type": "service_account",
        "client_email": EMAIL,
        "private_key": pem.decode(),
        "token_uri": f"{address}{PATH}",
    }
    return msgspec.json.encode(key).decode()


def token_server(board: Board, scope: str) -> tuple[list[BaseRoute], Refusal]:
    """The server, and what an API asks before it answers: None lets the request through."""
    issued: dict[str, datetime] = {}
    numbers = itertools.count(1)

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if board.refuses or not _is_good(form, scope, str(request.url), board.clock()):
            return JSONResponse({"error": "invalid_grant", "error_description": "Bad"}, 400)
        text = f"ya29.geheim-{next(numbers)}"
        issued[text] = board.clock() + _LIFE
        answer = {"access_token": text, "expires_in": 3599, "token_type": "Bearer"}
        return JSONResponse(answer)

    def refusal(request: Request) -> Response | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if board.refuses or issued.get(given, board.clock()) <= board.clock():
            return error(401, "UNAUTHENTICATED")
        if (wait := board.wait) is not None:
            delay = {
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": f"{round(wait.total_seconds())}s",
            }
            return error(429, "RESOURCE_EXHAUSTED", [delay])
        return None

    return [Route(PATH, token, methods=["POST"])], refusal


def place_of(page_token: str | None) -> int:
    """Where a page begins: tokens here are numbers, and one that is none leads to the start."""
    token = page_token or ""
    return int(token) if re.fullmatch("[0-9]{1,9}", token) else 0


def error(code: int, status: str, details: list[dict[str, str]] | None = None) -> Response:
    said = {"code": code, "message": "refused", "status": status, "details": details or []}
    return JSONResponse({"error": said}, code)


def _is_good(form: dict[str, str], scope: str, url: str, now: datetime) -> bool:
    match form.get("grant_type"):
        case "refresh_token":
            given = (form.get("client_id"), form.get("client_secret"), form.get("refresh_token"))
            return given == (CLIENT, CLIENT_SECRET, REFRESH_TOKEN)
        case "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return _is_signed(form.get("assertion", ""), scope, url, now)
    return False


def _is_signed(assertion: str, scope: str, url: str, now: datetime) -> bool:
    try:
        claims = jwt.decode(
            assertion,
            _key().public_key(),
            algorithms=["RS256"],
            audience=url,
            issuer=EMAIL,
            options={"verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError:
        return False
    is_current = claims["iat"] - 1 <= now.timestamp() < claims["exp"] <= claims["iat"] + 3600
    return bool(is_current and claims["scope"] == scope)
