"""A Lemmy instance in both forms of its API: https://join-lemmy.org/docs"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

TOKEN: Final = "geheim.lemmy"


def routes(board: Board, *, version: Literal["v3", "v4"] = "v3") -> list[BaseRoute]:
    """version: the only form this instance speaks."""

    async def site(request: Request) -> Response:
        return _refusal(board, request) or JSONResponse({"site_view": {}, "version": "1.0"})

    async def search(request: Request) -> Response:
        if (refused := _refusal(board, request)) is not None:
            return refused
        asked = request.query_params
        term = asked.get("q" if version == "v3" else "search_term", "").lower()
        wants_comments = asked["type_"].lower() == "comments"
        found = [
            post
            for post in board.shown()
            if (post.answers is not None) is wants_comments
            and term in f"{post.title or ''} {post.text}".lower()
        ]
        answer = _page_v3 if version == "v3" else _page_v4
        return answer(board, request, found)

    def one(kind: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if (refused := _refusal(board, request)) is not None:
                return refused
            known = {str(post.number): post for post in board.everything()}
            post = known.get(request.query_params.get("id", ""))
            if post is None:
                return JSONResponse({"error": f"couldnt_find_{kind}"}, 404)
            return JSONResponse({f"{kind}_view": _view(board, request, post, version)})

        return answer

    return [
        Route(f"/api/{version}/site", site),
        Route(f"/api/{version}/search", search),
        Route(f"/api/{version}/post", one("post")),
        Route(f"/api/{version}/comment", one("comment")),
    ]


def _refusal(board: Board, request: Request) -> Response | None:
    """Lemmy does not say how long to wait."""
    if board.refuses or request.headers.get("authorization") not in (None, f"Bearer {TOKEN}"):
        return JSONResponse({"error": "incorrect_login"}, 401)
    if board.wait is not None:
        return JSONResponse({"error": "rate_limit_error"}, 400)
    return None


def _page_v3(board: Board, request: Request, found: Sequence[Written]) -> Response:
    asked = request.query_params
    size = min(int(asked.get("limit", 10)), board.page_size, 50)
    start = (int(asked.get("page", 1)) - 1) * size
    shown = found[start : start + size]
    return JSONResponse(
        {
            "type_": asked["type_"],
            "posts": [_view(board, request, each, "v3") for each in shown if not each.answers],
            "comments": [_view(board, request, each, "v3") for each in shown if each.answers],
            "communities": [],
            "users": [],
        }
    )


def _page_v4(board: Board, request: Request, found: Sequence[Written]) -> Response:
    """Opaque cursors: here the number of the last post of the page before."""
    asked = request.query_params
    size = min(int(asked.get("limit", 10)), board.page_size, 50)
    if after := asked.get("page_cursor"):
        numbers = [f"C{post.number:x}" for post in found]
        found = found[numbers.index(after) + 1 :] if after in numbers else []
    shown = found[:size]
    page: dict[str, object] = {
        "posts": [_view(board, request, each, "v4") for each in shown if not each.answers],
        "comments": [_view(board, request, each, "v4") for each in shown if each.answers],
        "communities": [],
        "persons": [],
    }
    if len(found) > size:
        page["next_page"] = f"C{shown[-1].number:x}"
    return JSONResponse(page)


def _view(
    board: Board, request: Request, post: Written, version: Literal["v3", "v4"]
) -> dict[str, object]:
    creator = {"id": 5, "name": post.author, "ap_id": f"{_base(request)}/u/{post.author}"}
    if version == "v3":
        creator["actor_id"] = creator.pop("ap_id")
    view: dict[str, object] = {"community": {"id": 1, "name": "motorrad"}}
    if post.author is not None:
        view["creator"] = creator
    counts = {"score": 1, "upvotes": 1, "downvotes": 0}
    counts |= {"comments": 0} if post.answers is None else {"child_count": 0}
    content = _content(request, post, version)
    if version == "v3":
        view["counts"] = counts
    else:
        content |= counts
    if post.answers is None:
        return view | {"post": content}
    return view | {"post": _content(request, board[post.answers], version), "comment": content}


def _content(request: Request, post: Written, version: Literal["v3", "v4"]) -> dict[str, object]:
    is_comment = post.answers is not None
    suffix = "_at" if version == "v4" else ""
    is_gone = post.deleted_at is not None
    content: dict[str, object] = {
        "id": post.number,
        "ap_id": f"{_base(request)}/{'comment' if is_comment else 'post'}/{post.number}",
        f"published{suffix}": post.written_at.isoformat(),
        "deleted": is_gone,
        "removed": False,
    }
    if post.edited_at is not None:
        content[f"updated{suffix}"] = post.edited_at.isoformat()
    if is_comment:
        return content | {"content": "" if is_gone else post.text, "path": f"0.{post.number}"}
    return content | {"name": post.title or "Ohne Titel", "body": "" if is_gone else post.text}


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")
