"""What a feed holds, whatever its format and whoever parsed it."""

from __future__ import annotations

import html.entities
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from urllib.parse import parse_qs, urljoin

import msgspec

from libs.common.events import Rating
from services.ingest.post import PostAuthor
from services.ingest.reading.dates import parse_date
from services.ingest.reading.visible_text import storable, visible_texts

MOST_ENTRIES: Final = 5_000
"""Entries read of one feed, the first ones: real feeds hold a hundred."""
_LONGEST_NAME: Final = 300
_LONGEST_TITLE: Final = 1_000
_LONGEST_TEXT: Final = 100_000  # as in the push API; also fits a message of the log
_LONGEST_URL: Final = 2_000

Extras: TypeAlias = dict[str, str | dict[str, str]]
"""Elements beyond the core, by `prefix_name` in lower case: text, or attributes if it has any."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One entry, with visible text only. `id` is unique inside its feed, if it is given at all."""

    id: str | None = None
    link: str | None = None
    title: str | None = None
    text: str = ""
    author: PostAuthor | None = None
    published: datetime | None = None
    lang: str | None = None
    replies: int | None = None
    in_reply_to: str | None = None
    rating: Rating | None = None


class Feed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A feed's entries in its own order; `format` is empty when it is no feed."""

    format: str = ""
    entries: tuple[Entry, ...] = ()


class Markup(msgspec.Struct, frozen=True, gc=False):
    """Text as the feed has it, and whether it is HTML. HTML may be UTF-8."""

    value: str | bytes
    is_html: bool


class Draft(msgspec.Struct, gc=False):
    """An entry as a parser found it; dates, texts and names are still the feed's own."""

    id: str = ""
    link: str = ""
    title: Markup | None = None
    summary: Markup | None = None
    content: Markup | None = None
    author: PostAuthor | None = None
    published: str = ""
    updated: str = ""
    created: str = ""
    lang: str = ""
    extras: Extras = {}


def finished(drafts: Iterable[Draft]) -> tuple[Entry, ...]:
    """The entries behind the drafts of a feed, whose HTML is read together."""
    drafts = tuple(drafts)
    titles = _visible([draft.title for draft in drafts])
    contents = _visible([draft.content for draft in drafts])
    summaries = _visible(
        [None if text else draft.summary for draft, text in zip(drafts, contents, strict=True)]
    )
    languages = {lang: language_tag(lang) for lang in {draft.lang for draft in drafts}}
    return tuple(
        _entry(draft, title, content or summary, languages[draft.lang])
        for draft, title, content, summary in zip(drafts, titles, contents, summaries, strict=True)
    )


def _entry(draft: Draft, title: str, text: str, lang: str | None) -> Entry:
    link, extras = target_of(draft.link), draft.extras
    return Entry(
        id=_plain(draft.id)[:_LONGEST_URL] or None,
        link=link if _is_web(link) else None,
        title=" ".join(title.split())[:_LONGEST_TITLE] or None,
        text=text[:_LONGEST_TEXT],
        author=draft.author,
        published=parse_date(draft.published)
        or parse_date(draft.updated)
        or parse_date(draft.created),
        lang=lang,
        replies=_count(extras.get("slash_comments") or extras.get("thr_total")) if extras else None,
        in_reply_to=_in_reply_to(extras) if extras else None,
        rating=rating(extras) if extras else None,
    )


def _visible(texts: Sequence[Markup | None]) -> list[str]:
    """The visible text of each; empty where there is none."""
    of_html = iter(visible_texts([text.value for text in texts if text and text.is_html]))
    return [
        "" if text is None else next(of_html) if text.is_html else _plain(str(text.value))
        for text in texts
    ]


def person(name: str | None, email: str | None = None, url: str | None = None) -> PostAuthor | None:
    """An author by the best name there is; an address of e-mail only where there is no other."""
    url = (url or "").strip()
    address = url if _is_web(url) else None
    if name := _plain(name or "")[:_LONGEST_NAME]:
        return PostAuthor(name=name, url=address)
    if email := _plain(email or "")[:_LONGEST_NAME]:
        return PostAuthor(handle=email, url=address)
    return None


_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")


def person_in_one_line(text: str) -> PostAuthor | None:
    """The author of RSS: `ann@example.org (Ann)`, `Ann <ann@example.org>`, or just a name."""
    found = _EMAIL.search(text) if "@" in text else None
    if found is None:
        return person(text)
    return person(text.replace(found[0], "").strip(" \t\r\n()<>"), found[0])


def is_markup(text: str, declared: str, is_atom: bool) -> bool:
    """Whether a text is HTML: what is declared counts, except that RSS knows no declaration for
    titles, so a plain text is HTML there if it looks like it beyond doubt."""
    return declared != "text/plain" or (not is_atom and _looks_like_html(text))


_CLOSING_OR_ENTITY: Final = re.compile(r"</\w+>|&#?\w+;")
_TAG: Final = re.compile(r"</?(\w+)")
_ENTITY: Final = re.compile(r"&(\w+);")
_TAGS: Final = frozenset(
    """a abbr acronym address article aside audio b big blockquote br button canvas caption center
    cite code col colgroup dd del details dfn dialog dir div dl dt em fieldset figcaption figure
    font footer form frame h1 h2 h3 h4 h5 h6 header hr i img input ins kbd label legend li map
    mark menu meter nav ol optgroup option p pre progress q s samp section select small source
    span strike strong sub sup table tbody td textarea tfoot th thead time tr tt u ul var video
    wbr""".split()  # noqa: SIM905 -- readable
)


def _looks_like_html(text: str) -> bool:
    return (
        ("<" in text or "&" in text)
        and _CLOSING_OR_ENTITY.search(text) is not None
        and all(tag.lower() in _TAGS for tag in _TAG.findall(text))
        and all(name in html.entities.entitydefs for name in _ENTITY.findall(text))
    )


def joined(base: str, address: str) -> str:
    """An address relative to another, made absolute; empty when it is none."""
    try:
        return urljoin(base, address)
    except ValueError:
        return ""


_GOOGLE: Final = re.compile(r"https?://(?:www\.)?google\.[a-z.]{2,6}/url\?")


def target_of(link: str) -> str:
    """The address a link of Google Alerts really means; any other link as it is."""
    link = link.strip()
    if "google." not in link or not _GOOGLE.match(link):
        return link
    query = parse_qs(link.partition("?")[2])
    return next(iter(query.get("url") or query.get("q") or ()), link)


_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")


def language_tag(text: str | None) -> str | None:
    """A BCP 47 tag, with the underscore of programmers repaired; None for anything else."""
    tag = (text or "").strip().replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else None


_VALUE_NAMES: Final = frozenset(("rating", "ratingvalue", "starrating", "stars"))
_BEST_NAMES: Final = frozenset(("best", "bestrating", "maxrating", "ratingmax"))
_NUMBER: Final = re.compile(r"(\d{1,3}(?:[.,]\d{1,3})?)(?:\s*/\s*(\d{1,3}))?")


def rating(extras: Mapping[str, str | Mapping[str, str]]) -> Rating | None:
    """A review's stars, from the elements shops and portals use for them (`review:rating`,
    `g:rating`, `im:rating`, `media:starRating`, names after schema.org).

    Without a stated best it is 5, as on schema.org; a value above that says nothing, hence None.
    """
    value: float | None = None
    best: float | None = None
    for name, content in extras.items():
        local = name.rsplit("_", 1)[-1].replace("-", "")
        if local in _VALUE_NAMES and value is None:
            value, stated = _stars(content)
            best = best or stated
        elif local in _BEST_NAMES and isinstance(content, str):
            best = _stars(content)[0] or best
    if value is None or not 0 <= value <= (best or 5.0):
        return None
    return Rating(value=value, best=best or 5.0)


def _stars(content: str | Mapping[str, str]) -> tuple[float | None, float | None]:
    if not isinstance(content, str):
        value = content.get("average") or content.get("value") or content.get("ratingvalue") or ""
        best = content.get("max") or content.get("best") or content.get("bestrating") or ""
        return _stars(value)[0], _stars(best)[0]
    found = _NUMBER.fullmatch(content.strip())
    if found is None:
        return None, None
    return float(found[1].replace(",", ".")), float(found[2]) if found[2] else None


def _plain(text: str) -> str:
    return storable(text).strip()


def _is_web(address: str) -> bool:
    return address.startswith(("http://", "https://")) and len(address) <= _LONGEST_URL


def _count(content: str | dict[str, str] | None) -> int | None:
    if isinstance(content, str) and content.isascii() and content.isdigit():
        return int(content[:9])
    return None


def _in_reply_to(extras: Extras) -> str | None:
    content = extras.get("thr_in-reply-to")
    if not isinstance(content, dict):
        return None
    return _plain(content.get("ref") or content.get("href") or "")[:_LONGEST_URL] or None
