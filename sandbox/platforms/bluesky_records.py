"""Posts of the board as they stand in Bluesky's repositories, for the stand-ins that show them."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from sandbox.platforms.board import Board, Written

COLLECTION: Final = "app.bsky.feed.post"
_TID_LETTERS: Final = "234567abcdefghijklmnopqrstuvwxyz"
_HASHTAG: Final = re.compile(r"#\w+")


def did(author: str | None) -> str:
    """An account's id: the same for the same author."""
    hashed = hashlib.sha256((author or "nobody").encode()).digest()
    return "did:plc:" + base64.b32encode(hashed).decode().lower()[:24]


def rkey(post: Written) -> str:
    """A TID: thirteen letters that sort as the posts' times do."""
    micros = round(post.written_at.timestamp() * 1_000_000)
    return tid((micros << 10) | (post.number & 1023))


def tid(number: int) -> str:
    letters = [_TID_LETTERS[(number >> shift) & 31] for shift in range(60, -1, -5)]
    return "".join(letters)


def uri(post: Written) -> str:
    return f"at://{did(post.author)}/{COLLECTION}/{rkey(post)}"


def cid(post: Written) -> str:
    """The hash of the content; another one after an edit."""
    hashed = hashlib.sha256(f"{post.number} {post.text}".encode()).digest()
    return "bafyrei" + base64.b32encode(hashed).decode().lower().rstrip("=")


def record(board: Board, post: Written) -> dict[str, object]:
    """Facets count bytes of UTF-8, and clients write the author's own time and zone."""
    content: dict[str, object] = {
        "$type": COLLECTION,
        "text": post.text,
        "createdAt": post.written_at.isoformat(timespec="milliseconds"),
    }
    if post.lang is not None:
        content["langs"] = [post.lang]
    if facets := [_facet(post.text, found) for found in _HASHTAG.finditer(post.text)]:
        content["facets"] = facets
    if post.answers is not None:
        parent = board[post.answers]
        reference = {"uri": uri(parent), "cid": cid(parent)}
        content["reply"] = {"root": reference, "parent": reference}
    return content


def _facet(text: str, found: re.Match[str]) -> dict[str, object]:
    return {
        "index": {
            "byteStart": len(text[: found.start()].encode()),
            "byteEnd": len(text[: found.end()].encode()),
        },
        "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": found[0][1:]}],
    }
