"""The way in: picks the parser, off the event loop."""

from __future__ import annotations

import asyncio
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from services.ingest.collector import Confined
from services.ingest.reading.feed_formats.charset import decode
from services.ingest.reading.feed_formats.entry import Feed
from services.ingest.reading.feed_formats.fast import Unusual, parse_fast
from services.ingest.reading.feed_formats.json_feed import parse_json
from services.ingest.reading.feed_formats.tolerant import Job, run

Path: TypeAlias = Literal["fast", "tolerant", "json"]


class Reading(NamedTuple):
    """A feed, and which parser read it."""

    feed: Feed
    path: Path


async def read_feed(body: bytes, content_type: str, url: str, confined: Confined) -> Reading:
    """The feed in `body`. Its `format` is empty when there is none in it.

    Raises Unreadable when it cannot be read within the limits of the confined process.
    """
    text = await asyncio.to_thread(decode, body, content_type)
    start = text[:100].lstrip()
    if not start and not text.strip():
        return Reading(Feed(), "fast")
    if start.startswith(("{", "[")):
        return Reading(await asyncio.to_thread(parse_json, text, url), "json")
    try:
        return Reading(await asyncio.to_thread(parse_fast, text, url), "fast")
    except Unusual:
        job = msgspec.msgpack.encode(Job(text, url))
        answer = await confined.run(run, job)
        return Reading(msgspec.msgpack.decode(answer, type=Feed), "tolerant")
