"""Every format gives the same entries, whichever parser reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.events import Rating
from services.ingest.post import PostAuthor
from services.ingest.reading.feed_formats.entry import (
    Entry,
    Extras,
    person_in_one_line,
    rating,
    target_of,
)
from services.ingest.reading.feed_formats.fast import Unusual, parse_fast
from services.ingest.reading.feed_formats.json_feed import parse_json
from services.ingest.reading.feed_formats.tolerant import parse_tolerant
from tests.unit.ingest.well_formed import LEFT_TO_THE_TOLERANT, READ_FAST, URL, feed


@pytest.mark.parametrize("name", READ_FAST)
def test_the_fast_parser_gives_what_the_tolerant_one_gives(name: str) -> None:
    fast = parse_fast(feed(name), URL)
    assert fast.entries == parse_tolerant(feed(name), URL).entries


@pytest.mark.parametrize("name", LEFT_TO_THE_TOLERANT)
def test_what_the_fast_parser_does_not_know_for_sure_it_leaves_to_the_other(name: str) -> None:
    with pytest.raises(Unusual):
        parse_fast(feed(name), URL)
    assert parse_tolerant(feed(name), URL).entries


def test_rss_in_full() -> None:
    assert parse_fast(feed("rss-2.0"), URL).entries == (
        Entry(
            id="news-4711",
            link="https://news.example/rueckruf?a=1&b=2",
            title="Motorrad AG ruft 4.000 Maschinen zurück",
            text="Die Bremse der R&D 500 kann vollständig versagen.\nHinterrad\nVorderrad",
            author=PostAuthor(name="Änne Müller"),
            published=datetime(2026, 9, 18, 8, 0, tzinfo=UTC),
            lang="de-DE",
            replies=17,
        ),
        Entry(
            id="https://news.example/relativ",
            link="https://news.example/relativ/zur/seite",
            title="Tom & Jerry <3 Motorräder",
            text="Kein HTML, nur Text & ein Zeichen: 1 < 2",
            author=PostAuthor(name="Die Redaktion"),
            published=datetime(2026, 9, 17, 6, 15, tzinfo=UTC),
            lang="de-DE",
        ),
        Entry(
            id="https://news.example/nur-guid",
            link="https://news.example/nur-guid",
            title="Frage zu Garantie",
            lang="de-DE",
        ),
    )


def test_atom_resolves_addresses_and_knows_who_answers_whom() -> None:
    first, second, _ = parse_fast(feed("atom"), URL).entries
    assert first.link == "https://forum.example/base/thema/1"
    assert first.author == PostAuthor(name="biker77", url="https://forum.example/base/nutzer/77")
    assert first.text == "Erst quietscht sie,\ndann fällt sie aus.\nWer noch?"
    assert (second.link, second.lang) == ("https://anders.example/x/2", "en")
    assert second.in_reply_to == first.id


def test_reviews_keep_their_stars_and_nothing_is_made_up() -> None:
    entries = parse_fast(feed("reviews"), URL).entries
    assert [entry.rating for entry in entries] == [
        Rating(value=1, best=5),
        Rating(value=4.5, best=5),
        Rating(value=2, best=5),
        Rating(value=8, best=10),
        Rating(value=3.5, best=5),
        None,
        None,
    ]


def test_a_link_of_google_alerts_leads_to_the_article() -> None:
    (entry,) = parse_fast(feed("google-alerts"), URL).entries
    assert entry.link == "https://zeitung.example/a?b=1"
    assert entry.title == "Motorrad AG in der Kritik"
    assert target_of("https://www.google.com/search?q=x") == "https://www.google.com/search?q=x"
    assert target_of("https://evil.example/google.com/url?url=x").startswith("https://evil.")


@pytest.mark.parametrize(
    ("line", "author"),
    [
        ("ann@example.org (Ann B.)", PostAuthor(name="Ann B.")),
        ("Ann B. <ann@example.org>", PostAuthor(name="Ann B.")),
        ("Ann B.", PostAuthor(name="Ann B.")),
        ("ann@example.org", PostAuthor(handle="ann@example.org")),
        (" ", None),
    ],
)
def test_an_author_in_one_line(line: str, author: PostAuthor | None) -> None:
    assert person_in_one_line(line) == author


@pytest.mark.parametrize(
    ("extras", "stars"),
    [
        ({"x_rating": "3/10"}, Rating(value=3, best=10)),
        ({"media_starrating": {"average": "4", "max": "5", "min": "1"}}, Rating(value=4, best=5)),
        ({"schema_ratingvalue": "4,0", "schema_bestrating": "6"}, Rating(value=4, best=6)),
        ({"x_rating": "6"}, None),
        ({"x_rating": "-1"}, None),
        ({"x_bestrating": "5"}, None),
        ({"x_berating": "5"}, None),
        ({}, None),
    ],
)
def test_stars_in_the_elements_that_are_in_use(extras: Extras, stars: Rating | None) -> None:
    assert rating(extras) == stars


def test_truncated_xml_keeps_the_entries_before_the_cut() -> None:
    whole = feed("rss-2.0")
    cut = whole[: whole.index("<title>Frage zu")]
    with pytest.raises(Unusual):
        parse_fast(cut, URL)
    entries = parse_tolerant(cut, URL).entries
    assert [entry.title for entry in entries][:2] == [
        "Motorrad AG ruft 4.000 Maschinen zurück",
        "Tom & Jerry <3 Motorräder",
    ]


@pytest.mark.parametrize("link", ["", "http://[a/"])
def test_a_link_to_nowhere_is_left_to_the_tolerant_parser(link: str) -> None:
    document = feed("rss-2.0").replace("https://news.example/rueckruf?a=1&amp;b=2", link)
    with pytest.raises(Unusual):
        parse_fast(document, URL)
    assert parse_tolerant(document, URL).entries[0].link is None


def test_names_of_html_entities_in_xml_are_understood() -> None:
    broken = (
        "<rss version='2.0'><channel><item><title>Fahrer &uuml;ber Nacht&nbsp;verletzt</title>"
        "<description>Auf der A&nbsp;9 &ndash; schlimm</description></item></channel></rss>"
    )
    with pytest.raises(Unusual):
        parse_fast(broken, URL)
    (entry,) = parse_tolerant(broken, URL).entries
    assert entry.title == "Fahrer über Nacht verletzt"
    assert entry.text == "Auf der A 9 – schlimm"


JSON_FEED = """{"version": "https://jsonfeed.org/version/1.1", "title": "J", "language": "de",
 "authors": [{"name": "Redaktion"}], "items": [
 {"id": 1, "url": "/a", "title": "Eins & zwei",
  "content_html": "<p>Bremse<br>kaputt &amp; laut</p>",
  "date_published": "2026-09-18T10:00:00+02:00", "authors": [{"name": "Ann", "url": "/ann"}],
  "_review": {"rating": 2}},
 {"id": "zwei", "content_text": "Nur 1 < 2 Text", "language": "en", "external_url": "https://e.example/"},
 "kein Eintrag", {"id": "drei", "summary": "Zusammen", "date_modified": "2026-09-18"}"""


@pytest.mark.parametrize("end", ["]}", "", ', {"id": "vier", "title": "halb'])
def test_json_feed_also_when_it_was_cut_off(end: str) -> None:
    assert parse_json(JSON_FEED + end, "https://j.example/feed.json").entries == (
        Entry(
            id="1",
            link="https://j.example/a",
            title="Eins & zwei",
            text="Bremse\nkaputt & laut",
            author=PostAuthor(name="Ann", url="https://j.example/ann"),
            published=datetime(2026, 9, 18, 8, 0, tzinfo=UTC),
            lang="de",
            rating=Rating(value=2, best=5),
        ),
        Entry(
            id="zwei",
            link="https://e.example/",
            text="Nur 1 < 2 Text",
            author=PostAuthor(name="Redaktion"),
            lang="en",
        ),
        Entry(
            id="drei",
            text="Zusammen",
            author=PostAuthor(name="Redaktion"),
            published=datetime(2026, 9, 18, tzinfo=UTC),
            lang="de",
        ),
    )


@pytest.mark.parametrize("text", ["[]", "{}", '{"items": 3}', "{" * 5000, "[" * 100_000, '"x"'])
def test_json_that_is_no_feed_has_no_format(text: str) -> None:
    assert parse_json(text, URL).format == ""


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp")),
    max_size=30,
)
HTML = st.lists(
    st.sampled_from(
        ["<p>", "</p>", "<b>fett</b>", "<br/>", "&amp;", "&lt;", "&uuml;", "Größe ", "a < b ", "x"]
    ),
    max_size=8,
).map("".join)
DATES = st.sampled_from(
    ["2026-09-18T10:00:00Z", "Fri, 18 Sep 2026 10:00:00 GMT", "Do, 18 Sep 2026 10:00 MEZ", "egal"]
)


LANGUAGES = st.sampled_from(["", " xml:lang='fr'"])
ADDRESSES = st.sampled_from(
    [
        "https://a.example/",
        "https://a.example/?x=1&y=2",
        "https://a.example/x;y?z=1#c",
        "https://a.example/x;",
        "https://a.example/x?#",
        "http://[a/",
        "/rel",
        "?q=1&r=2",
        "b/c",
        "a b",
        "",
    ]
)


@st.composite
def rss_items(draw: st.DrawFn) -> str:
    parts = {
        "title": escape(draw(WORDS | HTML)),
        "link": escape(draw(ADDRESSES)),
        "description": escape(draw(HTML | WORDS)),
        "content:encoded": f"<![CDATA[{draw(HTML)}]]>",
        "pubDate": draw(DATES),
        "dc:date": draw(DATES),
        "dc:creator": escape(draw(WORDS)),
        "slash:comments": draw(st.sampled_from(["0", "12", "viele"])),
        "guid isPermaLink='false'": escape(draw(WORDS)),
        "guid": escape(draw(ADDRESSES)),
        "category": escape(draw(WORDS)),
        "r:rating": draw(st.sampled_from(["1", "4.5", "9", "gut"])),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(parts)), unique=True))
    inner = "".join(f"<{name}>{parts[name]}</{name.split()[0]}>" for name in chosen)
    return f"<item{draw(LANGUAGES)}>{inner}</item>"


@st.composite
def atom_entries(draw: st.DrawFn) -> str:
    kind = st.sampled_from(["text", "html"])
    parts = [
        f"<id>urn:{escape(draw(WORDS))}</id>",
        f"<title type='{draw(kind)}'>{escape(draw(HTML | WORDS))}</title>",
        f"<link href={quoteattr(draw(ADDRESSES))}/>",
        f"<updated>{draw(DATES)}</updated>",
        f"<summary type='{draw(kind)}'>{escape(draw(HTML))}</summary>",
        f"<content type='{draw(kind)}' xml:lang='en'>{escape(draw(HTML))}</content>",
        f"<author><name>{escape(draw(WORDS))}</name></author>",
        "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>Ein <b>Absatz</b></p>"
        "<p>noch einer</p></div></content>",
    ]
    chosen = draw(st.lists(st.sampled_from(range(len(parts))), unique=True))
    return f"<entry{draw(LANGUAGES)}>" + "".join(parts[number] for number in chosen) + "</entry>"


@st.composite
def documents(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        entries = "".join(draw(st.lists(atom_entries(), max_size=3)))
        return f"<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='de'>{entries}</feed>"
    items = "".join(draw(st.lists(rss_items(), max_size=3)))
    return (
        "<rss version='2.0' xmlns:content='http://purl.org/rss/1.0/modules/content/'"
        " xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:r='urn:reviews'"
        " xmlns:slash='http://purl.org/rss/1.0/modules/slash/'>"
        f"<channel{draw(LANGUAGES)}><title>T</title><language>de</language>{items}</channel></rss>"
    )


@settings(max_examples=150, deadline=None)
@given(documents())
def test_both_parsers_agree_on_whatever_the_fast_one_reads(document: str) -> None:
    try:
        fast = parse_fast(document, URL)
    except Unusual:
        return
    assert fast.entries == parse_tolerant(document, URL).entries
