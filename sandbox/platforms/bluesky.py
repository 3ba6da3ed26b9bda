"""A server of Bluesky accounts (PDS): sessions, and the search it passes on.

https://docs.bsky.app/docs/category/http-reference
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.bluesky_records import cid, did, record, uri
from sandbox.platforms.board import Board, Written

IDENTIFIER: Final = "acme.bsky.social"
PASSWORD: Final = "abcd-efgh-ijkl-mnop"
MOST_ON_A_PAGE: Final = 100
MOST_ACTORS: Final = 25
SESSION: Final = timedelta(hours=2)


def routes(board: Board) -> list[BaseRoute]:
    return Server(board).routes()


class Server:
    """Tells strangers nothing. A session lasts two hours and is then renewed."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._ends: dict[str, datetime] = {}
        self._renewals: set[str] = set()
        self._numbers = itertools.count(1)

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"/xrpc/{name}", endpoint, methods=[method])
            for name, endpoint, method in (
                ("com.atproto.server.createSession", self._create_session, "POST"),
                ("com.atproto.server.refreshSession", self._refresh_session, "POST"),
                ("app.bsky.feed.searchPosts", self._search, "GET"),
                ("app.bsky.feed.getPosts", self._get_posts, "GET"),
                ("app.bsky.actor.getProfiles", self._get_profiles, "GET"),
            )
        ]

    async def _create_session(self, request: Request) -> Response:
        if refusal := self._limited():
            return refusal
        given = json.loads(await request.body())
        if self._board.refuses or given != {"identifier": IDENTIFIER, "password": PASSWORD}:
            return _problem(401, "AuthenticationRequired", "Invalid identifier or password")
        return self._session()

    async def _refresh_session(self, request: Request) -> Response:
        token = _token(request)
        if self._board.refuses or token not in self._renewals:
            return _problem(400, "ExpiredToken", "Token has been revoked")
        self._renewals.discard(token)
        return self._session()

    def _session(self) -> Response:
        access, renewal = self._signed("access"), self._signed("refresh")
        self._ends[access] = self._board.clock() + SESSION
        self._renewals.add(renewal)
        return self._answer(
            {
                "did": did(IDENTIFIER),
                "handle": IDENTIFIER,
                "accessJwt": access,
                "refreshJwt": renewal,
                "active": True,
            }
        )

    def _signed(self, scope: str) -> str:
        """Looks as a token does to clients, which read when it ends."""
        now = int(self._board.clock().timestamp())
        claims = {
            "scope": f"com.atproto.{scope}",
            "sub": did(IDENTIFIER),
            "iat": now,
            "exp": now + int(SESSION.total_seconds()),
            "jti": str(next(self._numbers)),
        }
        parts = ({"typ": "at+jwt", "alg": "HS256"}, claims)
        encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts]
        return b".".join([*encoded, b"c2lnbmF0dXJl"]).decode()

    async def _search(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        asked = request.query_params
        query = asked.get("q", "").strip('"').lower()
        if not query:
            return _problem(400, "InvalidRequest", "Error: Params must have the property q")
        since = datetime.fromisoformat(asked.get("since", "1970-01-01T00:00:00Z"))
        found = [
            post
            for post in self._board.shown()
            if query in post.text.lower() and post.written_at >= since
        ]
        limit = min(int(asked.get("limit", 25)), MOST_ON_A_PAGE, self._board.page_size)
        start = int(asked.get("cursor", 0))
        page = found[start : start + limit]
        answer: dict[str, object] = {"hitsTotal": len(found), "posts": self._views(page)}
        if start + limit < len(found):
            answer["cursor"] = str(start + limit)
        return self._answer(answer)

    async def _get_posts(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        uris = request.query_params.getlist("uris")
        if len(uris) > MOST_ACTORS:
            return _problem(
                400, "InvalidRequest", "Error: uris must not have more than 25 elements"
            )
        return self._answer(
            {"posts": self._views([p for p in self._board.shown() if uri(p) in uris])}
        )

    async def _get_profiles(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        actors = request.query_params.getlist("actors")
        if len(actors) > MOST_ACTORS:
            return _problem(
                400, "InvalidRequest", "Error: actors must not have more than 25 elements"
            )
        authors = dict.fromkeys(post.author for post in self._board.everything())
        profiles = [
            {**_author(author), "followersCount": 100 + len(author or "")}
            for author in authors
            if did(author) in actors
        ]
        return self._answer({"profiles": profiles})

    def _views(self, posts: Sequence[Written]) -> list[dict[str, object]]:
        return [
            {
                "uri": uri(post),
                "cid": cid(post),
                "author": _author(post.author),
                "record": record(self._board, post),
                "replyCount": 1,
                "repostCount": 2,
                "likeCount": 3,
                "quoteCount": 0,
                "indexedAt": _time(post.written_at),
                "labels": [],
            }
            for post in posts
        ]

    def _refusal(self, request: Request) -> Response | None:
        if limited := self._limited():
            return limited
        token = _token(request)
        if token is None:
            # As the public address does: a page, whatever was asked for.
            return HTMLResponse("<html><head><title>403 Forbidden</title></head></html>", 403)
        if token not in self._ends:
            return _problem(400, "InvalidToken", "Token could not be verified")
        if self._board.refuses or self._ends[token] <= self._board.clock():
            return _problem(400, "ExpiredToken", "Token has expired")
        return None

    def _limited(self) -> Response | None:
        if (wait := self._board.wait) is None:
            return None
        answer = _problem(429, "RateLimitExceeded", "Rate Limit Exceeded")
        answer.headers.update(self._limits(self._board.clock() + wait, remaining=0))
        return answer

    def _limits(self, reset: datetime, *, remaining: int) -> dict[str, str]:
        return {
            "ratelimit-limit": "3000",
            "ratelimit-remaining": str(remaining),
            "ratelimit-reset": str(round(reset.timestamp())),
            "ratelimit-policy": "3000;w=300",
        }

    def _answer(self, content: object) -> Response:
        reset = self._board.clock() + timedelta(minutes=5)
        return JSONResponse(content, headers=self._limits(reset, remaining=2999))


def _token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" and token else None


def _problem(status: int, error: str, message: str) -> Response:
    return JSONResponse({"error": error, "message": message}, status)


def _author(author: str | None) -> dict[str, object]:
    if author is None:
        return {"did": did(None), "handle": "handle.invalid"}
    return {"did": did(author), "handle": f"{author}.bsky.social", "displayName": author.title()}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
