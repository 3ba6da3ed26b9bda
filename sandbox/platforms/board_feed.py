"""A forum that is read through its feeds: Atom, RSS 2.0, and a front page that names one of them.

A feed holds its newest entries, knows when it is unchanged, and says nothing of what was deleted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final, TypeAlias
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written
from sandbox.platforms.feeds import conditional

WINDOW: Final = 50
"""Entries a feed holds at most."""
ATOM: Final = "/feed.atom"
RSS: Final = "/board/feed.rss"
_FRONT_PAGE: Final = f"""<!DOCTYPE html>
<html lang="de"><head><title>Kurventreff</title>
<link rel="stylesheet" href="/style.css">
<link rel="alternate" type="application/rss+xml" title="Neue Beiträge" href=".{RSS}">
</head><body><h1>Kurventreff</h1></body></html>
"""

_Render: TypeAlias = Callable[[list[Written], str], str]
"""Posts, newest first, and the base address."""


def routes(board: Board) -> list[BaseRoute]:
    async def atom(request: Request) -> Response:
        return _refusal(board) or _feed(board, request, _atom, "application/atom+xml")

    async def rss(request: Request) -> Response:
        return _refusal(board) or _feed(board, request, _rss, "application/rss+xml")

    async def front_page(_request: Request) -> Response:
        return _refusal(board) or HTMLResponse(_FRONT_PAGE)

    return [Route(ATOM, atom), Route(RSS, rss), Route("/", front_page)]


def _refusal(board: Board) -> Response | None:
    if (wait := board.wait) is not None:
        until = board.clock() + timedelta(seconds=math.ceil(wait.total_seconds()))
        headers = {"Retry-After": format_datetime(until, usegmt=True)}
        return PlainTextResponse("Too many requests", 429, headers)
    if board.refuses:
        realm = {"WWW-Authenticate": 'Basic realm="Forum"'}
        return PlainTextResponse("Authorization required", 401, realm)
    return None


def _feed(board: Board, request: Request, render: _Render, media_type: str) -> Response:
    posts = board.shown()[:WINDOW]
    body = render(posts, str(request.base_url).rstrip("/")).encode()
    changed_at = max(map(_changed, board.everything()), default=board.clock())
    return conditional(request, body, f"{media_type}; charset=utf-8", changed_at, board.clock())


def _changed(post: Written) -> datetime:
    return max(at for at in (post.written_at, post.edited_at, post.deleted_at) if at)


def _atom(posts: list[Written], base: str) -> str:
    entries = "".join(_entry(post, base) for post in posts)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:thr="http://purl.org/syndication/thread/1.0">'
        f'<id>tag:kurventreff.example,2026:board</id><link rel="self" href="{base}{ATOM}"/>'
        f"<title>Kurventreff</title>{entries}</feed>"
    )


def _entry(post: Written, base: str) -> str:
    language = f' xml:lang="{post.lang}"' if post.lang else ""
    author = f"<author><name>{escape(post.author)}</name></author>" if post.author else ""
    answered = f'<thr:in-reply-to ref="{_identity(post.answers)}"/>' if post.answers else ""
    return (
        f"<entry{language}><id>{_identity(post.number)}</id>"
        f"<title>{escape(post.title or '')}</title>"
        f'<link rel="alternate" type="text/html" href="{base}/t/{post.number}"/>'
        f"<published>{post.written_at.isoformat()}</published>"
        f"<updated>{(post.edited_at or post.written_at).isoformat()}</updated>"
        f'{author}{answered}<content type="html">{_html(post.text)}</content></entry>'
    )


def _rss(posts: list[Written], base: str) -> str:
    items = "".join(_item(post, base) for post in posts)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel><title>Kurventreff</title><link>{base}/</link>"
        f"<description>Das Forum</description>{items}</channel></rss>"
    )


def _item(post: Written, base: str) -> str:
    title = f"<title>{escape(post.title)}</title>" if post.title else ""
    author = f"<dc:creator>{escape(post.author)}</dc:creator>" if post.author else ""
    return (
        f'<item><guid isPermaLink="false">{post.number}</guid>{title}'
        f"<link>{base}/t/{post.number}</link>{author}"
        f"<pubDate>{format_datetime(post.written_at)}</pubDate>"
        f"<description>{_html(post.text)}</description></item>"
    )


def _html(text: str) -> str:
    """A paragraph, escaped once more to stand as text in XML."""
    return escape(f"<p>{escape(text)}</p>")


def _identity(number: int) -> str:
    return f"tag:kurventreff.example,2026:{number}"
