"""Meta, as it delivers what happens on a Facebook page or an Instagram account, and its Graph API.

https://developers.facebook.com/docs/graph-api/webhooks
"""

from __future__ import annotations

import json
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written
from sandbox.platforms.delivering import Happened, hmac_sha256, in_batches

BATCH: Final = 1000
PAGE: Final = "108000000000001"
ACCOUNT: Final = "17841400000000001"
VERSION: Final = "/v23.0"
_VERBS: Final = {"written": "add", "edited": "edited", "deleted": "remove"}
_MENTIONED: Final = re.compile(r"mentioned_(comment|media)\.\w+_id\((\d+)\)")


class _Meta(ABC):
    """The handshake and the signature, which are those of both."""

    about: str
    own_id: str

    def __init__(self, app_secret: str, verify_token: str) -> None:
        self._secret = app_secret
        self._token = verify_token
        self._challenge = ""

    def greeting(self) -> Mapping[str, str]:
        self._challenge = str(secrets.randbelow(10**10))
        return {
            "hub.mode": "subscribe",
            "hub.challenge": self._challenge,
            "hub.verify_token": self._token,
        }

    def accepts(self, answer: bytes) -> bool:
        return answer == self._challenge.encode()

    def signed(self, body: bytes) -> Mapping[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature": "sha1=unused",
            "X-Hub-Signature-256": "sha256=" + hmac_sha256(self._secret, body).hex(),
        }

    def bodies(self, happened: Sequence[Happened]) -> list[bytes]:
        """Each batch as one request; beyond ASCII everything is escaped, and so is the slash."""
        return [
            self.body([self.entry(each.at, [self.change(each)]) for each in batch])
            for batch in in_batches(self.told(happened), BATCH)
        ]

    def body(self, entries: Sequence[Mapping[str, object]]) -> bytes:
        content = {"object": self.about, "entry": entries}
        return json.dumps(content, separators=(",", ":")).replace("/", r"\/").encode()

    def entry(self, at: datetime, changes: Sequence[Mapping[str, object]]) -> dict[str, object]:
        return {"id": self.own_id, "time": int(at.timestamp()), "changes": changes}

    def told(self, happened: Sequence[Happened]) -> Sequence[Happened]:
        """What the platform tells of."""
        return happened

    @abstractmethod
    def change(self, happened: Happened) -> dict[str, object]:
        """One change as the platform tells it."""


class FacebookPage(_Meta):
    """Posts on the page, and comments on them; edits and removals too."""

    about = "page"
    own_id = PAGE

    def change(self, happened: Happened) -> dict[str, object]:
        post = happened.post
        value: dict[str, object] = {
            "item": "comment" if post.answers else "post",
            "verb": _VERBS[happened.what],
            "created_time": int(post.written_at.timestamp()),
        }
        if post.author is not None:
            value["from"] = {"id": f"9{post.author}", "name": post.author.title()}
        if post.answers:
            value["post_id"] = value["parent_id"] = post_id(post.answers)
            value["comment_id"] = f"{post.answers}_{post.number}"
        else:
            value["post_id"] = post_id(post.number)
        if happened.what != "deleted":
            value["message"] = post.text
        return {"field": "feed", "value": value}

    def mention(self, post: Written) -> dict[str, object]:
        """Somebody mentioned the page elsewhere; told by its id only."""
        value = {"item": "post", "verb": "add", "post_id": post_id(post.number)}
        return {"field": "mention", "value": value}


class InstagramAccount(_Meta):
    """Comments on the account's media. Edits and deletions are not told."""

    about = "instagram"
    own_id = ACCOUNT

    def told(self, happened: Sequence[Happened]) -> Sequence[Happened]:
        return [each for each in happened if each.what == "written"]

    def change(self, happened: Happened) -> dict[str, object]:
        post = happened.post
        value: dict[str, object] = {
            "id": str(post.number),
            "media": {"id": "5001", "media_product_type": "FEED"},
            "text": post.text,
        }
        if post.author is not None:
            value["from"] = {"id": f"9{post.author}", "username": post.author}
        if post.answers:
            value["parent_id"] = str(post.answers)
        return {"field": "comments", "value": value}

    def mention(self, post: Written) -> dict[str, object]:
        """Somebody mentioned the account in a comment; told by its id only."""
        value = {"media_id": "5001", "comment_id": str(post.number)}
        return {"field": "mentions", "value": value}


def post_id(number: int) -> str:
    return f"{PAGE}_{number}"


def routes(board: Board, access_token: str) -> list[BaseRoute]:
    """The Graph API, for single posts."""

    async def node(request: Request) -> Response:
        if board.refuses or request.headers.get("authorization") != f"Bearer {access_token}":
            return _error(400, 190, "Error validating access token")
        if board.wait is not None:
            return _error(403, 4, "Application request limit reached")
        return _node(board, request.path_params["node"], request.query_params.get("fields", ""))

    return [Route(VERSION + "/{node}", node)]


def _node(board: Board, node: str, fields: str) -> Response:
    mentioned = _MENTIONED.match(fields)
    post = _standing(board, mentioned[2] if mentioned else node.rpartition("_")[2])
    if post is None:
        return _error(400, 100, "Unsupported get request. Object does not exist")
    written = _timestamp(post.written_at)
    if mentioned is None:
        shown: dict[str, object] = {"id": node, "message": post.text, "created_time": written}
        if post.author is not None:
            shown["from"] = {"id": f"9{post.author}", "name": post.author.title()}
        return JSONResponse(shown)
    content = {"id": str(post.number), "timestamp": written, "username": post.author}
    content["text" if mentioned[1] == "comment" else "caption"] = post.text
    return JSONResponse({f"mentioned_{mentioned[1]}": content, "id": node})


def _standing(board: Board, number: str) -> Written | None:
    found = [each for each in board.shown() if str(each.number) == number]
    return found[0] if found else None


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _error(status: int, code: int, message: str) -> Response:
    fault = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1"}
    return JSONResponse({"error": fault}, status)
