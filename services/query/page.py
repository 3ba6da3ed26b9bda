"""The first page: static files, read once, served with a strict content security policy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Header
from starlette.responses import Response

from libs.common.problems import Problem

INDEX: Final = "index.html"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}

IfNoneMatch = Annotated[str, Header()]


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    media_type: str
    etag: str


def page_router() -> APIRouter:
    """`/` and the files it needs under `/web/`. Open to all: it holds no data."""
    assets = _assets()
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index(if_none_match: IfNoneMatch = "") -> Response:
        return _answer(assets[INDEX], if_none_match)

    @router.get("/web/{name}")
    async def asset(name: str, if_none_match: IfNoneMatch = "") -> Response:
        if name not in assets:
            raise Problem(404, "Not Found")
        return _answer(assets[name], if_none_match)

    return router


def _assets() -> dict[str, _Asset]:
    found: dict[str, _Asset] = {}
    for file in (files("services.query") / "web").iterdir():
        suffix = "." + file.name.rpartition(".")[2]
        if suffix in _TYPES:
            content = file.read_bytes()
            etag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
            found[file.name] = _Asset(content, _TYPES[suffix], etag)
    return found


def _answer(asset: _Asset, if_none_match: str) -> Response:
    headers = {**_HEADERS, "ETag": asset.etag}
    # Not compared as a whole: a proxy that packs the answer marks the tag as weak.
    if asset.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)
