"""The feeds that are recognised by one pattern give what the parser of XML gives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.reading.feed_formats.entry import Feed
from services.ingest.reading.feed_formats.fast import Unusual, parse_fast
from services.ingest.reading.feed_formats.read import read_strictly
from services.ingest.reading.feed_formats.tolerant import parse_tolerant
from services.ingest.reading.feed_formats.usual import parse_usual
from tests.unit.ingest.test_feed_formats import documents
from tests.unit.ingest.well_formed import LEFT_TO_THE_TOLERANT, READ_FAST, URL, feed

RSS = """<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:slash="http://purl.org/rss/1.0/modules/slash/"
 xmlns:wfw="http://wellformedweb.org/CommentAPI/">
<channel><title>Zweirad</title><link>https://news.example/</link><language>de</language>
<item><title>Rückruf &amp; &#8211; Frist</title><link>https://news.example/1?a=1&amp;b=2</link>
<comments>https://news.example/1#respond</comments><dc:creator><![CDATA[Jörg]]></dc:creator>
<pubDate>Fri, 18 Sep 2026 10:00:00 +0200</pubDate>
<category domain="x"><![CDATA[Motor]]></category><guid isPermaLink="false">news-1</guid>
<description>&lt;p&gt;Die Bremse [&#8230;]&lt;/p&gt;</description>
<content:encoded><![CDATA[<p>Die <b>Bremse</b>&nbsp;versagt.</p>]]></content:encoded>
<wfw:commentRss>https://news.example/1/feed/</wfw:commentRss>
<slash:comments>3</slash:comments></item>
<item><guid>/2</guid><description><![CDATA[Größe: 1 < 2]]></description>
<author>a@b.example (Ann)</author>
<enclosure url="https://news.example/2.mp3" length="1" type="audio/mpeg"/></item>
</channel>
</rss>
"""
ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="/base/"><title>Forum</title>
<entry><id>tag:forum.example,2026:1</id><title type="html">&lt;b&gt;Öl&lt;/b&gt;</title>
<link rel="alternate" type="text/html" href="t/1?a=1&amp;b=2"/><link rel="self" href="/1.atom"/>
<published>2026-09-18T10:00:00Z</published><updated>2026-09-18T11:00:00+02:00</updated>
<author><name>biker</name><uri>u/77</uri></author><category term="motor"/>
<content type="html">&lt;p&gt;Ein &lt;a href="/x"&gt;Absatz&lt;/a&gt;&lt;/p&gt;</content></entry>
<entry><title>Nur &lt;Text&gt;</title><id>urn:2</id>
<summary type="text">R &amp;amp; D</summary></entry>
</feed>
"""


def usual(document: str) -> Feed:
    return parse_usual(document.encode(), URL)


@pytest.mark.parametrize("document", [RSS, ATOM, RSS.replace("\n", "\r\n")])
def test_a_usual_feed_is_recognised_with_the_same_entries(document: str) -> None:
    entries = usual(document).entries
    assert len(entries) == 2
    assert entries == parse_fast(document.partition("?>")[2] or document, URL).entries
    assert entries == parse_tolerant(document, URL).entries


@pytest.mark.parametrize("name", [*READ_FAST, *LEFT_TO_THE_TOLERANT])
def test_of_other_feeds_none_is_read_differently(name: str) -> None:
    document = feed(name)
    try:
        entries = usual(document).entries
    except Unusual:
        return
    assert entries == parse_tolerant(document, URL).entries


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<item>", "<item x='1'>"),
        ("</item>", "</item>x"),
        ("</channel>", "<!-- --></channel>"),
        ("</channel>", "<title>noch einer</title></channel>"),
        ("<title>R", "<title>R</title><title>"),
        ("<category domain", "<media:category domain"),
        ("purl.org/dc", "purl.example/dc"),
        ("<channel>", "<channel xml:lang='en'>"),
        ("&#8211;", "&#55296;"),
        ("&#8211;", "&ndash;"),
        ("&#8211;", "&"),
        ("&#8211;", "]]>"),
        ("&#8211;", "\x01"),
        ("&#8211;", "\uffff"),
        ("&#8211;", "<![CDATA[-]]>"),
        ("<author>", "<dc:creator>B</dc:creator><author>"),
        ("https://news.example/1?", "http://[a/"),
        ("<item>", "<!DOCTYPE x><item>"),
        ("<item>", "<!-- <item> --><item>"),
    ],
)
def test_whatever_is_not_usual_is_left_to_the_others(old: str, new: str) -> None:
    assert old in RSS
    with pytest.raises(Unusual):
        usual(RSS.replace(old, new, 1))


def test_the_way_in_takes_the_bytes_as_they_come() -> None:
    expected = usual(ATOM).entries
    declared = ATOM.replace('encoding="utf-8"', 'encoding="iso-8859-1"').encode("latin-1")
    for body in (ATOM.encode(), b"\xef\xbb\xbf" + ATOM.encode(), ATOM.encode("utf-16"), declared):
        assert read_strictly(body, "application/xml", URL).feed.entries == expected


MARKUP = """<item> </item> <entry> </entry> <title> </title> <link/> <![CDATA[ ]]> <!-- --> <b>
    </b> & &amp; &lt; &gt; &#38; &#60; &#x41; &#128; &nbsp; &amp;lt; &amp;#38; ; " ' < > / ] [ #
    <dc:creator>Eva</dc:creator> <guid>/3</guid> <pubDate/> <summary> </summary> <content/>
    <id>x</id> <?x?> xml:lang="en" type="html" type="text" isPermaLink="true" http://[ Â Ã¼ 😀"""
PIECES = st.sampled_from([*MARKUP.split(), " ", "\n", "\t", "\xa0", "\x85", "\ud7ff", "\ufffe"])


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([RSS, ATOM]), st.data())
def test_no_mutation_is_read_differently(document: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(document)))
        length = data.draw(st.sampled_from([0, 0, 0, 1, 2, 5, 40]))
        document = document[:start] + data.draw(PIECES) + document[start + length :]
    try:
        entries = usual(document).entries
    except Unusual:
        return
    declaration, _, rest = document.partition("?>")
    assert entries == parse_fast(rest if declaration.startswith("<?xml") else document, URL).entries


@settings(max_examples=150, deadline=None)
@given(documents())
def test_both_agree_on_documents_as_others_write_them(document: str) -> None:
    try:
        entries = usual(document).entries
    except Unusual:
        return
    assert entries == parse_fast(document, URL).entries
