"""The API of Stack Exchange, always packed: https://api.stackexchange.com/docs"""

from __future__ import annotations

import gzip
import html
import json
from datetime import date
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

KEY: Final = "geheim((stack"


def routes(board: Board, *, quota: int = 10_000, backoff: int | None = None) -> list[BaseRoute]:
    """quota: requests a day. backoff: seconds that every answer asks to wait."""
    used: dict[date, int] = {}

    def refusal(request: Request) -> Response | None:
        if (wait := board.wait) is not None:
            seconds = round(wait.total_seconds())
            said = f"too many requests from this IP, more requests available in {seconds} seconds"
            return _refused(502, "throttle_violation", said)
        if board.refuses or request.query_params.get("key", KEY) != KEY:
            return _refused(400, "bad_parameter", "`key` doesn't match a known application")
        today = board.clock().date()
        used[today] = used.get(today, 0) + 1
        if used[today] > quota:
            return _refused(502, "throttle_violation", "quota exceeded", quota_remaining=0)
        return None

    def wrapped(items: list[dict[str, object]], *, has_more: bool) -> Response:
        left = quota - used[board.clock().date()]
        body = {"items": items, "has_more": has_more, "quota_max": quota, "quota_remaining": left}
        return _packed(body if backoff is None else {**body, "backoff": backoff})

    async def excerpts(request: Request) -> Response:
        if (refused := refusal(request)) is not None:
            return refused
        asked = request.query_params
        since, until = int(asked.get("fromdate", 0)), int(asked.get("todate", 2**40))
        found = [
            post
            for post in board.shown()
            if _holds(post, asked["q"]) and since <= int(post.written_at.timestamp()) <= until
        ]
        size = min(int(asked.get("pagesize", 30)), board.page_size, 100)
        start = (int(asked.get("page", 1)) - 1) * size
        items = [_item(board, post) for post in found[start : start + size]]
        return wrapped(items, has_more=start + size < len(found))

    async def posts(request: Request) -> Response:
        if (refused := refusal(request)) is not None:
            return refused
        wanted = request.path_params["ids"].split(";")
        standing = [post for post in board.shown() if str(post.number) in wanted]
        return wrapped([{"post_id": post.number} for post in standing], has_more=False)

    return [Route("/2.3/search/excerpts", excerpts), Route("/2.3/posts/{ids}", posts)]


def _packed(body: dict[str, object], status: int = 200) -> Response:
    return Response(
        gzip.compress(json.dumps(body).encode(), mtime=0),
        status,
        {"Content-Encoding": "gzip", "Content-Type": "application/json; charset=utf-8"},
    )


def _refused(error_id: int, name: str, message: str, **more: object) -> Response:
    body = {"error_id": error_id, "error_name": name, "error_message": message, **more}
    return _packed(body, 400)


def _holds(post: Written, query: str) -> bool:
    return query.strip('"').lower() in f"{post.title or ''} {post.text}".lower()


def _item(board: Board, post: Written) -> dict[str, object]:
    text = html.escape(post.text)
    item: dict[str, object] = {
        "item_type": "question",
        "question_id": post.number,
        "title": html.escape(post.title or "Ohne Titel"),
        "body": text,
        "excerpt": f'<span class="highlight">{text[:8]}</span>{text[8:100]}',
        "score": 0,
        "answer_count": 0,
        "creation_date": int(post.written_at.timestamp()),
        "last_activity_date": int((post.edited_at or post.written_at).timestamp()),
        "tags": ["motorrad"],
    }
    if post.author is not None:
        item["owner"] = {"user_id": 7, "display_name": html.escape(post.author), "reputation": 1}
    if post.answers is not None:
        question = board[post.answers]
        return item | {
            "item_type": "answer",
            "question_id": question.number,
            "answer_id": post.number,
            "title": html.escape(question.title or "Ohne Titel"),
        }
    return item
