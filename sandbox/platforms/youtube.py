"""YouTube's Data API for comments and search: https://developers.google.com/youtube/v3/docs

What the board has with a title is a video; what answers it are threads there, and what answers
those are replies. Without a title and an answer, it is a thread under `VIDEO`.
"""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, date, datetime
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

KEY: Final = "geheim-youtube"
VIDEO: Final = "motorrad-01"
CHANNEL: Final = "UCmotorrad"
INLINE: Final = 2
"""Replies that a thread is shown with."""
_ZONE: Final = ZoneInfo("America/Los_Angeles")
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def routes(
    board: Board, *, quota: int = 10_000, searches: int = 100, disabled: Collection[str] = ()
) -> list[BaseRoute]:
    """quota, searches: requests a day, in California. disabled: videos without comments."""
    spent = _Spent(board, quota, searches)

    async def threads(request: Request) -> Response:
        asked = request.query_params
        video = asked.get("videoId")
        if video in disabled:
            return _refused(403, "commentsDisabled", "The video has disabled comments.")
        if video not in (None, VIDEO) and video not in _videos(board):
            return _refused(404, "videoNotFound", "The video could not be found.")
        if video is None and asked.get("allThreadsRelatedToChannelId") != CHANNEL:
            return _refused(404, "channelNotFound", "The channel could not be found.")
        tops = [each for each in board.shown() if _is_top(board, each)]
        found = [each for each in tops if video in (None, _video_of(board, each))]
        return _paged(board, request, found, _thread)

    async def comments(request: Request) -> Response:
        asked = request.query_params
        if parent := asked.get("parentId"):
            found = [each for each in board.shown() if each.answers and _id(each.answers) == parent]
            return _paged(board, request, found, _comment)
        wanted = asked.get("id", "").split(",")
        found = [each for each in board.shown() if _id(each.number) in wanted]
        return JSONResponse({"items": [{"id": _id(each.number)} for each in found]})

    async def videos(request: Request) -> Response:
        wanted = request.query_params.get("id", "").split(",")
        known = [VIDEO, *_videos(board)]
        return JSONResponse({"items": [{"id": each} for each in wanted if each in known]})

    async def search(request: Request) -> Response:
        asked = request.query_params
        term = asked.get("q", "").strip('"').lower()
        since = datetime.fromisoformat(asked["publishedAfter"])
        found = [
            each
            for each in board.shown()
            if each.title and each.answers is None and each.written_at >= since
            if term in f"{each.title} {each.text}".lower()
        ]
        return _paged(board, request, found, _found)

    return [
        Route("/youtube/v3/commentThreads", spent.behind(threads)),
        Route("/youtube/v3/comments", spent.behind(comments)),
        Route("/youtube/v3/videos", spent.behind(videos)),
        Route("/youtube/v3/search", spent.behind(search, is_search=True)),
    ]


class _Spent:
    """Keys and quotas: what fails costs too."""

    def __init__(self, board: Board, quota: int, searches: int) -> None:
        self._board = board
        self._most = {False: quota, True: searches}
        self._used: dict[tuple[date, bool], int] = {}

    def behind(self, endpoint: Endpoint, *, is_search: bool = False) -> Endpoint:
        async def answer(request: Request) -> Response:
            given = request.query_params.get("key", request.headers.get("x-goog-api-key"))
            if self._board.refuses or given != KEY:
                return _refused(400, "badRequest", "API key not valid. Please pass a valid one.")
            day = (self._board.clock().astimezone(_ZONE).date(), is_search)
            self._used[day] = self._used.get(day, 0) + 1
            if self._used[day] > self._most[is_search] or self._board.wait is not None:
                return _refused(403, "quotaExceeded", "You have exceeded your quota.")
            return await endpoint(request)

        return answer


def _refused(code: int, reason: str, message: str) -> Response:
    errors = [{"message": message, "domain": "youtube.commentThread", "reason": reason}]
    return JSONResponse({"error": {"code": code, "message": message, "errors": errors}}, code)


def _paged(
    board: Board,
    request: Request,
    found: Sequence[Written],
    shown_as: Callable[[Board, Request, Written], dict[str, object]],
) -> Response:
    size = min(int(request.query_params.get("maxResults", 20)), board.page_size, 100)
    if token := request.query_params.get("pageToken"):
        tokens = [_token(each) for each in found]
        if token not in tokens:
            return _refused(400, "invalidPageToken", "The page token is not valid.")
        found = found[tokens.index(token) + 1 :]
    page: dict[str, object] = {
        "items": [shown_as(board, request, each) for each in found[:size]],
        "pageInfo": {"totalResults": len(found), "resultsPerPage": size},
    }
    if len(found) > size:
        page["nextPageToken"] = _token(found[size - 1])
    return JSONResponse(page)


def _token(post: Written) -> str:
    return f"QURT{post.number:x}"


def _id(number: int) -> str:
    return f"Ugx{number:023d}"


def video_id(number: int) -> str:
    return f"vid{number:08d}"


def _videos(board: Board) -> list[str]:
    return [video_id(each.number) for each in board.shown() if each.title and not each.answers]


def _is_top(board: Board, post: Written) -> bool:
    if post.answers is None:
        return post.title is None
    parent = board[post.answers]
    return parent.answers is None and parent.title is not None


def _video_of(board: Board, post: Written) -> str:
    while post.answers is not None:
        post = board[post.answers]
    return video_id(post.number) if post.title is not None else VIDEO


def _thread(board: Board, request: Request, post: Written) -> dict[str, object]:
    replies = [each for each in board.shown() if each.answers == post.number]
    video = _video_of(board, post)
    thread: dict[str, object] = {
        "kind": "youtube#commentThread",
        "id": _id(post.number),
        "snippet": {
            "videoId": video,
            "channelId": CHANNEL,
            "topLevelComment": _comment(board, request, post),
            "canReply": True,
            "totalReplyCount": len(replies),
        },
    }
    if replies:
        inline = [_comment(board, request, each) for each in replies[-INLINE:]]
        thread["replies"] = {"comments": inline}
    return thread


def _comment(board: Board, request: Request, post: Written) -> dict[str, object]:
    is_plain = request.query_params.get("textFormat") == "plainText"
    snippet: dict[str, object] = {
        "videoId": _video_of(board, post),
        "textDisplay": post.text if is_plain else f"<p>{html.escape(post.text)}</p>",
        "likeCount": 0,
        "publishedAt": _time(post.written_at),
        "updatedAt": _time(post.edited_at or post.written_at),
    }
    if post.author is not None:
        snippet["authorDisplayName"] = f"@{post.author}"
        snippet["authorChannelId"] = {"value": f"UC{post.author}"}
        snippet["authorChannelUrl"] = f"https://www.youtube.com/@{post.author}"
    if not _is_top(board, post) and post.answers is not None:
        snippet["parentId"] = _id(post.answers)
    return {"kind": "youtube#comment", "id": _id(post.number), "snippet": snippet}


def _found(_board: Board, _request: Request, post: Written) -> dict[str, object]:
    return {
        "kind": "youtube#searchResult",
        "id": {"kind": "youtube#video", "videoId": video_id(post.number)},
        "snippet": {
            "publishedAt": _time(post.written_at),
            "channelId": CHANNEL,
            "channelTitle": "Motorrad-Kanal",
            "title": html.escape(post.title or ""),
            "description": html.escape(post.text),
        },
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
