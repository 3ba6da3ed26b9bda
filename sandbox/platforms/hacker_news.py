"""Hacker News as Algolia's search and Firebase show it: https://hn.algolia.com/api"""

from __future__ import annotations

import html
import re
from datetime import UTC
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

MOST_HITS: Final = 1000
"""What can be seen of one question, on all its pages together."""
_BOUND: Final = re.compile(r"created_at_i(<=|>=|<|>)(\d+)")


def routes(board: Board) -> list[BaseRoute]:
    async def search_by_date(request: Request) -> Response:
        if (wait := board.wait) is not None:
            headers = {"Retry-After": str(round(wait.total_seconds()))}
            return JSONResponse({"message": "Too Many Requests"}, 429, headers)
        asked = request.query_params
        wanted = [
            post
            for post in board.shown()
            if _holds(post, asked.get("query", "")) and _within(post, asked["numericFilters"])
        ]
        per_page = min(int(asked.get("hitsPerPage", 20)), board.page_size, MOST_HITS)
        page = int(asked.get("page", 0))
        hits = wanted[:MOST_HITS][page * per_page : (page + 1) * per_page]
        return JSONResponse(
            {
                "hits": [_hit(board, post) for post in hits],
                "nbHits": len(wanted),
                "page": page,
                "nbPages": -(-len(wanted) // per_page),
                "hitsPerPage": per_page,
            }
        )

    async def item(request: Request) -> Response:
        try:
            post = board[request.path_params["id"]]
        except KeyError:
            return JSONResponse(None)
        if post.deleted_at is not None:
            return JSONResponse({"id": post.number, "deleted": True, "type": "comment"})
        return JSONResponse({"id": post.number, "type": "story", "text": post.text})

    return [
        Route("/api/v1/search_by_date", search_by_date),
        Route("/v0/item/{id:int}.json", item),
    ]


def _holds(post: Written, query: str) -> bool:
    return query.strip('"').lower() in f"{post.title or ''} {post.text}".lower()


def _within(post: Written, filters: str) -> bool:
    second = int(post.written_at.timestamp())
    compare = {
        ">": second.__gt__,
        ">=": second.__ge__,
        "<": second.__lt__,
        "<=": second.__le__,
    }
    return all(compare[sign](int(bound)) for sign, bound in _BOUND.findall(filters))


def _hit(board: Board, post: Written) -> dict[str, object]:
    created = post.written_at.astimezone(UTC)
    hit: dict[str, object] = {
        "objectID": str(post.number),
        "created_at": created.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "created_at_i": int(created.timestamp()),
        "author": post.author,
        "_tags": ["comment" if post.answers else "story"],
    }
    if post.answers is not None:
        parent = board[post.answers]
        return hit | {
            "comment_text": f"<p>{html.escape(post.text)}</p>",
            "parent_id": parent.number,
            "story_id": parent.number,
            "story_title": parent.title,
        }
    return hit | {
        "title": post.title,
        "story_text": f"<p>{html.escape(post.text)}</p>",
        "points": 1,
        "num_comments": 0,
    }
