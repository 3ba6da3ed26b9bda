"""The way in: picks the parser, off the event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from services.ingest.collector import Confined
from services.ingest.reading.feed_formats.charset import decode, is_utf_8
from services.ingest.reading.feed_formats.entry import Feed
from services.ingest.reading.feed_formats.fast import Unusual, parse_fast
from services.ingest.reading.feed_formats.json_feed import parse_json
from services.ingest.reading.feed_formats.tolerant import Job, run
from services.ingest.reading.feed_formats.usual import parse_usual

Path: TypeAlias = Literal["fast", "tolerant", "json"]


class Reading(NamedTuple):
    """A feed, and which parser read it."""

    feed: Feed
    path: Path


async def read_feed(body: bytes, content_type: str, url: str, confined: Confined) -> Reading:
    """The feed in `body`. Its `format` is empty when there is none in it.

    Raises Unreadable when it cannot be read within the limits of the confined process.
    """
    try:
        return await asyncio.to_thread(read_strictly, body, content_type, url)
    except Unusual:
        text = await asyncio.to_thread(decode, body, content_type)
        answer = await confined.run(run, msgspec.msgpack.encode(Job(text, url)))
        return Reading(msgspec.msgpack.decode(answer, type=Feed), "tolerant")


def read_strictly(body: bytes, content_type: str, url: str) -> Reading:
    """The feed in `body`, read by the fastest parser that knows all that is in it.

    Raises Unusual when none does.
    """
    if is_utf_8(body, content_type):
        with suppress(Unusual):
            return Reading(parse_usual(body, url), "fast")
    text = decode(body, content_type)
    start = text[:100].lstrip()
    if not start and not text.strip():
        return Reading(Feed(), "fast")
    if start.startswith(("{", "[")):
        return Reading(parse_json(text, url), "json")
    return Reading(parse_fast(text, url), "fast")
