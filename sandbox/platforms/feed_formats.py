"""Atom, RSS 2.0 and JSON Feed, written from entries."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from xml.etree import ElementTree as ET

import msgspec

from sandbox.platforms.site import Site, address, identity
from sandbox.story import BEST_RATING
from sandbox.timeline import Entry

_ATOM: Final = "http://www.w3.org/2005/Atom"
_CONTENT: Final = "http://purl.org/rss/1.0/modules/content/"
_DUBLIN_CORE: Final = "http://purl.org/dc/elements/1.1/"
_MEDIA: Final = "http://search.yahoo.com/mrss/"
_THREADING: Final = "http://purl.org/syndication/thread/1.0"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ET.register_namespace("content", _CONTENT)
ET.register_namespace("dc", _DUBLIN_CORE)
ET.register_namespace("media", _MEDIA)
ET.register_namespace("thr", _THREADING)


def as_atom(
    site: Site, base: str, path: str, entries: Sequence[Entry], changed_at: datetime
) -> bytes:
    """Atom; replies name what they answer."""
    feed = ET.Element("feed", {"xmlns": _ATOM, _LANGUAGE: "de"})
    _put(feed, "id", f"tag:{site.domain},2026:feed")
    _put(feed, "title", site.name)
    _put(feed, "subtitle", site.slogan)
    _put(feed, "updated", _timestamp(changed_at))
    _put(feed, "link", rel="self", href=base + path)
    _put(feed, "link", rel="alternate", type="text/html", href=f"{base}/{site.feed}/")
    for entry in entries:
        item = ET.SubElement(feed, "entry", {_LANGUAGE: entry.post.lang})
        _put(item, "id", identity(site, entry.id))
        _put(item, "title", entry.title)
        _put(item, "link", rel="alternate", type="text/html", href=base + address(entry))
        _put(item, "published", _timestamp(entry.published_at))
        _put(item, "updated", _timestamp(max(entry.published_at, entry.changed_at)))
        _put(_put(item, "author"), "name", entry.post.author)
        if entry.in_reply_to:
            _put(item, f"{{{_THREADING}}}in-reply-to", ref=identity(site, entry.in_reply_to))
        _put(item, "content", _paragraphs(entry.post.text), type="html")
    return _document(feed)


def as_rss(
    site: Site, base: str, path: str, entries: Sequence[Entry], changed_at: datetime
) -> bytes:
    """RSS 2.0 with creator and language from Dublin Core; stars, where there are any, from
    Media RSS."""
    rss = ET.Element("rss", {"version": "2.0", "xmlns:atom": _ATOM})
    channel = _put(rss, "channel")
    _put(channel, "title", site.name)
    _put(channel, "link", f"{base}/{site.feed}/")
    _put(channel, "description", site.slogan)
    _put(channel, "language", "de")
    _put(channel, "lastBuildDate", _mail_date(changed_at))
    _put(channel, "atom:link", rel="self", type="application/rss+xml", href=base + path)
    for entry in entries:
        item = _put(channel, "item")
        _put(item, "title", entry.title)
        _put(item, "link", base + address(entry))
        _put(item, "guid", identity(site, entry.id), isPermaLink="false")
        _put(item, "pubDate", _mail_date(entry.published_at))
        _put(item, f"{{{_DUBLIN_CORE}}}creator", entry.post.author)
        _put(item, f"{{{_DUBLIN_CORE}}}language", entry.post.lang)
        _put(item, "description", html.escape(entry.post.text, quote=False))
        _put(item, f"{{{_CONTENT}}}encoded", _paragraphs(entry.post.text))
        if entry.post.rating is not None:
            stars = {"average": f"{entry.post.rating:g}", "min": "1", "max": str(BEST_RATING)}
            community = _put(item, f"{{{_MEDIA}}}community")
            ET.SubElement(community, f"{{{_MEDIA}}}starRating", stars)
    return _document(rss)


def as_json_feed(
    site: Site, base: str, path: str, entries: Sequence[Entry], _changed_at: datetime
) -> bytes:
    """JSON Feed 1.1; the stars are an extension, whose name begins with an underscore."""
    return msgspec.json.encode(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": site.name,
            "description": site.slogan,
            "home_page_url": f"{base}/{site.feed}/",
            "feed_url": base + path,
            "language": "de",
            "items": [_json_item(site, base, entry) for entry in entries],
        }
    )


def _json_item(site: Site, base: str, entry: Entry) -> dict[str, object]:
    item: dict[str, object] = {
        "id": identity(site, entry.id),
        "url": base + address(entry),
        "title": entry.title,
        "content_text": entry.post.text,
        "date_published": _timestamp(entry.published_at),
        "authors": [{"name": entry.post.author}],
        "language": entry.post.lang,
    }
    if entry.changed_at > entry.published_at:
        item["date_modified"] = _timestamp(entry.changed_at)
    if entry.post.rating is not None:
        item["_review"] = {
            "rating": entry.post.rating,
            "best": BEST_RATING,
            "about": entry.post.about,
        }
    return item


def _put(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    if text is not None:
        element.text = _NOT_XML.sub("\ufffd", text)
    return element


def _document(root: ET.Element) -> bytes:
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def _paragraphs(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    return "".join(f"<p>{html.escape(line, quote=False)}</p>" for line in lines if line)


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _mail_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)
