"""Yelp's reviews of a business: three excerpts, times without a zone.

https://docs.developer.yelp.com
"""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

KEY: Final = "geheim-yelp"
BUSINESS: Final = "motorrad-ag-bonn"
SHOWN: Final = 3
EXCERPT: Final = 160
ZONE: Final = ZoneInfo("Europe/Berlin")


def routes(board: Board) -> list[BaseRoute]:
    async def reviews(request: Request) -> Response:
        if board.refuses or request.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "TOKEN_INVALID", {})
        if board.limited_until is not None and board.wait is not None:
            limits = {
                "RateLimit-DailyLimit": "500",
                "RateLimit-Remaining": "0",
                "RateLimit-ResetTime": board.limited_until.isoformat(),
            }
            return _error(429, "TOO_MANY_REQUESTS_PER_SECOND", limits)
        found = board.shown()
        return JSONResponse(
            {
                "reviews": [_review(post) for post in found[:SHOWN]],
                "total": len(found),
                "possible_languages": ["de", "en"],
            }
        )

    return [Route(f"/v3/businesses/{BUSINESS}/reviews", reviews)]


def _error(status: int, code: str, headers: dict[str, str]) -> Response:
    return JSONResponse({"error": {"code": code, "description": "refused"}}, status, headers)


def _review(post: Written) -> dict[str, object]:
    local = post.written_at.astimezone(ZONE)
    cut = post.text[:EXCERPT] + "..." if len(post.text) > EXCERPT else post.text
    user: dict[str, object] = {"id": None, "name": None, "profile_url": None, "image_url": None}
    if post.author is not None:
        url = f"https://www.yelp.com/user_details?userid={post.author}"
        user = {"id": post.author, "name": post.author, "profile_url": url, "image_url": None}
    return {
        "id": f"xAG4O7l-t1ubbwVAl{post.number}",
        "url": f"https://www.yelp.com/biz/{BUSINESS}?hrid={post.number}",
        "text": cut,
        "rating": post.rating or 1,
        "time_created": local.strftime("%Y-%m-%d %H:%M:%S"),
        "user": user,
    }
