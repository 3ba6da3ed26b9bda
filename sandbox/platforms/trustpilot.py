"""Trustpilot's public API: https://developers.trustpilot.com"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

KEY: Final = "geheim-trustpilot"
UNIT: Final = "46d6a890000064000500e0c3"
DOMAIN: Final = "motorrad.example"
_MOST: Final = 100


def routes(board: Board) -> list[BaseRoute]:
    async def find(request: Request) -> Response:
        if (refused := _refusal(request, board)) is not None:
            return refused
        if request.query_params.get("name") != DOMAIN:
            return JSONResponse({"message": "Not found"}, 404)
        total = {"total": len(board.shown())}
        return JSONResponse({"id": UNIT, "displayName": DOMAIN, "numberOfReviews": total})

    async def reviews(request: Request) -> Response:
        if (refused := _refusal(request, board)) is not None:
            return refused
        asked = request.query_params
        per_page = min(int(asked.get("perPage", 20)), board.page_size, _MOST)
        start = (int(asked.get("page", 1)) - 1) * per_page
        found = [_review(post) for post in board.shown()[start : start + per_page]]
        links = [{"rel": "next-page", "href": str(request.url)}] if found else []
        return JSONResponse({"links": links, "reviews": found})

    async def review(request: Request) -> Response:
        if (refused := _refusal(request, board)) is not None:
            return refused
        for post in board.shown():
            if _id(post) == request.path_params["id"]:
                return JSONResponse(_review(post))
        return JSONResponse({"message": "Not found"}, 404)

    return [
        Route("/v1/business-units/find", find),
        Route(f"/v1/business-units/{UNIT}/reviews", reviews),
        Route("/v1/reviews/{id}", review),
    ]


def _refusal(request: Request, board: Board) -> Response | None:
    given = request.headers.get("apikey") or request.query_params.get("apikey")
    if board.refuses or given != KEY:
        return JSONResponse({"message": "Access denied"}, 403)
    if (wait := board.wait) is not None:
        headers = {"Retry-After": str(round(wait.total_seconds()))}
        return JSONResponse({"message": "Too many requests"}, 429, headers)
    return None


def _id(post: Written) -> str:
    return f"64aa{post.number:020x}"


def _review(post: Written) -> dict[str, object]:
    review: dict[str, object] = {
        "id": _id(post),
        "consumer": None,
        "stars": post.rating or 1,
        "title": post.title or "",
        "text": post.text,
        "language": post.lang,
        "createdAt": _z(post.written_at),
        "updatedAt": _z(post.edited_at) if post.edited_at else None,
        "isVerified": True,
        "companyReply": {"text": "Wir melden uns.", "createdAt": _z(post.written_at)},
        "status": "active",
        "numberOfLikes": 0,
        "location": None,
    }
    if post.author is None:
        return review
    return review | {
        "consumer": {
            "id": f"5f{post.author}",
            "displayName": post.author,
            "displayLocation": "Bonn, DE",
            "numberOfReviews": 3,
        }
    }


def _z(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
