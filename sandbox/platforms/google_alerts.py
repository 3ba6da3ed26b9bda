"""The Atom feed of an alert of Google Alerts: links by way of Google, hits in bold."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

PATH: Final = "/alerts/feeds/00001111222233334444/5555666677778888"
MOST: Final = 20
WORD: Final = re.compile("Motorrad")


def routes(board: Board) -> list[BaseRoute]:
    async def feed(_request: Request) -> Response:
        if (wait := board.wait) is not None:
            headers = {"Retry-After": str(round(wait.total_seconds()))}
            return HTMLResponse("<html><body>unusual traffic</body></html>", 429, headers)
        entries = "".join(_entry(post) for post in board.shown()[:MOST])
        own = "tag:google.com,2005:reader/user/00001111222233334444/state/com.google/alerts/5555"
        body = (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:idx="urn:atom-extension:indexing">'
            f"<id>{own}</id><title>Google Alert - Motorrad</title>"
            f'<link href="https://www.google.com{PATH}" rel="self"/>'
            f"<updated>{_z(board.clock())}</updated>{entries}</feed>"
        )
        return Response(body, media_type="application/atom+xml")

    return [Route(PATH, feed)]


def _entry(post: Written) -> str:
    real = f"https://zeitung.example/artikel/{post.number}?a=1&b=2"
    way = urlencode({"rct": "j", "sa": "t", "url": real, "ct": "ga", "cd": "CAEY", "usg": "AOv"})
    return (
        f"<entry><id>tag:google.com,2013:googlealerts/feed:{post.number}</id>"
        f'<title type="html">{_bold(post.title or "Fund")}</title>'
        f'<link href="{escape(f"https://www.google.com/url?{way}")}"/>'
        f"<published>{_z(post.written_at)}</published><updated>{_z(post.written_at)}</updated>"
        f'<content type="html">{_bold(post.text)}&amp;nbsp;...</content>'
        "<author><name></name></author></entry>"
    )


def _bold(text: str) -> str:
    """HTML with the hits marked, written into XML."""
    return escape(WORD.sub(r"<b>\g<0></b>", escape(text)))


def _z(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
