"""An instance of Mastodon: hashtag timelines, search, single posts, and hashtags as a stream.

https://docs.joinmastodon.org/methods/timelines/, …/search/, …/statuses/, …/streaming/
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written
from sandbox.platforms.happenings import Happening, as_they_happen, happenings

TOKEN: Final = "a-users-token"
MOST_ON_A_PAGE: Final = 40
_THUMP_EVERY: Final = 20
"""Looks at the board between two signs of life."""
_HASHTAG: Final = re.compile(r"#(\w+)")


def routes(board: Board) -> list[BaseRoute]:
    return Instance(board).routes()


class Instance:
    """members_only: strangers see no hashtags, as `timelines_access` may say since 4.5."""

    def __init__(self, board: Board, *, members_only: bool = False) -> None:
        self._board = board
        self._members_only = members_only

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v2/instance", self._about),
            Route("/api/v1/timelines/tag/{tag}", self._timeline),
            Route("/api/v1/statuses/{id:int}", self._status),
            Route("/api/v2/search", self._search),
            Route("/api/v1/streaming/hashtag", self._stream),
        ]

    async def _about(self, request: Request) -> Response:
        if refusal := self._refusal(request, needs_token=False):
            return refusal
        streaming = str(request.base_url).rstrip("/").replace("http", "ws", 1)
        access = "authenticated" if self._members_only else "public"
        feeds = {"local": access, "remote": access}
        configuration = {
            "urls": {"streaming": streaming},
            "timelines_access": {"hashtag_feeds": feeds},
        }
        return self._answer(
            {
                "domain": request.url.hostname,
                "title": "Sandbox",
                "version": "4.5.0",
                "api_versions": {"mastodon": 7},
                "configuration": configuration,
            }
        )

    async def _timeline(self, request: Request) -> Response:
        if refusal := self._refusal(request, needs_token=self._members_only):
            return refusal
        tag = request.path_params["tag"]
        tagged = [post for post in self._board.shown() if _is_tagged(post, tag)]
        page = self._page(request, tagged)
        headers = {}
        if page:
            here = request.url.replace(query="")
            limit = request.query_params.get("limit", "20")
            headers["Link"] = (
                f'<{here}?limit={limit}&max_id={_id(page[-1])}>; rel="next", '
                f'<{here}?limit={limit}&min_id={_id(page[0])}>; rel="prev"'
            )
        return self._answer([_status(request, self._board, post) for post in page], headers)

    async def _status(self, request: Request) -> Response:
        if refusal := self._refusal(request, needs_token=False):
            return refusal
        for post in self._board.shown():
            if _id(post) == request.path_params["id"]:
                return self._answer(_status(request, self._board, post))
        return self._answer({"error": "Record not found"}, status=404)

    async def _search(self, request: Request) -> Response:
        if refusal := self._refusal(request, needs_token=True):
            return refusal
        query = request.query_params.get("q", "").strip('"').lower()
        offset = int(request.query_params.get("offset", 0))
        found = [post for post in self._board.shown() if query in post.text.lower()]
        above = int(request.query_params.get("min_id", 0))
        wanted = [post for post in found if _id(post) > above][offset:]
        page = wanted[: self._limit(request)]
        shown = [_status(request, self._board, post) for post in page]
        return self._answer({"accounts": [], "hashtags": [], "statuses": shown})

    async def _stream(self, request: Request) -> Response:
        if refusal := self._refusal(request, needs_token=True):
            return refusal
        tag = request.query_params.get("tag", "")
        if not tag:
            return self._answer({"error": "Missing tag name parameter", "status": 400}, status=400)
        return StreamingResponse(self._frames(request, tag), media_type="text/event-stream")

    async def _frames(self, request: Request, tag: str) -> AsyncIterator[str]:
        before = happenings(self._board)
        yield ":)\n"
        looks = 0
        async with aclosing(as_they_happen(self._board, before=before)) as events:
            async for event in events:
                if event is None:
                    looks += 1
                    if looks % _THUMP_EVERY == 0:
                        yield ":thump\n"
                elif _is_tagged(event.post, tag):
                    yield self._frame(request, event)

    def _frame(self, request: Request, event: Happening) -> str:
        if event.what == "delete":
            return f"event: delete\ndata: {_id(event.post)}\n\n"
        name = "update" if event.what == "create" else "status.update"
        status = json.dumps(_status(request, self._board, event.post))
        return f"event: {name}\ndata: {status}\n\n"

    def _page(self, request: Request, posts: Sequence[Written]) -> Sequence[Written]:
        """The newest first. `since_id` gives the newest there are, `min_id` those right above."""
        asked = request.query_params
        limit = self._limit(request)
        below = int(asked.get("max_id", 2**63))
        above = int(asked.get("min_id", asked.get("since_id", 0)))
        within = [
            post for post in sorted(posts, key=_id, reverse=True) if above < _id(post) < below
        ]
        return within[-limit:] if "min_id" in asked else within[:limit]

    def _limit(self, request: Request) -> int:
        asked = int(request.query_params.get("limit", 20))
        return min(asked, MOST_ON_A_PAGE, self._board.page_size)

    def _refusal(self, request: Request, *, needs_token: bool) -> Response | None:
        if (wait := self._board.wait) is not None:
            reset = self._board.clock() + wait
            headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": _time(reset)}
            return JSONResponse({"error": "Too many requests"}, 429, headers)
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if given and (given != TOKEN or self._board.refuses):
            return self._answer({"error": "The access token is invalid"}, status=401)
        if not given and needs_token:
            return self._answer({"error": "The access token is invalid"}, status=401)
        return None

    def _answer(
        self, content: object, headers: dict[str, str] | None = None, status: int = 200
    ) -> Response:
        limits = {
            "X-RateLimit-Limit": "300",
            "X-RateLimit-Remaining": "299",
            "X-RateLimit-Reset": _time(self._board.clock()),
        }
        return JSONResponse(content, status, limits | (headers or {}))


def _is_tagged(post: Written, tag: str) -> bool:
    """The suite's posts count as tagged with every word in them."""
    return re.search(rf"\b{re.escape(tag)}\b", post.text, re.IGNORECASE) is not None


def _id(post: Written) -> int:
    """Milliseconds of its time, and its number in the 16 bits below."""
    return (round(post.written_at.timestamp() * 1000) << 16) + post.number


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _status(request: Request, board: Board, post: Written) -> dict[str, object]:
    here = str(request.base_url).rstrip("/")
    author = post.author or "gone"
    tags = _HASHTAG.findall(post.text)
    return {
        "id": str(_id(post)),
        "uri": f"{here}/users/{author}/statuses/{_id(post)}",
        "url": f"{here}/@{author}/{_id(post)}",
        "created_at": _time(post.written_at),
        "edited_at": _time(post.edited_at) if post.edited_at else None,
        "account": _account(here, author),
        "content": _content(here, post.text),
        "spoiler_text": post.title or "",
        "language": post.lang,
        "visibility": "public",
        "sensitive": False,
        "in_reply_to_id": str(_id(board[post.answers])) if post.answers else None,
        "in_reply_to_account_id": "1" if post.answers else None,
        "reblog": None,
        "replies_count": 0,
        "reblogs_count": 2,
        "favourites_count": 3,
        "tags": [{"name": tag.lower(), "url": f"{here}/tags/{tag.lower()}"} for tag in tags],
        "mentions": [],
        "media_attachments": [],
        "emojis": [],
        "card": None,
        "poll": None,
    }


def _account(here: str, author: str) -> dict[str, object]:
    return {
        "id": "1",
        "username": author,
        "acct": author,
        "uri": f"{here}/users/{author}",
        "url": f"{here}/@{author}",
        "display_name": author.title(),
        "note": "<p>Fährt gern.</p>",
        "followers_count": 12,
        "following_count": 3,
        "statuses_count": 40,
        "created_at": "2022-11-06T00:00:00.000Z",
        "bot": False,
        "locked": False,
        "noindex": False,
        "indexable": True,
        "emojis": [],
        "fields": [],
    }


def _content(here: str, text: str) -> str:
    linked = _HASHTAG.sub(
        lambda found: (
            f'<a href="{here}/tags/{found[1].lower()}" class="mention hashtag" rel="tag">'
            f"#<span>{found[1]}</span></a>"
        ),
        html.escape(text, quote=False),
    )
    return f"<p>{linked}</p>"
