"""Jetstream, version 1: everything that happens on Bluesky, as JSON over a WebSocket.

https://github.com/bluesky-social/jetstream
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final

from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.platforms.bluesky_records import COLLECTION, cid, did, record, rkey, tid
from sandbox.platforms.board import Board
from sandbox.platforms.happenings import Happening, as_they_happen, happenings

LOOK_BACK: Final = timedelta(hours=36)
POLICY_VIOLATION: Final = 1008


def routes(board: Board) -> list[BaseRoute]:
    return Firehose(board).routes()


class Firehose:
    """look_back: what is older is not there any more, and nobody is told. slow_after: a client
    that was sent so many events counts as too slow, and is sent away."""

    def __init__(
        self, board: Board, *, look_back: timedelta = LOOK_BACK, slow_after: int | None = None
    ) -> None:
        self._board = board
        self._look_back = look_back
        self._slow_after = slow_after

    def routes(self) -> list[BaseRoute]:
        return [WebSocketRoute("/subscribe", self._subscribe)]

    async def _subscribe(self, socket: WebSocket) -> None:
        if (wait := self._board.wait) is not None:
            headers = {"Retry-After": str(round(wait.total_seconds()))}
            refusal = JSONResponse({"message": "Too Many Requests"}, 429, headers)
            return await socket.send_denial_response(refusal)
        await socket.accept()
        sending = asyncio.create_task(self._send(socket))
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.receive_text()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        return None

    async def _send(self, socket: WebSocket) -> None:
        since = self._since(socket.query_params.get("cursor"))
        collections = socket.query_params.getlist("wantedCollections")
        largest = int(socket.query_params.get("maxMessageSizeBytes", 0))
        for noise in _noise(since):
            await socket.send_json(noise)
        sent = 0
        before = [each for each in happenings(self._board) if each.at < since]
        async with aclosing(as_they_happen(self._board, before=before)) as events:
            async for event in events:
                if event is None or (collections and COLLECTION not in collections):
                    continue
                message = self._message(event)
                if largest and len(str(message)) > largest:
                    continue
                await socket.send_json(message)
                sent += 1
                if sent == self._slow_after:
                    await socket.close(POLICY_VIOLATION, "ConsumerTooSlow")
                    return

    def _since(self, cursor: str | None) -> datetime:
        """Microseconds; too old ones are silently taken for the oldest there is, and those of the
        future for now."""
        now = self._board.clock()
        if cursor is None:
            return now
        asked = datetime.fromtimestamp(int(cursor) / 1e6, now.tzinfo)
        return now if asked > now else max(asked, now - self._look_back)

    def _message(self, event: Happening) -> dict[str, object]:
        post = event.post
        commit: dict[str, object] = {
            "rev": tid(_micros(event.at) << 10),
            "operation": event.what,
            "collection": COLLECTION,
            "rkey": rkey(post),
        }
        if event.what != "delete":
            commit |= {"record": record(self._board, post), "cid": cid(post)}
        return {
            "did": did(post.author),
            "time_us": _micros(event.at),
            "kind": "commit",
            "commit": commit,
        }


def _noise(at: datetime) -> list[dict[str, object]]:
    """What is sent whatever was asked for."""
    someone, time_us = did("someone else"), _micros(at)
    told = {"did": someone, "seq": 1, "time": at.isoformat()}
    identity = {**told, "handle": "someone.bsky.social"}
    account = {**told, "active": False, "status": "deleted"}
    return [
        {"did": someone, "time_us": time_us, "kind": "identity", "identity": identity},
        {"did": someone, "time_us": time_us, "kind": "account", "account": account},
    ]


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
