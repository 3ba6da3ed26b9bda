"""Three sites that are read through their feeds, each in another format.

    /forum/feed.atom    Kurventreff, a forum: Atom with threading (RFC 4287, RFC 4685)
    /news/feed.rss      Zweiradpresse, the trade press: RSS 2.0 with Dublin Core
    /reviews/feed.json  Bikebarometer, reviews: JSON Feed 1.1, stars in the extension `_review`
    /reviews/feed.rss   the same reviews as RSS 2.0, stars as `media:starRating` (Media RSS 1.5)

Like real feeds they hold their newest entries only, know when they are unchanged, and link every
entry to its page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from libs.common.clock import Clock
from sandbox.pages import site_page, thread_page
from sandbox.platforms.feed_formats import as_atom, as_json_feed, as_rss
from sandbox.platforms.site import SITES, Site
from sandbox.timeline import Entry, Timeline

WINDOW: Final = 30
"""Entries a feed holds at most."""

Render: TypeAlias = Callable[[Site, str, str, Sequence[Entry], datetime], bytes]
"""Site, base address, own path, entries newest first, time of the last change."""


@dataclass(frozen=True, slots=True)
class _Format:
    path: str
    media_type: str
    render: Render


_FORMATS: Final = (
    _Format("/forum/feed.atom", "application/atom+xml; charset=utf-8", as_atom),
    _Format("/news/feed.rss", "application/rss+xml; charset=utf-8", as_rss),
    _Format("/reviews/feed.json", "application/feed+json", as_json_feed),
    _Format("/reviews/feed.rss", "application/rss+xml; charset=utf-8", as_rss),
)


def routes(timeline: Timeline, clock: Clock) -> list[Route]:
    """The feeds, the sites' front pages, and the page of every entry."""
    routes = [
        Route(form.path, _feed(form, SITES[form.path.split("/")[1]], timeline, clock))
        for form in _FORMATS
    ]
    for site in SITES.values():
        routes.append(Route(f"/{site.feed}/", _front_page(site, timeline)))
        routes.append(Route(f"/{site.feed}/t/{{thread}}/{{entry}}", _thread(site, timeline)))
    return routes


Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def _feed(form: _Format, site: Site, timeline: Timeline, clock: Clock) -> Endpoint:
    async def answer(request: Request) -> Response:
        entries = list(reversed(timeline.shown(site.feed)[-WINDOW:]))
        changed_at = timeline.changed_at(site.feed)
        base = str(request.base_url).rstrip("/")
        body = form.render(site, base, form.path, entries, changed_at)
        return conditional(request, body, form.media_type, changed_at, clock())

    return answer


def conditional(
    request: Request, body: bytes, media_type: str, changed_at: datetime, now: datetime
) -> Response:
    """The body with its validators, or 304 when the client has it already (RFC 9110, section 13).

    Last-Modified counts whole seconds. It is left out in the second of the change, when a further
    change could still follow under the same value.
    """
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": etag, "cache-control": "no-cache"}
    modified = changed_at.replace(microsecond=0)
    settled = now >= modified + timedelta(seconds=1)
    if settled:
        headers["last-modified"] = format_datetime(modified.astimezone(UTC), usegmt=True)
    if _unchanged(request, etag, modified if settled else None):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _unchanged(request: Request, etag: str, modified: datetime | None) -> bool:
    asked = request.headers.get("if-none-match")
    if asked is not None:
        known = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
        return etag in known or "*" in known
    since = request.headers.get("if-modified-since")
    if since is None or modified is None:
        return False
    try:
        return modified <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False


def _front_page(site: Site, timeline: Timeline) -> Endpoint:
    feeds = [
        (form.path, form.media_type) for form in _FORMATS if form.path.startswith(f"/{site.feed}/")
    ]

    async def answer(request: Request) -> Response:
        entries = list(reversed(timeline.shown(site.feed)[-WINDOW:]))
        return HTMLResponse(site_page(site, entries, feeds))

    return answer


def _thread(site: Site, timeline: Timeline) -> Endpoint:
    async def answer(request: Request) -> Response:
        thread, entry_id = request.path_params["thread"], request.path_params["entry"]
        entries = timeline.thread(site.feed, thread)
        if any(entry.id == entry_id for entry in entries):
            return HTMLResponse(thread_page(site, entries, entry_id))
        if timeline.is_removed(entry_id):
            return PlainTextResponse(
                "Dieser Beitrag wurde gelöscht.\nThis post was deleted.\n", 410
            )
        return PlainTextResponse("Nicht gefunden.\nNot found.\n", 404)

    return answer
