"""What people read at three in the morning, word for word, in both languages."""

from __future__ import annotations

from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from libs.common.settings import Language
from services.alert.letter import as_html, as_plain, shortened, write
from services.alert.texts import level_name, texts
from tests.unit.alert.builders import an_alarm

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_page_in_german() -> None:
    letter = write(an_alarm(), "de", BERLIN)
    assert letter.subject == "Motorrad AG: Produkt gefährdet Menschen"
    assert as_plain(letter) == dedent(
        """\
        Stufe 3 von 6, frische Brise: anhaltende Kritik, die auf weitere Kanäle überspringen kann. \
Ab hier ist es gefährlich.
        Noch hat niemand übernommen.

        WORUM ES GEHT
        Motorrad AG: Produkt gefährdet Menschen
        Seit Sonntag, 22. November, 03:09 Uhr
        Auf bikeforum
        1 Beitrag von 1 Stimme

        DIESER BEITRAG HAT DEN AUSSCHLAG GEGEBEN
        „Meine Bremse hat heute bei Tempo 120 versagt. Ich hatte Todesangst.“
        bikeforum, Sonntag, 22. November, 03:09 Uhr
        https://forum.example/1
        Erkannt als Krisenkandidat, Schwere 82 von 100. Ausschlaggebend: „Bremse“, „versagt“.
        Der Absender erreicht bis zu 5.400 Menschen.

        JETZT TUN
        1. Ist jemand verletzt? (Bereitschaft, bis 03:22 Uhr)
        2. Sagen, was feststeht. (Pressestelle, bis Montag, 23. November, 03:12 Uhr)

        NICHT TUN
        Kritik nie löschen.

        Übernehmen und alle Schritte ansehen:
        https://melder.example/?incident=5e0c7f1a2b3c4d5e
        """
    )


def test_a_page_that_it_got_worse_in_english_says_who_is_on_it() -> None:
    alarm = an_alarm(
        "worsened", level=4, mentions=1234, voices=980, acknowledged_by="Anna Beispiel"
    )
    assert as_plain(write(alarm, "en", BERLIN)) == dedent(
        """\
        It is getting worse. Now level 4 of 6, strong wind: networked protest on all channels, \
online media report.
        Anna Beispiel took it at 03:16.

        WHAT IT IS ABOUT
        Motorrad AG: Product puts people at risk
        Since Sunday 22 November, 03:09
        On bikeforum
        1,234 posts by 980 voices

        THE POST THAT DECIDED
        “Meine Bremse hat heute bei Tempo 120 versagt. Ich hatte Todesangst.”
        bikeforum, Sunday 22 November, 03:09
        https://forum.example/1
        Recognised as crisis candidate, severity 82 of 100. What decided: “Bremse”, “versagt”.
        The sender reaches up to 5,400 people.

        DO NOW
        1. Is someone hurt? (On call, by 03:22)
        2. Say what is certain. (Press office, by Monday 23 November, 03:12)

        DO NOT
        Never delete criticism.

        Take it and see all steps:
        https://melder.example/?incident=5e0c7f1a2b3c4d5e
        """
    )


def test_the_news_that_it_is_over_asks_nobody_to_act() -> None:
    alarm = an_alarm("resolved", by="Anna Beispiel", resolution="Der Rückruf läuft.")
    assert as_plain(write(alarm, "de", BERLIN)) == dedent(
        """\
        Anna Beispiel hat den Vorfall beendet.

        WORUM ES GEHT
        Motorrad AG: Produkt gefährdet Menschen
        Seit Sonntag, 22. November, 03:09 Uhr
        Auf bikeforum
        1 Beitrag von 1 Stimme

        ERGEBNIS
        Der Rückruf läuft.

        Verlauf ansehen:
        https://melder.example/?incident=5e0c7f1a2b3c4d5e
        """
    )


@pytest.mark.parametrize(
    ("language", "line"),
    [
        (
            "de",
            "Jemand hat etwas gemeldet. Bitte ansehen, jeder Hinweis hilft. "
            "Stufe 1 von 6, leiser Zug.",
        ),
        (
            "en",
            "Someone reported something. Please take a look, every hint helps. "
            "Level 1 of 6, light air.",
        ),
    ],
)
def test_a_hint_is_shown_as_a_hint(language: Language, line: str) -> None:
    letter = write(an_alarm("hint", level=1), language, BERLIN)
    assert letter.lead[0] == line
    assert letter.sections[1].heading == texts(language).headings.hint


def test_a_hint_is_no_place() -> None:
    alarm = an_alarm("hint")
    assert alarm.quote is not None
    hinted = replace(
        alarm, sources=("bikeforum", "hint"), quote=replace(alarm.quote, source="hint")
    )
    lines = as_plain(write(hinted, "de", BERLIN)).splitlines()
    assert "Auf bikeforum" in lines
    assert "ein Hinweis, Sonntag, 22. November, 03:09 Uhr" in lines


def test_an_incident_that_a_hint_opened_reads_like_a_hint() -> None:
    alarm = an_alarm(level=1, text="Der Lack blättert ab.")
    assert alarm.quote is not None
    quote = replace(alarm.quote, source="hint", platform="hint", label="other", followers=None)
    letter = write(replace(alarm, sources=("hint",), quote=quote), "de", BERLIN)
    assert letter.lead[0] == (
        "Jemand hat etwas gemeldet. Bitte ansehen, jeder Hinweis hilft. Stufe 1 von 6, leiser Zug."
    )
    assert letter.sections[1] == (
        "Der Hinweis",
        (
            "„Der Lack blättert ab.“",
            "ein Hinweis, Sonntag, 22. November, 03:09 Uhr",
            "https://forum.example/1",
        ),
        False,
    )


def test_what_was_handed_in_without_a_place_came_through_the_api() -> None:
    alarm = an_alarm()
    assert alarm.quote is not None
    handed_in = replace(
        alarm, sources=("api", "bikeforum"), quote=replace(alarm.quote, source="api")
    )
    lines = as_plain(write(handed_in, "de", BERLIN)).splitlines()
    assert lines[6:8] == ["Auf bikeforum", "Über die Schnittstelle"]
    assert "Über die Schnittstelle, Sonntag, 22. November, 03:09 Uhr" in lines


def test_a_post_that_was_deleted_is_not_quoted() -> None:
    plain = as_plain(write(an_alarm(text=None), "de", BERLIN))
    assert "(Der Beitrag wurde an der Quelle gelöscht.)" in plain
    assert "Todesangst" not in plain


def test_text_from_outside_stays_text_in_html() -> None:
    alarm = an_alarm(text='<script>alert("1")</script> & mehr')
    html = as_html(write(alarm, "de", BERLIN), "de")
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; mehr" in html
    assert "<script" not in html
    assert 'href="https://melder.example/?incident=5e0c7f1a2b3c4d5e"' in html


def test_a_long_text_is_cut_at_a_word() -> None:
    assert shortened("eins zwei\n\n drei", 20) == "eins zwei drei"
    assert shortened("eins zwei, drei vier", 12) == "eins zwei …"


def test_both_languages_name_every_level() -> None:
    assert [level_name(level).de for level in range(7)] == [
        "Windstille",
        "leiser Zug",
        "schwache Brise",
        "frische Brise",
        "starker Wind",
        "Sturm",
        "Orkan",
    ]
    assert len({level_name(level).en for level in range(7)}) == 7
