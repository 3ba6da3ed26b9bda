"""The feeds of a search on Google News: headline and paper in the title, ids that tell nothing."""

from __future__ import annotations

import base64
import re
from email.utils import format_datetime
from typing import Final
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

PATH: Final = "/rss/search"
MOST: Final = 100
_QUERY: Final = re.compile(r'"(.*)" when:\d+[hdmy]')


def routes(board: Board) -> list[BaseRoute]:
    async def search(request: Request) -> Response:
        if (wait := board.wait) is not None:
            headers = {"Retry-After": str(round(wait.total_seconds()))}
            return HTMLResponse("<html><body>unusual traffic</body></html>", 429, headers)
        found = _QUERY.fullmatch(request.query_params.get("q", ""))
        word = found[1].lower() if found else ""
        posts = [post for post in board.shown() if word in _headline(post).lower()]
        items = "".join(_item(post) for post in posts[:MOST])
        body = (
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
            '<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel>'
            "<generator>NFE/5.0</generator><title>Google News</title><language>de</language>"
            f"<lastBuildDate>{format_datetime(board.clock())}</lastBuildDate>{items}"
            "</channel></rss>"
        )
        return Response(body, media_type="application/xml; charset=utf-8")

    return [Route(PATH, search)]


def _headline(post: Written) -> str:
    return f"{post.title}: {post.text}" if post.title else post.text


def _item(post: Written) -> str:
    opaque = base64.urlsafe_b64encode(f"AU_yq{post.number}".encode()).decode().rstrip("=")
    link = f"https://news.google.com/rss/articles/CBMi{opaque}?oc=5"
    headline, paper = _headline(post), post.author or "unbekannt"
    description = (
        f'<a href="{link}" target="_blank">{escape(headline)}</a>&nbsp;&nbsp;'
        f'<font color="#6f6f6f">{escape(paper)}</font>'
    )
    return (
        f"<item><title>{escape(f'{headline} - {paper}')}</title><link>{link}</link>"
        f'<guid isPermaLink="false">CBMi{opaque}</guid>'
        f"<pubDate>{format_datetime(post.written_at)}</pubDate>"
        f"<description>{escape(description)}</description>"
        f'<source url="https://{escape(paper)}.example">{escape(paper)}</source></item>'
    )
