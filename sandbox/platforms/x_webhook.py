"""X, as it delivers what happens around an account: challenge, and posts in the form of API 1.1.

https://docs.x.com/x-api/webhooks/introduction
"""

from __future__ import annotations

import base64
import html
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Final

from sandbox.platforms.board import Written
from sandbox.platforms.delivering import Happened, hmac_sha256

OWN_ID: Final = "2244994945"
_SHORT: Final = 140


class XAccount:
    """Delivers each post in a request of its own. An edit is a post with an id of its own, which
    names the first version."""

    def __init__(self, consumer_secret: str) -> None:
        self._secret = consumer_secret
        self._token = ""

    def greeting(self) -> Mapping[str, str]:
        self._token = secrets.token_urlsafe(32)
        return {"crc_token": self._token}

    def accepts(self, answer: bytes) -> bool:
        expected = {"response_token": self._signature(self._token.encode())}
        return bool(json.loads(answer) == expected)

    def bodies(self, happened: Sequence[Happened]) -> list[bytes]:
        return [
            json.dumps({"for_user_id": OWN_ID, **_events(each)}, ensure_ascii=False).encode()
            for each in happened
        ]

    def signed(self, body: bytes) -> Mapping[str, str]:
        return {
            "Content-Type": "application/json",
            "x-twitter-webhooks-signature": self._signature(body),
        }

    def _signature(self, content: bytes) -> str:
        return "sha256=" + base64.b64encode(hmac_sha256(self._secret, content)).decode()


def _events(happened: Happened) -> dict[str, object]:
    post = happened.post
    if happened.what == "deleted":
        status = {"id": str(post.number), "user_id": f"9{post.author}"}
        milliseconds = str(int(happened.at.timestamp() * 1000))
        return {"tweet_delete_events": [{"status": status, "timestamp_ms": milliseconds}]}
    return {"user_has_blocked": False, "tweet_create_events": [_tweet(happened, post)]}


def _tweet(happened: Happened, post: Written) -> dict[str, object]:
    """Long posts are cut, with the whole text beside."""
    is_edit = happened.what == "edited"
    identity = str(post.number + 10**6) if is_edit else str(post.number)
    text = html.escape(post.text, quote=False)
    tweet: dict[str, object] = {
        "created_at": happened.at.astimezone(UTC).strftime("%a %b %d %H:%M:%S +0000 %Y"),
        "id": int(identity),
        "id_str": identity,
        "text": text if len(text) <= _SHORT else text[:_SHORT] + "…",
        "truncated": len(text) > _SHORT,
        "in_reply_to_status_id_str": str(post.answers) if post.answers else None,
        "favorite_count": 0,
        "lang": post.lang or "und",
    }
    if len(text) > _SHORT:
        tweet["extended_tweet"] = {"full_text": text}
    if is_edit:
        tweet["edit_history"] = {"initial_tweet_id": str(post.number)}
    if post.author is not None:
        tweet["user"] = {
            "id_str": f"9{post.author}",
            "screen_name": post.author,
            "name": post.author.title(),
            "followers_count": 12,
        }
    return tweet
