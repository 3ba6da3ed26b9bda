"""Errors of the HTTP APIs as problem+json (RFC 9457)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.common.errors import Retryable

MEDIA_TYPE: Final = "application/problem+json"


_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": description, "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
    for status, description in (
        (401, "The token is missing or wrong."),
        (403, "The token does not allow this."),
        (422, "The request does not fit; `errors` point to what is wrong."),
        ("default", "Anything else that went wrong."),
    )
}
"""What every address may answer besides its own, for the API's description."""


class FieldError(NamedTuple):
    """What is wrong with one field. `pointer` is a JSON pointer into the body (`#/text`) or the
    name of a query parameter, header or path part."""

    pointer: str
    detail: str


class Problem(Exception):
    """Raise it to answer with problem+json.

    title: the same for every occurrence of the problem; detail: what happened this time.
    extensions: further members of the answer, as JSON-serialisable values.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str | None = None,
        errors: Sequence[FieldError] = (),
        *,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})

    def response(self) -> Response:
        body: dict[str, object] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
        }
        if self.detail is not None:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = [error._asdict() for error in self.errors]
        body.update(self.extensions)
        return Response(msgspec.json.encode(body), self.status, self.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Makes every error of this app answer as problem+json."""
    app.add_middleware(_NoNul)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Retryable, _not_ready)
    app.add_exception_handler(Exception, _bug)


class _NoNul:
    """Refuses NUL in addresses, once for all: no database takes it, nobody means it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ("\x00" in scope["path"] or b"%00" in scope["query_string"]):
            problem = Problem(400, "Bad Request", "An address cannot hold a NUL character.")
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return Problem(
        422,
        "The request does not fit",
        errors=[FieldError(_pointer(item["loc"]), str(item["msg"])) for item in error.errors()],
    ).response()


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != title else None
    return Problem(error.status_code, title, detail, headers=error.headers).response()


async def _not_ready(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Retryable)
    wait = str(math.ceil(error.retry_after or 5))
    return Problem(503, "Not ready", str(error), headers={"Retry-After": wait}).response()


async def _bug(_request: Request, _error: Exception) -> Response:
    # Starlette logs the traceback; the caller learns nothing of our insides.
    return Problem(500, "Internal Server Error").response()


def _pointer(location: Sequence[str | int]) -> str:
    where, *path = location
    if where == "body":
        return "#" + "".join(f"/{part}" for part in path)
    return ".".join(str(part) for part in path) or str(where)
