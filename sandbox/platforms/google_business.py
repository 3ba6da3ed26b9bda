"""The reviews of Google's Business Profile API: https://developers.google.com/my-business"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written
from sandbox.platforms.google_oauth import error, place_of, token_server

ACCOUNT: Final = "117"
LOCATIONS: Final = ("4001", "4002")
"""Every post of the board is a review of one of these places, in turn."""
_WORDS: Final = ("ONE", "TWO", "THREE", "FOUR", "FIVE")
_MOST: Final = 50


def routes(board: Board) -> list[BaseRoute]:
    tokens, refusal = token_server(board, "")

    async def reviews(request: Request) -> Response:
        if (refused := refusal(request)) is not None:
            return refused
        asked = request.query_params
        if asked.get("orderBy") != "updateTime desc":
            return error(400, "INVALID_ARGUMENT")
        size = min(int(asked.get("pageSize", 50)), board.page_size, _MOST)
        start = place_of(asked.get("pageToken"))
        found = _reviews_of(request.path_params["location"], board)
        answer: dict[str, object] = {"averageRating": 2.5, "totalReviewCount": len(found)}
        if shown := found[start : start + size]:
            answer["reviews"] = [_review(post) for post in shown]
        if start + size < len(found):
            answer["nextPageToken"] = str(start + size)
        return JSONResponse(answer)

    async def review(request: Request) -> Response:
        if (refused := refusal(request)) is not None:
            return refused
        for post in _reviews_of(request.path_params["location"], board):
            if _id(post) == request.path_params["id"]:
                return JSONResponse(_review(post))
        return error(404, "NOT_FOUND")

    path = f"/v4/accounts/{ACCOUNT}/locations/{{location}}/reviews"
    return [*tokens, Route(path, reviews), Route(f"{path}/{{id}}", review)]


def location_of(post: Written) -> str:
    return LOCATIONS[post.number % len(LOCATIONS)]


def _reviews_of(location: str, board: Board) -> list[Written]:
    """What was changed last first."""
    mine = [post for post in board.shown() if location_of(post) == location]
    return sorted(mine, key=_changed, reverse=True)


def _id(post: Written) -> str:
    return f"AbFvOq{post.number}"


def _review(post: Written) -> dict[str, object]:
    translated = "(Translated by Google) Something in English\n\n(Original)\n"
    name = f"accounts/{ACCOUNT}/locations/{location_of(post)}/reviews/{_id(post)}"
    reviewer = {"displayName": "A Google User", "isAnonymous": True}
    if post.author is not None:
        reviewer = {"displayName": post.author}
    return {
        "name": name,
        "reviewId": _id(post),
        "reviewer": reviewer,
        "starRating": _WORDS[(post.rating or 1) - 1],
        "comment": post.text if post.lang == "en" else translated + post.text,
        "createTime": _z(post.written_at),
        "updateTime": _z(_changed(post)),
        "reviewReply": {"comment": "Danke!", "updateTime": _z(_changed(post))},
    }


def _changed(post: Written) -> datetime:
    return post.edited_at or post.written_at


def _z(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
