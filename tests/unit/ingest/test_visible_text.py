from __future__ import annotations

import pytest

from services.ingest.visible_text import visible_text


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
    ],
)
def test_a_reader_sees_text_and_no_markup(html: str, text: str) -> None:
    assert visible_text(html) == text


def test_text_below_a_hundred_thousand_elements_is_still_seen() -> None:
    deep = "<div>" * 100_000 + "unten" + "</div>" * 100_000
    assert visible_text(deep) == "unten"
