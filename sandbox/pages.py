"""What a person sees who follows a link: the sites' front pages and threads, and the sandbox's own
first page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Final

from sandbox.hook import Delivery
from sandbox.platforms.site import SITES, Site, address
from sandbox.timeline import Entry, Timeline

_STYLE: Final = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
article { border-top: 1px solid #ccc; padding: .75rem 0 } :target, .here { background: #fff6d6 }
h1 small, .by { color: #666; font-weight: normal; font-size: .9rem } pre { overflow-x: auto }
"""


def thread_page(site: Site, entries: Sequence[Entry], here: str) -> str:
    """All entries of a thread, the linked one marked."""
    articles = "".join(_article(entry, marked=entry.id == here) for entry in entries)
    return _page(entries[0].title, f"{_heading(site)}<h2>{escape(entries[0].title)}</h2>{articles}")


def site_page(site: Site, entries: Sequence[Entry], feeds: Iterable[tuple[str, str]]) -> str:
    """The newest entries, with the feeds named in the head for readers that look there."""
    head = "".join(
        f'<link rel="alternate" type="{media_type.partition(";")[0]}" href="{path}">'
        for path, media_type in feeds
    )
    items = "".join(
        f'<li><a href="{escape(address(entry))}">{escape(entry.title)}</a> '
        f'<span class="by">{escape(entry.post.author)}, '
        f"{_clock_time(entry.published_at)}</span></li>"
        for entry in entries
    )
    return _page(site.name, f"{_heading(site)}<ul>{items}</ul>", head)


def first_page(timeline: Timeline, deliveries: Sequence[Delivery]) -> str:
    """What is played here, how far it is, and which pages have arrived."""
    sites = "".join(
        f'<li><a href="/{site.feed}/">{site.name}</a>: {site.slogan} '
        f"({len(timeline.shown(site.feed))})</li>"
        for site in SITES.values()
    )
    pages = "".join(
        f"<article><p class='by'>{_clock_time(delivery.at)} · {_signature(delivery)}</p>"
        f"<pre>{escape(delivery.body)}</pre></article>"
        for delivery in reversed(deliveries)
    )
    return _page(
        "Sandbox",
        "<h1>Sandbox</h1><p>Erfundene Plattformen für Vorführung und Tests. "
        "<span lang='en'>Invented platforms for demonstration and tests.</span></p>"
        f"<p>{timeline.story.name}: {max(0, int(timeline.position))} s / "
        f"{int(timeline.story.seconds)} s</p><ul>{sites}</ul>"
        f"<h2>Eingegangene Alarme <small lang='en'>Pages received</small></h2>"
        f"{pages or '<p>–</p>'}",
    )


def _article(entry: Entry, *, marked: bool) -> str:
    post = entry.post
    stars = "" if post.rating is None else f" · {'★' * round(post.rating)} ({post.rating:g}/5)"
    return (
        f'<article id="{escape(entry.id)}" lang="{post.lang}"{" class=here" if marked else ""}>'
        f'<p class="by">{escape(post.author)}, {_clock_time(entry.published_at)}{stars}</p>'
        f"<p>{escape(post.text)}</p></article>"
    )


def _heading(site: Site) -> str:
    return f'<h1><a href="/{site.feed}/">{site.name}</a> <small>{site.slogan}</small></h1>'


def _page(title: str, body: str, head: str = "") -> str:
    return (
        '<!doctype html><html lang="de"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>{head}<style>{_STYLE}</style></head>"
        f"<body>{body}</body></html>"
    )


def _clock_time(at: datetime) -> str:
    return f"{at:%d.%m.%Y %H:%M:%S} UTC"


def _signature(delivery: Delivery) -> str:
    words = {"valid": "Signatur gültig", "invalid": "SIGNATUR UNGÜLTIG", "unchecked": "ungeprüft"}
    return f"{words[delivery.signature]} ({delivery.signature})"
