"""Web addresses in the configuration of sources."""

from __future__ import annotations

from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as https://news.example/feed.xml")
    return url


def _without_slash(url: str) -> str:
    return _web_address(url).rstrip("/")


WebAddress: TypeAlias = Annotated[str, AfterValidator(_web_address)]
"""An http or https address, kept as written."""
BaseAddress: TypeAlias = Annotated[str, AfterValidator(_without_slash)]
"""An http or https address under which others lie; without a slash at its end."""


def shown(url: str) -> str:
    """The address for people: without credentials and query."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}" + ("?…" if parts.query else "")


def host_of(url: str) -> str:
    """Host and port, in lower case."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def without_login(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def site_of(url: str) -> str:
    """Host and path, without a slash at the end: stands before ids that are unique there only."""
    parts = urlsplit(url)
    return f"{host_of(url)}{parts.path}".rstrip("/")
