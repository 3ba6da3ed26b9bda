"""XenForo's REST API: its threads, the last active first, and their posts, page by page."""

from __future__ import annotations

import html
import math
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

_POSTS_PER_PAGE: Final = 20
_MOST_THREADS: Final = 20


def routes(board: Board) -> list[BaseRoute]:
    async def threads(request: Request) -> Response:
        page = int(request.query_params.get("page", 1))
        return _refusal(board, request) or _threads(board, page)

    async def posts(request: Request) -> Response:
        return _refusal(board, request) or _posts(board, request)

    async def post(request: Request) -> Response:
        return _refusal(board, request) or _single(board, request)

    return [
        Route("/api/threads", threads),
        Route("/api/threads/{id:int}/posts", posts),
        Route("/api/posts/{id:int}", post),
    ]


def _threads(board: Board, page: int) -> Response:
    roots = [post for post in board.shown() if post.answers is None]
    roots.sort(key=lambda root: _last_activity(board, root), reverse=True)
    many = min(_MOST_THREADS, board.page_size)
    listed = roots[(page - 1) * many : page * many]
    return JSONResponse(
        {
            "threads": [_thread(board, root) for root in listed],
            "pagination": _pagination(page, len(roots), many),
        }
    )


def _posts(board: Board, request: Request) -> Response:
    members = _members(board, int(request.path_params["id"]))
    if not members:
        return _errors(404, "requested_thread_not_found")
    page = int(request.query_params.get("page", 1))
    pagination = _pagination(page, len(members), _POSTS_PER_PAGE)
    if page > pagination["last_page"]:
        return _errors(400, "invalid_page")
    shown = members[(page - 1) * _POSTS_PER_PAGE : page * _POSTS_PER_PAGE]
    found = [_post(board, each, request) for each in shown]
    return JSONResponse({"posts": found, "pagination": pagination})


def _single(board: Board, request: Request) -> Response:
    number = int(request.path_params["id"])
    for each in board.shown():
        if each.number == number:
            return JSONResponse({"post": _post(board, each, request)})
    return _errors(403, "do_not_have_permission")


def _refusal(board: Board, request: Request) -> Response | None:
    if (wait := board.wait) is not None:
        seconds = str(math.ceil(wait.total_seconds()))
        return _errors(429, "too_many_requests", {"Retry-After": seconds})
    if "xf-api-key" not in request.headers:
        return _errors(400, "no_api_key_in_request")
    return _errors(401, "api_key_not_found") if board.refuses else None


def _errors(status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    body = {"errors": [{"code": code, "message": code.replace("_", " "), "params": []}]}
    return JSONResponse(body, status, headers)


def _pagination(page: int, total: int, per_page: int) -> dict[str, int]:
    return {
        "current_page": page,
        "last_page": max(1, -(-total // per_page)),
        "per_page": per_page,
        "shown": max(0, min(per_page, total - (page - 1) * per_page)),
        "total": total,
    }


def _thread(board: Board, root: Written) -> dict[str, object]:
    members = _members(board, root.number)
    return {
        "thread_id": root.number,
        "title": root.title or f"Thema {root.number}",
        "node_id": 2,
        "reply_count": len(members) - 1,
        "view_count": 7,
        "post_date": int(root.written_at.timestamp()),
        "last_post_date": _last_activity(board, root),
        "first_post_id": root.number,
        "discussion_state": "visible",
    }


def _post(board: Board, post: Written, request: Request) -> dict[str, object]:
    root = _root(board, post)
    user = {"user_id": 7, "username": post.author, "location": "Köln"} if post.author else None
    return {
        "post_id": post.number,
        "thread_id": root.number,
        "user_id": 7 if post.author else 0,
        "username": post.author or "",
        "post_date": int(post.written_at.timestamp()),
        "message": f"[B]{post.text}[/B]",
        "message_parsed": f'<div class="bbWrapper"><b>{html.escape(post.text)}</b></div>',
        "message_state": "visible",
        "position": 0 if post.answers is None else post.number - root.number,
        "last_edit_date": int(post.edited_at.timestamp()) if post.edited_at else 0,
        "reaction_score": 2,
        "view_url": f"{str(request.base_url).rstrip('/')}/posts/{post.number}/",
        "User": user,
    }


def _last_activity(board: Board, root: Written) -> int:
    return max(int(each.written_at.timestamp()) for each in _members(board, root.number))


def _members(board: Board, thread: int) -> list[Written]:
    return [post for post in reversed(board.shown()) if _root(board, post).number == thread]


def _root(board: Board, post: Written) -> Written:
    while post.answers is not None:
        post = board[post.answers]
    return post
