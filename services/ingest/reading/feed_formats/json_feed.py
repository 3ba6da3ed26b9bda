"""JSON Feed 1.0 and 1.1 (jsonfeed.org)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from services.ingest.post import PostAuthor
from services.ingest.reading.feed_formats.entry import (
    MOST_ENTRIES,
    Draft,
    Extras,
    Feed,
    Markup,
    finished,
    joined,
    person,
)

_ITEMS: Final = '"items"'


def parse_json(text: str, url: str) -> Feed:
    """The feed in `text`, which was read from `url`; one with an empty `format` when it is none.

    Of a document that was cut off, the items before the cut are read.
    """
    try:
        root = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        root = _salvaged(text)
    if not isinstance(root, dict) or not isinstance(root.get("items"), list):
        return Feed()
    author = _author(root, url)
    language = str(root.get("language") or "")
    return Feed(
        format="json",
        entries=finished(
            _draft(item, url, author, language)
            for item in root["items"][:MOST_ENTRIES]
            if isinstance(item, dict)
        ),
    )


def _salvaged(text: str) -> object:
    """The document before the cut, if the cut is inside its items."""
    head, found, _ = text.partition(_ITEMS)
    items = list(_complete_items(text)) if found else []
    if not items:
        return None
    try:
        root = msgspec.json.decode(f'{head}"end": 0}}'.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        root = {}
    return {**root, "items": items} if isinstance(root, dict) else None


def _complete_items(text: str) -> Iterator[object]:
    decoder = json.JSONDecoder()
    position = text.find("[", text.find(_ITEMS)) + 1
    while position:
        position = len(text) - len(text[position:].lstrip(" \t\r\n,"))
        try:
            item, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield item


def _draft(item: Mapping[str, Any], url: str, author: PostAuthor | None, language: str) -> Draft:
    html, plain = _string(item, "content_html"), _string(item, "content_text")
    title, summary = _string(item, "title"), _string(item, "summary")
    link = _string(item, "url") or _string(item, "external_url")
    return Draft(
        id=_string(item, "id"),
        link=joined(url, link) if link else "",
        title=Markup(title, is_html=False) if title else None,
        content=Markup(html, is_html=True) if html else Markup(plain, is_html=False),
        summary=Markup(summary, is_html=False),
        author=_author(item, url) or author,
        published=_string(item, "date_published"),
        updated=_string(item, "date_modified"),
        lang=_string(item, "language") or language,
        extras=_extras(item),
    )


def _string(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return value if isinstance(value, str) else ""


def _author(item: Mapping[str, Any], url: str) -> PostAuthor | None:
    authors = item.get("authors")
    first = authors[0] if isinstance(authors, list) and authors else item.get("author")
    if not isinstance(first, dict):
        return None
    address = _string(first, "url")
    return person(_string(first, "name"), None, joined(url, address) if address else None)


def _extras(item: Mapping[str, Any]) -> Extras:
    """Extensions are objects under a key that begins with an underscore."""
    extras: Extras = {}
    for key, value in item.items():
        if key.startswith("_") and isinstance(value, dict):
            extras.update({str(k).lower(): _string(value, k) for k in value})
    return extras
