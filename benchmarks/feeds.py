"""Well-formed feeds: our strict parsers beside feedparser as it comes, from the same bytes.

Three are like those of news sites and forums: 50 entries, in RSS with summaries of one sentence, in
RSS and in Atom with four paragraphs of HTML. The fourth is what WordPress makes: ten long articles
with pictures, lists, quotes, typographic entities, its extensions, and a film in some of them.

A ratio is that of the medians of processor time. Both are asked by turns, so that what else the
machine does weighs on both. The entries compared are ours and those of our tolerant parser, which
reads with feedparser: dates judged, visible text only.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from random import Random
from statistics import median
from typing import Final

import feedparser

from benchmarks.table import table
from services.ingest.reading.feed_formats.entry import Feed
from services.ingest.reading.feed_formats.read import read_strictly
from services.ingest.reading.feed_formats.tolerant import parse_tolerant

_ENTRIES: Final = 50
WANTED: Final = 40.0
"""Times as fast as feedparser with its default options."""
_ROUNDS: Final = 9
_SECONDS_A_ROUND: Final = 0.15
_URL: Final = "https://news.example/feed.xml"
_NOW: Final = datetime(2026, 9, 18, 10, 30, tzinfo=UTC)
_WORDS: Final = re.findall(
    r"\w+",
    "Motorrad Bremse Kurve Werkstatt Rückruf Händler Garantie Öl Kette Reifen Fahrer Straße über "
    "nach heute gestern wieder ohne schön leider endlich the brake dealer again broken great",
)


def main() -> None:
    random = Random(7)
    feeds = {
        "RSS 2.0, summaries": _rss(random, paragraphs=0),
        "RSS 2.0, full HTML": _rss(random, paragraphs=4),
        "Atom, full HTML": _atom(random, paragraphs=4),
        "WordPress, articles": _wordpress(random),
    }
    rows: list[list[object]] = []
    for name, text in feeds.items():
        body = text.encode()
        ours, theirs = _per_second(partial(_fast, body), partial(feedparser.parse, body))
        same = _fast(body).entries == parse_tolerant(text, _URL).entries
        rows.append([name, len(body) // 1024, ours, theirs, ours / theirs, "yes" if same else "NO"])
    print(
        table(
            f"Well-formed feeds a second, one core; wanted: {WANTED:g} times feedparser",
            ["feed", "kB", "ours", "feedparser", "ratio", "same entries"],
            rows,
        )
    )


def _fast(body: bytes) -> Feed:
    return read_strictly(body, "application/xml", _URL).feed


def _per_second(*parsers: Callable[[], object]) -> list[float]:
    """How often each runs in a second of processor time: the median over rounds by turns."""
    found: list[list[float]] = [[] for _ in parsers]
    for _ in range(_ROUNDS):
        for parse, rates in zip(parsers, found, strict=True):
            begun, times = time.process_time(), 0
            while (passed := time.process_time() - begun) < _SECONDS_A_ROUND:
                parse()
                times += 1
            rates.append(times / passed)
    return [median(rates) for rates in found]


def _sentence(random: Random) -> str:
    return " ".join(random.choice(_WORDS) for _ in range(random.randint(6, 18))) + "."


def _html(random: Random, paragraphs: int) -> str:
    return "".join(
        f'<p>{_sentence(random)} <a href="/thema/{random.randrange(999)}">{_sentence(random)}</a>'
        f" <strong>{random.choice(_WORDS)}</strong> &amp; mehr.<br/>{_sentence(random)}</p>"
        for _ in range(paragraphs)
    )


def _rss(random: Random, paragraphs: int) -> str:
    items = "".join(
        f"<item><title>{_sentence(random)}</title><link>https://news.example/{n}</link>"
        f'<guid isPermaLink="false">tag:news.example,2026:{n}</guid>'
        f"<pubDate>{format_datetime(_NOW - timedelta(minutes=n))}</pubDate>"
        f"<dc:creator>Ann {n}</dc:creator><category>Motor</category>"
        f"<description>{html.escape('<p>' + _sentence(random) + '</p>')}</description>"
        + (
            f"<content:encoded><![CDATA[{_html(random, paragraphs)}]]></content:encoded>"
            if paragraphs
            else ""
        )
        + "</item>"
        for n in range(_ENTRIES)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
        "<title>Motor heute</title><link>https://news.example/</link><language>de-de</language>"
        f"<description>Nachrichten</description>{items}</channel></rss>"
    )


def _atom(random: Random, paragraphs: int) -> str:
    entries = "".join(
        f"<entry><id>tag:forum.example,2026:{n}</id><title>{_sentence(random)}</title>"
        f'<link rel="alternate" type="text/html" href="https://forum.example/t/{n}"/>'
        f"<published>{(_NOW - timedelta(minutes=n)).isoformat()}</published>"
        f"<updated>{_NOW.isoformat()}</updated><author><name>biker{n}</name></author>"
        f'<content type="html">{html.escape(_html(random, paragraphs))}</content></entry>'
        for n in range(_ENTRIES)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"'
        ' xml:lang="de"><title>Kurventreff</title><id>tag:forum.example,2026:feed</id>'
        f"<updated>{_NOW.isoformat()}</updated>{entries}</feed>"
    )


def _wordpress(random: Random) -> str:
    items = "\n".join(_article(random, n) for n in range(10))
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        ' xmlns:wfw="http://wellformedweb.org/CommentAPI/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:slash="http://purl.org/rss/1.0/modules/slash/">\n<channel>\n'
        "<title>Kurvenblog</title>\n<link>https://blog.example</link>\n<language>de</language>\n"
        f"<description>Motorräder und mehr</description>\n{items}\n</channel>\n</rss>\n"
    )


def _article(random: Random, number: int) -> str:
    link = f"https://blog.example/2026/09/beitrag-{number}/"
    categories = "".join(
        f"<category><![CDATA[{word}]]></category>" for word in random.sample(_WORDS, 4)
    )
    excerpt = f'<p>{_sentence(random)} [&#8230;]</p>\n<p>The post <a href="{link}">Beitrag</a>.</p>'
    return (
        f"<item>\n<title>{_sentence(random)} &#8211; ein Test</title>\n<link>{link}</link>\n"
        f"<comments>{link}#respond</comments>\n<dc:creator><![CDATA[Jörg]]></dc:creator>\n"
        f"<pubDate>{format_datetime(_NOW - timedelta(hours=number))}</pubDate>\n{categories}\n"
        f'<guid isPermaLink="false">https://blog.example/?p={4000 + number}</guid>\n'
        f"<description><![CDATA[{excerpt}]]></description>\n"
        f"<content:encoded><![CDATA[{_long_html(random, number)}]]></content:encoded>\n"
        f"<wfw:commentRss>{link}feed/</wfw:commentRss>\n<slash:comments>{number}</slash:comments>\n"
        "</item>"
    )


def _long_html(random: Random, number: int) -> str:
    blocks = [
        f"<p>{_sentence(random)} &#8222;{_sentence(random)}&#8220; {_sentence(random)} &#8211; "
        f'<a href="https://blog.example/thema/{n}/" target="_blank" rel="noreferrer noopener">'
        f"{_sentence(random)}</a> {_sentence(random)} <strong>{random.choice(_WORDS)}</strong>, "
        f"200&nbsp;km/h &amp; mehr.<br />{_sentence(random)}</p>"
        for n in range(12)
    ]
    picture = f"https://blog.example/wp-content/uploads/2026/09/bild-{number}"
    blocks[2] += (
        '<figure class="wp-block-image size-large"><img fetchpriority="high" decoding="async" '
        f'width="1024" height="683" src="{picture}-1024x683.jpg" alt="" '
        f'class="wp-image-{number}" srcset="{picture}-1024x683.jpg 1024w, {picture}-300x200.jpg '
        f'300w, {picture}.jpg 1600w" sizes="(max-width: 1024px) 100vw, 1024px" />'
        f'<figcaption class="wp-element-caption">{_sentence(random)}</figcaption></figure>'
    )
    blocks[5] += f'<h2 class="wp-block-heading" id="h-{number}">{_sentence(random)}</h2>'
    listed = "\n".join(f"<li>{_sentence(random)}</li>" for _ in range(5))
    blocks[7] += f'<ul class="wp-block-list">\n{listed}\n</ul>'
    blocks[9] += f'<blockquote class="wp-block-quote"><p>{_sentence(random)}</p></blockquote>'
    if number % 5 == 4:
        blocks[10] += '<iframe width="500" height="281" src="https://film.example/x"></iframe>'
    return "\n\n\n\n".join(blocks)
