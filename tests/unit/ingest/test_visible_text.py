from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.reading.visible_text import visible_text, visible_texts


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Nur Text, wie er ist\n mit Umbruch ", "Nur Text, wie er ist\n mit Umbruch"),
        ("<p>Die <b>Bremse</b><br>versagt.</p><p>Zweimal!</p>", "Die Bremse\nversagt.\nZweimal!"),
        ("un<em>glaub</em>lich", "unglaublich"),
        ("1 < 2 und 3 > 2", "1 < 2 und 3 > 2"),
        ("Text <3 Liebe &amp; Leid", "Text <3 Liebe & Leid"),
        ("f&uuml;r&nbsp;dich &#128512; &unbekannt;", "für dich 😀 &unbekannt;"),
        ("&lt;b&gt; bleibt sichtbar", "<b> bleibt sichtbar"),
        ("vor<script>track('x<b>')</script><style>p{}</style>her", "vorher"),
        ("a<!-- niemand --><svg><text>sieht</text></svg><template>das</template>b", "ab"),
        ("<ul><li>eins<li>zwei</ul>", "eins\nzwei"),
        ("<table><tr><td>1<td>2<tr><td>3</table>", "1 2\n3"),
        ("<p>Ein\n   Absatz  mit   Lücken</p>\n\n", "Ein Absatz mit Lücken"),
        ("<script>nie zu Ende", ""),
        ("<p", ""),
        ("", ""),
        ("a\0<i>b</i>", "a\ufffdb"),
        ("halbes Zeichen \ud83d", "halbes Zeichen \ufffd"),
        ("<p><div>im Absatz</div>danach</p>am Ende", "im Absatz\ndanach\nam Ende"),
        ("<p><i>im</i><p>danach</p>mitten</p>am <s>Ende", "im\ndanach\nmitten\nam Ende"),
        ("<p><div>im</div>danach</p>am Ende<!---->", "im\ndanach\nam Ende"),
        ("&am<b>p;</b> &amp;amp; &<i>lt;</i>", "&amp; &amp; &lt;"),
        ("<p>vor<iframe src='x'></iframe>her</p>", "vorher"),
        ("<p>vor<iframe src='x'>nie</iframe>her</p>", "vorher"),
        ("&" + "x" * 50 + ";<b>a</b>", "&" + "x" * 50 + ";a"),
        ("<a title='1 > 0' href=x>nach</a> <b x=\"1\"y='2>1'>rechts</b>", "nach rechts"),
    ],
)
def test_a_reader_sees_text_and_no_markup(html: str, text: str) -> None:
    assert visible_text(html) == text


def test_a_hundred_thousand_simple_tags_are_no_burden() -> None:
    assert visible_text("<p> <b>" * 100_000 + "am Ende" + "</b></p>" * 100_000) == "am Ende"


def test_bytes_are_utf_8() -> None:
    assert visible_texts(["<b>ä</b>".encode(), "ö\xa0".encode(), "<i>ü</i>"]) == ["ä", "ö", "ü"]


def test_text_below_a_hundred_thousand_elements_is_still_seen() -> None:
    deep = "<div>" * 100_000 + "unten" + "</div>" * 100_000
    assert visible_text(deep) == "unten"


SPACES = " \n\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
ATTRIBUTES = st.sampled_from(
    ["", ' class="x y"', " href='a?b=1&c=2'", " hidden", ' data-a="" b=\'"\'', ' Alt="ä"\n id="1"']
)
ENTITIES = """&amp; &lt; &gt; &quot; &apos; &nbsp; &auml; &Uuml; &szlig; &euro; &hellip; &ndash;
    &bdquo; &raquo; &#39; &#32; &#34; &#160; &#255; &#8222; &#8201; &#8232; &#8999; &#x27; &#x2F;
    &#x2009; &amp;lt; &amp;amp; &unbekannt; &copy &#10; &#128; &#0; & &a"""
PIECES = st.one_of(
    st.text(st.sampled_from("ab" + SPACES + "ä„…😀\u200b\ufeff>\"';#="), max_size=6),
    st.sampled_from(ENTITIES.split()),
    st.builds("<{}{} />".format, st.sampled_from(["br", "img"]), ATTRIBUTES),
)


def elements(names: str, inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.lists(inside, max_size=4).map("".join)
    return st.builds("<{0}{1}>{2}</{0}>".format, st.sampled_from(names.split()), ATTRIBUTES, parts)


INLINE = "a strong b em i u s span small code sub sup cite q del ins mark font abbr"
PHRASES = st.recursive(PIECES, lambda inside: elements(INLINE, inside), max_leaves=6)
BALANCED = st.recursive(
    PHRASES | elements("p h1 h6 figcaption", PHRASES) | st.just("<hr>"),
    lambda inside: (
        elements("div blockquote figure section " + INLINE, inside)
        | elements("ul ol", elements("li", inside))
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.lists(BALANCED, max_size=4).map("".join))
def test_simple_markup_reads_as_the_parser_reads_it(html: str) -> None:
    assert visible_text("<b></b>" + html) == visible_text(html + "<!-- left to the parser -->")


@given(st.lists(BALANCED | st.sampled_from(["", "\0", "a\0<b", 'x">', "\ud83d", '<a b="', "</p>"])))
def test_many_together_read_as_each_alone(htmls: list[str]) -> None:
    assert visible_texts(htmls) == [visible_text(html) for html in htmls]
