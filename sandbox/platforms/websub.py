"""A feed with a hub that delivers it: https://www.w3.org/TR/websub/"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms import board_feed
from sandbox.platforms.board import Board

FEED: Final = board_feed.ATOM
HUB: Final = "/hub"
NEW_HUB: Final = "/new-hub"
WITHOUT_HUB: Final = board_feed.RSS
"""A feed that names no hub."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Whom the hub delivers to, and until when."""

    callback: str
    topic: str
    secret: str
    until: datetime


@dataclass(frozen=True, slots=True)
class AskedBack:
    """How a subscriber answered the question whether it asked for this."""

    mode: str
    confirmed: bool
    status: int


@dataclass(slots=True)
class Hub:
    """Asks back before it delivers, as it must.

    client: reaches the subscribers. lease: gives so much at most. method: it signs with. denies:
    it refuses whoever asks. broken: it answers with an error. moved: it sends those who ask to
    another address. path: the address that the feed names, in `Link` headers or (in_headers is
    False) in its own body. asked: forms it was sent, in order.
    """

    board: Board
    client: httpx.AsyncClient
    lease: timedelta = timedelta(days=10)
    method: str = "sha1"
    denies: bool = False
    broken: bool = False
    moved: bool = False
    path: str = HUB
    in_headers: bool = True
    asked: list[dict[str, str]] = field(default_factory=list)
    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    asked_back: asyncio.Queue[AskedBack] = field(default_factory=asyncio.Queue)

    def routes(self) -> list[BaseRoute]:
        feeds = {
            route.path: route for route in board_feed.routes(self.board) if isinstance(route, Route)
        }

        async def feed(request: Request) -> Response:
            response: Response = await feeds[FEED].endpoint(request)
            return self._naming_itself(response, str(request.base_url).rstrip("/"))

        async def hub(request: Request) -> Response:
            if self.moved and request.url.path == HUB:
                return RedirectResponse(NEW_HUB, 307)
            form = dict(parse_qsl((await request.body()).decode()))
            self.asked.append(form)
            if self.broken:
                return PlainTextResponse("Bad Gateway", 502)
            if urlsplit(form.get("hub.callback", "")).scheme not in ("http", "https"):
                return PlainTextResponse("hub.callback is missing", 400)
            return Response(status_code=202, background=BackgroundTask(self._ask_back, form))

        return [
            Route(FEED, feed),
            feeds[WITHOUT_HUB],
            Route(HUB, hub, methods=["POST"]),
            Route(NEW_HUB, hub, methods=["POST"]),
        ]

    async def deliver(self, body: bytes | None = None, *, secret: str | None = None) -> list[int]:
        """Sends the feed as it is now, or something else, to all whose lease has not ended; the
        statuses of their answers. secret: signs with this one instead of theirs."""
        now, statuses = self.board.clock(), []
        for each in self.subscribers.values():
            if each.until > now:
                content = await self._content(each.topic) if body is None else body
                headers = {
                    "Content-Type": "application/atom+xml",
                    "X-Hub-Signature": self._signature(secret or each.secret, content),
                }
                answer = await self.client.post(each.callback, content=content, headers=headers)
                statuses.append(answer.status_code)
        return statuses

    async def _content(self, topic: str) -> bytes:
        return (await self.client.get(topic)).content

    def _signature(self, secret: str, content: bytes) -> str:
        digits = hmac.new(secret.encode(), content, self.method).hexdigest()
        return f"{self.method}={digits}"

    def _naming_itself(self, response: Response, base: str) -> Response:
        if self.in_headers:
            links = f'<{base}{self.path}>; rel="hub", <{base}{FEED}>; rel="self"'
            response.headers["Link"] = links
            return response
        link = f'<link rel="hub" href="{base}{self.path}"/><link rel="self"'.encode()
        body = bytes(response.body).replace(b'<link rel="self"', link)
        headers = {k: v for k, v in response.headers.items() if k != "content-length"}
        return Response(body, response.status_code, headers)

    async def _ask_back(self, form: Mapping[str, str]) -> None:
        callback, mode = form["hub.callback"], form.get("hub.mode", "")
        asked = {"hub.mode": mode, "hub.topic": form.get("hub.topic", "")}
        if self.denies:
            denied = asked | {"hub.mode": "denied", "hub.reason": "not here"}
            answer = await self.client.get(f"{callback}?{urlencode(denied)}")
            self.asked_back.put_nowait(AskedBack("denied", False, answer.status_code))
            return
        wished = timedelta(seconds=int(form.get("hub.lease_seconds", "864000")))
        length = min(wished, self.lease)
        challenge = secrets.token_urlsafe(16)
        asked |= {"hub.challenge": challenge}
        if mode == "subscribe":
            asked |= {"hub.lease_seconds": str(int(length.total_seconds()))}
        answer = await self.client.get(f"{callback}?{urlencode(asked)}")
        confirmed = answer.is_success and answer.text == challenge
        if confirmed and mode == "subscribe":
            until = self.board.clock() + length
            secret = form.get("hub.secret", "")
            self.subscribers[callback] = Subscriber(callback, asked["hub.topic"], secret, until)
        elif confirmed:
            self.subscribers.pop(callback, None)
        self.asked_back.put_nowait(AskedBack(mode, confirmed, answer.status_code))
