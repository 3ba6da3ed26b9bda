"""Reddit's API as an approved app sees it: https://www.reddit.com/dev/api

Tokens last a day. A page repeats the last entry of the page before, as it happens on Reddit when
something new came in between.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
CLIENT: Final = ("brandmelder", "geheim-reddit")
"""Id and secret of the app."""
DEEPEST: Final = 1000
"""Entries of a listing that are shown at most."""
TOKEN_LASTS: Final = timedelta(seconds=86_400)
SUBREDDIT: Final = "motorrad"
_PERIODS: Final = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
    "year": timedelta(days=366),
}
_ALLOWED: Final = 600
"""Requests in ten minutes."""
_PAGE: Final = "<!doctype html><html><body><h1>whoa there, pardner!</h1></body></html>"


def routes(board: Board) -> list[BaseRoute]:
    door = _Door(board)

    def listing(wanted: Callable[[Written, Request], bool]) -> Endpoint:
        async def answer(request: Request) -> Response:
            refusal = door.refusal(request)
            return refusal or _listing(board, request, _wanted(board, request, wanted))

        return answer

    async def info(request: Request) -> Response:
        if (refusal := door.refusal(request)) is not None:
            return refusal
        names = request.query_params.get("id", "").split(",")
        known = {_name(post): post for post in board.everything()}
        found = [known[name] for name in names[:100] if name in known]
        return JSONResponse(_listed(board, request, found, None), headers=_limits(599.5))

    search, new, comments = listing(_is_found), listing(_is_link), listing(_is_comment)
    return [
        Route("/api/v1/access_token", door.access_token, methods=["POST"]),
        *_both("/search", search),
        *_both("/r/{named}/search", search),
        *_both("/r/{named}/new", new),
        *_both("/r/{named}/comments", comments),
        *_both("/api/info", info),
    ]


class _Door:
    """Who comes in: apps that say who they are, with a token that is still good."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._tokens: dict[str, datetime] = {}

    async def access_token(self, request: Request) -> Response:
        if not _says_who(request):
            return HTMLResponse(_PAGE, 403)
        given = request.headers.get("authorization", "").partition(" ")[2]
        expected = base64.b64encode(":".join(CLIENT).encode()).decode()
        if self._board.refuses or given != expected:
            return JSONResponse({"message": "Unauthorized", "error": 401}, 401)
        form = parse_qs((await request.body()).decode())
        if form.get("grant_type") != ["client_credentials"]:
            return JSONResponse({"error": "unsupported_grant_type"})
        token = f"geheim.{len(self._tokens)}-_"
        self._tokens[token] = self._board.clock() + TOKEN_LASTS
        seconds = int(TOKEN_LASTS.total_seconds())
        answer = {"access_token": token, "token_type": "bearer", "expires_in": seconds}
        return JSONResponse({**answer, "scope": "*"})

    def refusal(self, request: Request) -> Response | None:
        if not _says_who(request):
            return HTMLResponse(_PAGE, 403)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        until = self._tokens.get(token, self._board.clock())
        is_good = scheme.lower() == "bearer" and until > self._board.clock()
        if self._board.refuses or not is_good:
            return JSONResponse({"message": "Unauthorized", "error": 401}, 401)
        if (wait := self._board.wait) is not None:
            body = {"message": "Too Many Requests", "error": 429}
            return JSONResponse(body, 429, _limits(0.0, wait))
        return None


def _says_who(request: Request) -> bool:
    return "(by " in request.headers.get("user-agent", "")


def _wanted(
    board: Board, request: Request, wanted: Callable[[Written, Request], bool]
) -> list[Written]:
    period = _PERIODS.get(request.query_params.get("t", "all"))
    found = [post for post in board.shown() if wanted(post, request)]
    if period is not None:
        found = [post for post in found if post.written_at >= board.clock() - period]
    return found[:DEEPEST]


def _both(path: str, endpoint: Endpoint) -> list[BaseRoute]:
    return [Route(path, endpoint), Route(f"{path}/", endpoint)]


def _listing(board: Board, request: Request, entries: Sequence[Written]) -> Response:
    asked = request.query_params
    limit = max(1, min(int(asked.get("limit", 25)), board.page_size, 100))
    names = [_name(post) for post in entries]
    start = 0
    if after := asked.get("after"):
        if after not in names:
            return JSONResponse(_listed(board, request, [], None), headers=_limits(598.0))
        start = names.index(after) + (0 if limit > 1 else 1)
    shown = entries[start : start + limit]
    has_more = start + limit < len(entries)
    next_ = _name(shown[-1]) if has_more else None
    return JSONResponse(_listed(board, request, shown, next_), headers=_limits(597.0))


def _listed(
    board: Board, request: Request, shown: Sequence[Written], after: str | None
) -> dict[str, object]:
    is_raw = request.query_params.get("raw_json") == "1"
    children = [
        {"kind": _name(post)[:2], "data": _thing(board, post, is_raw=is_raw)} for post in shown
    ]
    data = {"after": after, "before": None, "dist": len(children), "children": children}
    return {"kind": "Listing", "data": {"modhash": "", "geo_filter": "", **data}}


def _limits(left: float, wait: timedelta = timedelta(seconds=300)) -> dict[str, str]:
    return {
        "X-Ratelimit-Used": str(_ALLOWED - int(left)),
        "X-Ratelimit-Remaining": str(left),
        "X-Ratelimit-Reset": str(math.ceil(wait.total_seconds())),
    }


def _is_link(post: Written, _request: Request) -> bool:
    return post.answers is None


def _is_comment(post: Written, _request: Request) -> bool:
    return post.answers is not None


def _is_found(post: Written, request: Request) -> bool:
    query = request.query_params.get("q", "").strip('"').lower()
    return post.answers is None and query in f"{post.title or ''} {post.text}".lower()


def _name(post: Written) -> str:
    return f"t{1 if post.answers is not None else 3}_{base36(post.number)}"


def base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits


def _thing(board: Board, post: Written, *, is_raw: bool) -> dict[str, object]:
    is_gone = post.deleted_at is not None
    text = "[deleted]" if is_gone else post.text if is_raw else html.escape(post.text)
    author = None if is_gone else post.author
    thing: dict[str, object] = {
        "id": base36(post.number),
        "name": _name(post),
        "subreddit": SUBREDDIT,
        "author": author or "[deleted]",
        "created_utc": post.written_at.timestamp(),
        "edited": post.edited_at.timestamp() if post.edited_at else False,
        "score": 1,
        "ups": 1,
        "over_18": False,
    }
    if author is not None:
        thing["author_fullname"] = f"t2_{author}"
    if post.answers is not None:
        parent = board[post.answers]
        link = parent if parent.answers is None else board[parent.answers]
        return thing | {
            "body": text,
            "link_id": _name(link),
            "parent_id": _name(parent),
            "link_title": link.title,
            "permalink": f"/r/{SUBREDDIT}/comments/{base36(link.number)}/_/{thing['id']}/",
        }
    return thing | {
        "title": post.title or "Ohne Titel",
        "selftext": text,
        "is_self": True,
        "url": f"https://www.reddit.com/r/{SUBREDDIT}/comments/{thing['id']}/",
        "permalink": f"/r/{SUBREDDIT}/comments/{thing['id']}/_/",
        "upvote_ratio": 1.0,
        "num_comments": 0,
        "removed_by_category": "deleted" if is_gone else None,
    }
