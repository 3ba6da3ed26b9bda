"""Flarum: its posts as JSON:API, with users and discussions beside them."""

from __future__ import annotations

import html
import math
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

_MOST_POSTS: Final = 50


class _JsonApi(JSONResponse):
    media_type = "application/vnd.api+json"


def routes(board: Board) -> list[BaseRoute]:
    async def posts(request: Request) -> Response:
        if refusal := _refusal(board):
            return refusal
        asked = request.query_params
        term = asked.get("filter[q]", "").strip('"').lower()
        wanted = [post for post in board.shown() if term in post.text.lower()]
        offset = int(asked.get("page[offset]", 0))
        many = min(int(asked.get("page[limit]", 20)), board.page_size, _MOST_POSTS)
        page = wanted[offset : offset + many]
        following = request.url.include_query_params(**{"page[offset]": offset + many})
        links = {"first": str(request.url)}
        if offset + many < len(wanted):
            links["next"] = str(following)
        return _JsonApi(
            {
                "links": links,
                "data": [_post(board, post) for post in page],
                "included": _included(board, page),
            }
        )

    async def post(request: Request) -> Response:
        if refusal := _refusal(board):
            return refusal
        number = int(request.path_params["id"])
        for each in board.shown():
            if each.number == number:
                return _JsonApi({"data": _post(board, each), "included": _included(board, [each])})
        return _errors(404, "not_found")

    return [Route("/api/posts", posts), Route("/api/posts/{id:int}", post)]


def _refusal(board: Board) -> Response | None:
    if (wait := board.wait) is not None:
        headers = {"Retry-After": str(math.ceil(wait.total_seconds()))}
        return _errors(429, "too_many_requests", headers)
    return _errors(403, "permission_denied") if board.refuses else None


def _errors(status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    return _JsonApi({"errors": [{"status": str(status), "code": code}]}, status, headers)


def _post(board: Board, post: Written) -> dict[str, object]:
    root = _root(board, post)
    user = {"type": "users", "id": _user_id(post.author)} if post.author else None
    attributes: dict[str, object] = {
        "number": _position(board, post),
        "createdAt": post.written_at.isoformat(timespec="seconds"),
        "contentType": "comment",
        "contentHtml": f"<p>{html.escape(post.text)}</p>",
    }
    if post.edited_at is not None:
        attributes["editedAt"] = post.edited_at.isoformat(timespec="seconds")
    return {
        "type": "posts",
        "id": str(post.number),
        "attributes": attributes,
        "relationships": {
            "user": {"data": user},
            "discussion": {"data": {"type": "discussions", "id": str(root.number)}},
        },
    }


def _included(board: Board, posts: list[Written]) -> list[dict[str, object]]:
    users: dict[str, dict[str, object]] = {
        post.author: {
            "type": "users",
            "id": _user_id(post.author),
            "attributes": {"username": post.author, "displayName": post.author.title()},
        }
        for post in posts
        if post.author
    }
    roots = {root.number: root for root in (_root(board, post) for post in posts)}
    discussions: list[dict[str, object]] = [
        {
            "type": "discussions",
            "id": str(root.number),
            "attributes": {"title": root.title or f"Thema {root.number}", "slug": "thema"},
        }
        for root in roots.values()
    ]
    return [*users.values(), *discussions]


def _user_id(author: str) -> str:
    return str(sum(author.encode()))


def _root(board: Board, post: Written) -> Written:
    while post.answers is not None:
        post = board[post.answers]
    return post


def _position(board: Board, post: Written) -> int:
    root = _root(board, post)
    numbers = [each.number for each in board.everything() if _root(board, each) == root]
    return numbers.index(post.number) + 1
