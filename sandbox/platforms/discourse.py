"""Discourse: its lists of posts, its search, and single posts and topics, as JSON."""

from __future__ import annotations

import html
import math
import re
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

_MOST_POSTS: Final = 50
_MOST_PAGES: Final = 10
_SHORTEST_TERM: Final = 3
_FIRST_OF_TOPIC: Final = 20
_BLURB: Final = 200
_AFTER: Final = re.compile(r"after:(\d{4}-\d\d-\d\d)")
_OPERATOR: Final = re.compile(r"\b(?:after|before|order|in|status):\S+")


class _Json(JSONResponse):
    media_type = "application/json; charset=utf-8"


def routes(board: Board) -> list[BaseRoute]:
    async def posts(request: Request) -> Response:
        if refusal := _too_many(board) or _login_needed(board):
            return refusal
        before = int(request.query_params.get("before", 0))
        newest = sorted(board.shown(), key=lambda post: post.number, reverse=True)
        page = [post for post in newest if not before or post.number <= before]
        many = min(_MOST_POSTS, board.page_size)
        return _Json({"latest_posts": [_post(board, post) for post in page[:many]]})

    async def post(request: Request) -> Response:
        return (
            _too_many(board)
            or _login_needed(board)
            or _single(board, int(request.path_params["id"]))
        )

    async def search(request: Request) -> Response:
        asked = request.query_params
        return (
            _too_many_at_the_edge(board)
            or _login_needed(board)
            or _search(board, asked.get("q", ""), int(asked.get("page", 1)))
        )

    async def topic(request: Request) -> Response:
        members = _members(board, int(request.path_params["id"]))
        if not members:
            return _not_found()
        first = [_post(board, each) for each in members[:_FIRST_OF_TOPIC]]
        stream = {"posts": first, "stream": [each.number for each in members]}
        return _Json({"id": members[0].number, "title": _title(members[0]), "post_stream": stream})

    async def posts_of_topic(request: Request) -> Response:
        wanted = set(map(int, request.query_params.getlist("post_ids[]")))
        members = _members(board, int(request.path_params["id"]))
        found = [_post(board, each) for each in members if not wanted or each.number in wanted]
        return _Json({"post_stream": {"posts": found}, "id": int(request.path_params["id"])})

    return [
        Route("/posts.json", posts),
        Route("/posts/{id:int}.json", post),
        Route("/search.json", search),
        Route("/t/{id:int}.json", topic),
        Route("/t/{id:int}/posts.json", posts_of_topic),
    ]


def _too_many(board: Board) -> Response | None:
    if (wait := board.wait) is None:
        return None
    seconds = math.ceil(wait.total_seconds())
    body = {
        "errors": ["You've performed this action too many times, please try again later."],
        "error_type": "rate_limit",
        "extras": {"wait_seconds": seconds, "time_left": f"{seconds} seconds"},
    }
    return _Json(body, 429)


def _too_many_at_the_edge(board: Board) -> Response | None:
    """As the server in front of the application says it."""
    if (wait := board.wait) is None:
        return None
    headers = {
        "Retry-After": str(math.ceil(wait.total_seconds())),
        "Discourse-Rate-Limit-Error-Code": "ip_10_secs_limit",
    }
    return PlainTextResponse("Slow down, too many requests from this IP address.", 429, headers)


def _login_needed(board: Board) -> Response | None:
    if not board.refuses:
        return None
    body = {
        "errors": ["You need to be logged in to do that."],
        "error_type": "not_logged_in",
    }
    return _Json(body, 403)


def _not_found() -> Response:
    body = {
        "errors": ["The requested URL or resource could not be found."],
        "error_type": "not_found",
    }
    return _Json(body, 404)


def _single(board: Board, number: int) -> Response:
    found = [post for post in board.shown() if post.number == number]
    return _Json(_post(board, found[0]) | {"topic_title": None}) if found else _not_found()


def _search(board: Board, query: str, page: int) -> Response:
    after = _AFTER.search(query)
    term = _OPERATOR.sub("", query).strip().strip('"').lower()
    if len(term) < _SHORTEST_TERM or not 1 <= page <= _MOST_PAGES:
        return _Json({"errors": ["invalid parameter"], "error_type": "invalid_parameters"}, 400)
    start = datetime.fromisoformat(after[1]).replace(tzinfo=UTC) if after else None
    wanted = [
        post
        for post in board.shown()
        if term in f"{post.title or ''} {post.text}".lower()
        and (start is None or post.written_at > start)
    ]
    many = min(_MOST_POSTS, board.page_size)
    hits = wanted[(page - 1) * many : page * many]
    roots = {root.number: root for root in (_root(board, post) for post in hits)}
    return _Json(
        {
            "posts": [_hit(board, post) for post in hits],
            "topics": [{"id": number, "title": _title(root)} for number, root in roots.items()],
            "grouped_search_result": {
                "term": query,
                "more_full_page_results": True if len(wanted) > page * many else None,
                "post_ids": [post.number for post in hits],
                "error": None,
            },
        }
    )


def _hit(board: Board, post: Written) -> dict[str, object]:
    return {
        "id": post.number,
        "name": "",
        "username": post.author,
        "created_at": _timestamp(post.written_at),
        "like_count": 0,
        "blurb": html.escape(post.text[:_BLURB], quote=False),
        "post_number": _position(board, post),
        "topic_id": _root(board, post).number,
    }


def _post(board: Board, post: Written) -> dict[str, object]:
    root = _root(board, post)
    return {
        "id": post.number,
        "username": post.author,
        "name": post.author and post.author.title(),
        "user_id": sum(post.author.encode()) if post.author else None,
        "created_at": _timestamp(post.written_at),
        "updated_at": _timestamp(post.edited_at or post.written_at),
        "cooked": f"<p>{html.escape(post.text)}</p>",
        "raw": post.text,
        "post_number": _position(board, post),
        "post_type": 1,
        "reply_to_post_number": _position(board, board[post.answers]) if post.answers else None,
        "reply_count": sum(each.answers == post.number for each in board.shown()),
        "reads": 1,
        "topic_id": root.number,
        "topic_slug": "thema",
        "topic_title": _title(root),
        "version": 1 if post.edited_at is None else 2,
        "hidden": False,
        "user_deleted": False,
        "actions_summary": [{"id": 2, "count": 3}],
    }


def _title(root: Written) -> str:
    return root.title or f"Thema {root.number}"


def _root(board: Board, post: Written) -> Written:
    while post.answers is not None:
        post = board[post.answers]
    return post


def _members(board: Board, topic: int) -> list[Written]:
    return [post for post in reversed(board.shown()) if _root(board, post).number == topic]


def _position(board: Board, post: Written) -> int:
    root = _root(board, post)
    numbers = [each.number for each in board.everything() if _root(board, each) == root]
    return numbers.index(post.number) + 1


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
