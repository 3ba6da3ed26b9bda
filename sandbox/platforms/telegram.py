"""Telegram's Bot API as a bot in one channel sees it: https://core.telegram.org/bots/api

A question for what lies behind an update confirms it: it is not shown again. Updates that nobody
asks for are kept for a day.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

TOKEN: Final = "123456:geheim-telegram"
KEPT: Final = timedelta(hours=24)
CHAT: Final = {
    "id": -1001234,
    "type": "channel",
    "title": "Motorradfreunde",
    "username": "motorradfreunde",
}
_SECOND: Final = "Conflict: terminated by other getUpdates request"


def routes(board: Board, *, has_webhook: bool = False) -> list[BaseRoute]:
    """has_webhook: the updates go elsewhere, and nobody may ask for them."""
    confirmed = 0

    async def get_updates(request: Request) -> Response:
        nonlocal confirmed
        if board.refuses or request.path_params["token"] != TOKEN:
            return _refused(401, "Unauthorized")
        if has_webhook:
            return _refused(409, _SECOND)
        if (wait := board.wait) is not None:
            seconds = math.ceil(wait.total_seconds())
            said = f"Too Many Requests: retry after {seconds}"
            return _refused(429, said, {"retry_after": seconds})
        asked = request.query_params
        confirmed = max(confirmed, int(asked.get("offset", 0)))
        size = min(int(asked.get("limit", 100)), board.page_size, 100)
        waiting = [each for each in _updates(board) if each[0] >= confirmed]
        result = [{"update_id": number, **update} for number, update in waiting[:size]]
        return JSONResponse({"ok": True, "result": result})

    return [Route("/bot{token}/getUpdates", get_updates)]


def _refused(code: int, description: str, parameters: object = None) -> Response:
    body = {"ok": False, "error_code": code, "description": description}
    return JSONResponse(body if parameters is None else {**body, "parameters": parameters}, code)


def _updates(board: Board) -> list[tuple[int, dict[str, object]]]:
    """A post is an update, its newest edit another one; deletions are none."""
    updates: list[tuple[datetime, int, dict[str, object]]] = []
    for post in board.everything():
        message = _message(board, post)
        kind = "channel_post" if post.answers is None else "message"
        updates.append((post.written_at, post.number, {kind: message}))
        if post.edited_at is not None:
            edited = {**message, "edit_date": int(post.edited_at.timestamp())}
            updates.append((post.edited_at, post.number, {f"edited_{kind}": edited}))
    # Numbered as they came: what the board dates back was there from the beginning.
    in_order = sorted(updates, key=lambda each: (each[0], each[1]))
    oldest = board.clock() - KEPT
    return [
        (number, update) for number, (at, _, update) in enumerate(in_order, 7001) if at >= oldest
    ]


def _message(board: Board, post: Written) -> dict[str, object]:
    message: dict[str, object] = {
        "message_id": post.number,
        "date": int(post.written_at.timestamp()),
        "chat": CHAT,
    }
    message["caption" if post.title else "text"] = post.text
    if post.answers is None:
        return message | {"sender_chat": CHAT}
    message["reply_to_message"] = _message(board, board[post.answers])
    if post.author is None:
        return message
    user = {"id": 77, "is_bot": False, "first_name": post.author, "username": post.author}
    return message | {"from": {**user, "language_code": "en"}}
