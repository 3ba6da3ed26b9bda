"""The reviews of Google Play's developer API, of the last seven days only.

https://developers.google.com/android-publisher/reply-to-reviews
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written
from sandbox.platforms.google_oauth import place_of, token_server

PACKAGE: Final = "example.motorrad.app"
SCOPE: Final = "https://www.googleapis.com/auth/androidpublisher"
_SHOWN_FOR: Final = timedelta(days=7)
_MOST: Final = 100


def routes(board: Board) -> list[BaseRoute]:
    tokens, refusal = token_server(board, SCOPE)

    async def reviews(request: Request) -> Response:
        if (refused := refusal(request)) is not None:
            return refused
        size = min(int(request.query_params.get("maxResults", 10)), board.page_size, _MOST)
        start = place_of(request.query_params.get("token"))
        week = board.clock() - _SHOWN_FOR
        found = [post for post in board.shown() if (post.edited_at or post.written_at) > week]
        answer: dict[str, object] = {}
        if shown := found[start : start + size]:
            answer["reviews"] = [_review(post) for post in shown]
        if start + size < len(found):
            answer["tokenPagination"] = {"nextPageToken": str(start + size)}
        return JSONResponse(answer)

    path = f"/androidpublisher/v3/applications/{PACKAGE}/reviews"
    return [*tokens, Route(path, reviews)]


def _review(post: Written) -> dict[str, object]:
    changed = post.edited_at or post.written_at
    comment: dict[str, object] = {
        "text": f"{post.title}\t{post.text}" if post.title else post.text,
        "lastModified": {"seconds": str(int(changed.timestamp())), "nanos": 0},
        "starRating": post.rating or 1,
        "device": "panther",
        "androidOsVersion": 34,
        "appVersionCode": 501,
        "appVersionName": "5.0.1",
        "thumbsUpCount": 2,
        "thumbsDownCount": 0,
    }
    if post.lang is not None:
        comment["reviewerLanguage"] = post.lang
    answer = {"text": "Danke!", "lastModified": {"seconds": str(int(changed.timestamp()))}}
    review: dict[str, object] = {
        "reviewId": f"gp:AOqp{post.number}",
        "comments": [{"userComment": comment}, {"developerComment": answer}],
    }
    if post.author is not None:
        review["authorName"] = post.author
    return review
