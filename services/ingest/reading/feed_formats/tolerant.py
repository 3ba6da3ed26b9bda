"""Feeds as they come: feedparser reads what is not well-formed, or odd.

It is slow and its input hostile, so it runs in the confined process; bytes in, bytes out.
"""

from __future__ import annotations

import io
from typing import Any

import msgspec

from services.ingest.post import PostAuthor
from services.ingest.reading.feed_formats.entry import (
    MOST_ENTRIES,
    Draft,
    Extras,
    Feed,
    Markup,
    finished,
    is_markup,
    person,
    person_in_one_line,
)


class Job(msgspec.Struct, frozen=True):
    """A decoded feed and where it was read from."""

    text: str
    url: str


def run(payload: bytes) -> bytes:
    """`parse_tolerant` for the confined process: a Job in, a Feed out, as MessagePack."""
    job = msgspec.msgpack.decode(payload, type=Job)
    return msgspec.msgpack.encode(parse_tolerant(job.text, job.url))


def parse_tolerant(text: str, url: str) -> Feed:
    """Whatever entries can be found in `text`, which was read from `url`."""
    import feedparser  # only the confined process pays for it

    parsed = feedparser.parse(
        io.BytesIO(text.encode("utf-8", "replace")),
        response_headers={
            "content-type": "application/xml; charset=utf-8",
            "content-location": url,
        },
        sanitize_html=False,  # only visible text is kept
        resolve_relative_uris=False,
    )
    form = str(parsed.get("version", ""))
    language = str(parsed.feed.get("language") or "")
    drafts = (
        _draft(entry, form.startswith("atom"), language) for entry in parsed.entries[:MOST_ENTRIES]
    )
    return Feed(format=form, entries=finished(drafts))


def _draft(entry: Any, is_atom: bool, language: str) -> Draft:
    contents = entry.get("content") or [None]
    details = (contents[0], entry.get("summary_detail"))
    own_language = next((d["language"] for d in details if d and d.get("language")), "")
    return Draft(
        id=_string(entry, "id"),
        link=_string(entry, "link"),
        title=_markup(entry.get("title_detail"), is_atom),
        content=_markup(contents[0], is_atom),
        summary=_markup(entry.get("summary_detail"), is_atom),
        author=_author(entry, is_atom),
        published=_string(entry, "published"),
        # feedparser answers with `published` where there is no `updated`
        updated=_string(entry, "updated") if "updated" in entry.keys() else "",  # noqa: SIM118
        created=_string(entry, "created"),
        lang=_string(entry, "language") or own_language or language,
        extras=_extras(entry),
    )


def _string(entry: Any, key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _markup(detail: Any, is_atom: bool) -> Markup | None:
    if not detail or not isinstance(detail.get("value"), str):
        return None
    declared = str(detail.get("type") or "text/plain")
    if declared not in ("text/plain", "text/html", "application/xhtml+xml"):
        return None
    return Markup(detail["value"], is_markup(detail["value"], declared, is_atom))


def _author(entry: Any, is_atom: bool) -> PostAuthor | None:
    detail = entry.get("author_detail") or {}
    if is_atom or "href" in detail:
        return person(detail.get("name"), detail.get("email"), detail.get("href"))
    return person_in_one_line(_string(entry, "author"))


def _extras(entry: Any) -> Extras:
    extras: Extras = {}
    for key, value in entry.items():
        if isinstance(value, str):
            extras[str(key)] = value
        elif isinstance(value, dict):
            extras[str(key)] = {str(k): str(v) for k, v in value.items()}
    return extras
