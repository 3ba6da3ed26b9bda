"""Posts as X's API v2 shows them, in both its dialects."""

from __future__ import annotations

import html
import zlib
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sandbox.platforms.board import Board, Written
from sandbox.platforms.x_query import lang_of

LONGEST_SHORT_POST: Final = 280
"""Characters after which `text` is cut short and `note_tweet` has all of it."""
PROBLEMS: Final = "https://api.twitter.com/2/problems/"
_EPOCH_MS: Final = 1_288_834_974_657
_SEQUENCE_BITS: Final = 22


class Wanted:
    """Which fields and expansions a request asks for, and posts as it wants them."""

    def __init__(self, board: Board, asked: Mapping[str, str]) -> None:
        self._board = board
        self._word = "post" if "post.fields" in asked else "tweet"
        self._fields = {*asked.get(f"{self._word}.fields", "").split(",")}
        self._user_fields = {*asked.get("user.fields", "").split(",")}
        self._expansions = {*asked.get("expansions", "").split(",")}

    def data(self, posts: Sequence[Written], others: Sequence[object] = ()) -> dict[str, object]:
        """An answer with these posts; authors that are gone are errors beside them."""
        body: dict[str, object] = {"data": [*map(self._post, posts), *others]}
        return body | self._beside(posts)

    def one(self, post: Written) -> dict[str, object]:
        body: dict[str, object] = {"data": self._post(post)}
        return body | self._beside([post])

    def _beside(self, posts: Collection[Written]) -> dict[str, object]:
        beside: dict[str, object] = {}
        if "author_id" in self._expansions:
            names = sorted({post.author for post in posts if post.author is not None})
            gone = [not_found("author_id", user_id(None))] if None in _authors(posts) else []
            beside |= {"includes": {"users": [self._user(name) for name in names]}}
            beside |= {"errors": gone} if gone else {}
        return beside

    def _post(self, post: Written) -> dict[str, object]:
        written = html.escape(post.text if not post.title else f"{post.title}\n{post.text}", False)
        is_long = len(written) > LONGEST_SHORT_POST
        data: dict[str, object] = {
            "id": str(version_id(post)),
            "text": written[: LONGEST_SHORT_POST - 1] + "…" if is_long else written,
            f"edit_history_{self._word}_ids": _versions(post),
        }
        parent = self._board[post.answers] if post.answers is not None else None
        more: dict[str, object] = {
            "author_id": user_id(post.author),
            "conversation_id": str(first_id(parent or post)),
            "created_at": shown_time(version_time(post)),
            "lang": lang_of(post),
            "public_metrics": self._counts(),
        }
        if parent is not None:
            replied = {"type": "replied_to", "id": str(version_id(parent))}
            more[f"referenced_{self._word}s"] = [replied]
        if is_long:
            more[f"note_{self._word}"] = {"text": written}
        return data | {name: value for name, value in more.items() if name in self._fields}

    def _counts(self) -> dict[str, int]:
        reposts = "repost_count" if self._word == "post" else "retweet_count"
        return {reposts: 1, "reply_count": 2, "like_count": 3, "impression_count": 90}

    def _user(self, name: str) -> dict[str, object]:
        user: dict[str, object] = {"id": user_id(name), "name": name.title(), "username": name}
        if "public_metrics" in self._user_fields:
            user["public_metrics"] = {"followers_count": 10, "following_count": 5}
        return user


def first_id(post: Written) -> int:
    """The id it got when it was written."""
    return first_id_at(post.written_at) + post.number


def version_id(post: Written) -> int:
    """The id of what it says now: an edit gets one of its own."""
    return first_id_at(version_time(post)) + post.number


def number_of(post_id: str) -> int:
    return int(post_id) % (1 << _SEQUENCE_BITS)


def first_id_at(moment: datetime) -> int:
    return (round(moment.timestamp() * 1000) - _EPOCH_MS) << _SEQUENCE_BITS


def version_time(post: Written) -> datetime:
    return post.edited_at or post.written_at


def shown_time(moment: datetime) -> str:
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    )


def not_found(parameter: str, value: str) -> dict[str, object]:
    return {
        "value": value,
        "resource_id": value,
        "parameter": parameter,
        "resource_type": "user" if parameter == "author_id" else "tweet",
        "title": "Not Found Error",
        "detail": f"Could not find {parameter}: [{value}].",
        "type": f"{PROBLEMS}resource-not-found",
    }


def _versions(post: Written) -> list[str]:
    return list(dict.fromkeys((str(first_id(post)), str(version_id(post)))))


def _authors(posts: Collection[Written]) -> set[str | None]:
    return {post.author for post in posts}


def user_id(name: str | None) -> str:
    return str(zlib.crc32((name or "").encode()) + 1)
