"""The way in: a page's bytes to its posts, in the confined process."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import msgspec

from services.ingest.collector import Confined
from services.ingest.reading.feed_formats.charset import decode
from services.ingest.reading.page_formats.item import Content, Draft, Select, named

_META: Final = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE
)
_HEAD: Final = 4096


class Job(msgspec.Struct, frozen=True):
    """A decoded page, where it was read from, and what is configured for it."""

    text: str
    url: str
    select: Select | None
    next: str


async def read_page(
    body: bytes,
    content_type: str,
    url: str,
    confined: Confined,
    select: Select | None = None,
    next_page: str = "",
) -> Content:
    """The posts on the page.

    select: where they stand, for pages that do not describe them. next_page: selector of the link
    to the page behind it. Raises Unreadable when it cannot be read within the limits of the
    confined process.
    """
    text = await asyncio.to_thread(decode, body, _declared(body, content_type))
    job = msgspec.msgpack.encode(Job(text, url, select, next_page))
    return msgspec.msgpack.decode(await confined.run(run, job), type=Content)


def run(payload: bytes) -> bytes:
    """`parse_page` for the confined process: a Job in, a Content out, as MessagePack."""
    return msgspec.msgpack.encode(parse_page(msgspec.msgpack.decode(payload, type=Job)))


def parse_page(job: Job) -> Content:
    """What the page describes, as JSON-LD or else as microdata; where neither describes more than
    the page's own article, what stands at the configured places is read as well."""
    from lxml import etree, html

    from services.ingest.reading.feed_formats.entry import language_tag
    from services.ingest.reading.page_formats.embedded import from_json_ld, from_microdata
    from services.ingest.reading.page_formats.schema_org import posts_in
    from services.ingest.reading.page_formats.selected import address_at, base_of, posts_at

    parser = html.HTMLParser(encoding="utf-8", no_network=True)
    try:
        page = html.document_fromstring(job.text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, ValueError):
        return Content()
    url, lang = base_of(page, job.url), language_tag(page.get("lang"))
    after = address_at(page, job.next, url) if job.next else None
    nodes = from_json_ld(page)
    posts = posts_in(nodes, url, lang)
    if _only_articles(posts):
        marked = from_microdata(page, url)
        nodes += marked
        posts = posts or posts_in(marked, url, lang)
    if _only_articles(posts) and job.select is not None:
        posts += posts_at(page, job.select, url, lang)
    return Content(named(posts), after, bool(nodes))


def _only_articles(posts: list[Draft]) -> bool:
    return all(draft.item.kind == "article" for draft in posts)


def _declared(body: bytes, content_type: str) -> str:
    """The content type, with the encoding that the page declares where the server names none."""
    found = _META.search(body[:_HEAD])
    if found is None or "charset" in content_type.lower():
        return content_type
    return f"{content_type or 'text/html'}; charset={found[1].decode('ascii', 'replace')}"
