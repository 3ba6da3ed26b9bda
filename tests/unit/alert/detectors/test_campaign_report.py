"""The evidence for a suspected campaign, as a structure and for people."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from libs.common.events import Author, ClassifiedMention, Rating
from libs.common.settings import Language
from services.alert.campaign_markdown import as_markdown, campaign_texts
from services.alert.campaign_report import Report, campaign_report, members_of_cluster
from services.alert.detectors.campaign import Campaign
from services.alert.detectors.similarity import similarity
from services.alert.detectors.telltale import MEASURES
from tests.unit.alert.detectors.campaign_posts import (
    BERLIN,
    CHEATED,
    NIGHT,
    OTHER,
    REWORDED,
    a_fake_wave,
    fold,
    said,
)

MINUTE = timedelta(minutes=1)
LANGUAGES: tuple[Language, ...] = ("de", "en")


def report_on(*members: ClassifiedMention) -> Report:
    return campaign_report(members, "Hotel Alpenhof", BERLIN)


def shown_by(report: Report) -> dict[str, tuple[int, ...]]:
    return {one.measure: one.posts for one in report.evidence}


def test_every_sign_names_its_numbers_and_posts() -> None:
    wave = a_fake_wave(4)
    wave[1] = replace(wave[1], author=Author(key="fake1", name="Ada Okonjo", followers=900))
    wave[3] = replace(wave[3], published_at=NIGHT + timedelta(hours=9), rating=None)
    report = report_on(*wave)
    assert shown_by(report) == {
        "everyman": (1, 3, 4),
        "thin": (1, 3, 4),
        "alike": (),
        "odd_hours": (1, 2, 3),
        "close": (2, 3),
        "extreme": (1, 2, 3),
        "brief": (),
        "verbatim": (3,),
    }
    by_measure = {one.measure: one for one in report.evidence}
    assert list(by_measure) == [measure.name for measure in MEASURES]
    everyman = by_measure["everyman"]
    assert (everyman.count, everyman.of, everyman.share) == (3, 4, 0.75)
    assert everyman.holds
    close = by_measure["close"]
    assert (close.count, close.of) == (2, 3)
    assert close.share == pytest.approx(2 / 3)
    assert not by_measure["brief"].holds
    assert report.signs == ("names", "profiles", "hours", "pace", "substance", "style")


def test_the_report_says_what_the_detector_said() -> None:
    wave = a_fake_wave(4)
    finding = fold(Campaign(), *wave)[-1].finding
    assert finding is not None
    report = report_on(*wave)
    told = dict(finding.numbers)
    assert told.pop("signs") == len(report.signs)
    del told["cluster"]
    assert report.numbers.pop("similarity") == pytest.approx(told.pop("similarity"), abs=0.1)
    assert report.numbers == told


def test_rows_are_in_the_order_of_time_and_repeats_and_shares_are_marked() -> None:
    first, second, third = a_fake_wave(3)
    again = replace(first, id="again", published_at=NIGHT + 40 * MINUTE)
    repost = replace(second, id="repost", kind="repost", published_at=NIGHT + 50 * MINUTE)
    report = report_on(repost, again, third, second, first)
    assert [(row.number, row.mention) for row in report.posts] == [
        (1, first.id),
        (2, second.id),
        (3, third.id),
        (4, "again"),
        (5, "repost"),
    ]
    assert [row.repeated for row in report.posts] == [False, False, False, True, False]
    assert [row.shared for row in report.posts] == [False, False, False, False, True]
    assert [row.author_number for row in report.posts] == [1, 2, 3, 1, 2]
    assert (report.numbers["copies"], report.numbers["repeats"], report.numbers["shared"]) == (
        3,
        1,
        1,
    )


def test_the_representative_is_the_post_most_like_the_others() -> None:
    far = CHEATED.replace("Zimmer", "Frühstück").replace("Personal", "Buffet und auch das Wetter")
    report = report_on(
        said(far, "a", at=NIGHT),
        said(REWORDED, "b", at=NIGHT + MINUTE),
        said(CHEATED, "c", at=NIGHT + 2 * MINUTE),
        said(CHEATED, "d", at=NIGHT + 3 * MINUTE),
    )
    assert report.representative == 3
    assert [row.similarity for row in report.posts[2:]] == [1.0, 1.0]
    assert 0.6 < report.posts[0].similarity < report.posts[1].similarity < 1.0


def test_handles_that_differ_in_digits_only_are_named() -> None:
    handles = ("reisefan_1", "reisefan_22", "ada", "reisefan_333")
    wave = [
        said(by=handle, handle=handle, at=NIGHT + number * MINUTE)
        for number, handle in enumerate(handles)
    ]
    assert shown_by(report_on(*wave))["alike"] == (1, 2, 4)


def test_more_authors_than_the_detector_can_count_are_counted() -> None:
    report = report_on(*a_fake_wave(150, minutes=1))
    assert report.numbers["copies"] == report.numbers["authors"] == 150
    assert len(shown_by(report)["extreme"]) == 150


def test_the_order_in_which_mentions_come_changes_nothing() -> None:
    wave = a_fake_wave(12)
    shuffled = list(wave)
    Random(1).shuffle(shuffled)
    assert report_on(*shuffled) == report_on(*wave)


def test_the_members_are_found_among_what_is_stored_the_first_post_too() -> None:
    wave = a_fake_wave(9)
    hint = replace(wave[2], id="hint", kind="hint")
    others = [said(OTHER, "b"), said("Danke!", "c"), hint]
    assert members_of_cluster(wave[5], [*others, *wave]) == wave
    assert members_of_cluster(wave[5], others) == [wave[5]]


def test_what_is_like_a_member_is_a_member() -> None:
    steps = [CHEATED]
    for old, new in (
        ("dreckig", "schmutzig"),
        ("Personal unverschämt", "Management richtig frech"),
        ("wurden wir um unser Geld betrogen", "hat man uns alles Ersparte weggenommen"),
    ):
        steps.append(steps[-1].replace(old, new))
    chain = [said(text, f"a{number}") for number, text in enumerate(steps)]
    assert similarity(steps[0], steps[-1]) < 0.65
    found = members_of_cluster(chain[0], list(reversed(chain)))
    assert {one.id for one in found} == {one.id for one in chain}


def test_a_report_needs_a_mention() -> None:
    with pytest.raises(ValueError, match="at least one mention"):
        report_on()


def test_name_and_handle_stand_side_by_side() -> None:
    two = [
        said(CHEATED, "a", name="Sabine", handle="reisefan_1", at=NIGHT),
        said(CHEATED, "b", handle="reisefan_2", at=NIGHT + MINUTE),
    ]
    assert [row.author for row in report_on(*two).posts] == ["Sabine (reisefan_1)", "reisefan_2"]


def test_of_an_author_only_what_the_mention_has() -> None:
    report = report_on(
        said(f"@anna.huber {CHEATED} Mehr auf https://a.example/b", "secretkey1"),
        said(CHEATED, None, at=NIGHT),
    )
    for language in LANGUAGES:
        text = as_markdown(report, language)
        assert "anna" not in text
        assert "secretkey1" not in text
    assert "Absender 1 |" in as_markdown(report, "de")
    assert "| unbekannt |" in as_markdown(report, "de")


def test_the_german_report_tells_the_signs_the_posts_and_what_to_do() -> None:
    wave = [replace(one, url=f"https://sterne.example/{i}") for i, one in enumerate(a_fake_wave(5))]
    lines = as_markdown(report_on(*wave), "de").splitlines()
    assert lines[0] == "# Verdacht auf abgestimmte Beiträge über Hotel Alpenhof"
    assert lines[2] == (
        "5 Beiträge von 5 verschiedenen Absendern sagen fast dasselbe, der erste am "
        "2026-03-04 02:30, der letzte am 2026-03-04 03:10 (Zeitzone Europe/Berlin)."
    )
    assert (
        "- **Auffällig.** Ungewöhnliche Uhrzeit: 5 von 5 Beiträgen kamen zwischen 0 und 6 Uhr "
        "(100 %). Beiträge 1–5." in lines
    )
    (row,) = [line for line in lines if line.startswith("| 2 |")]
    assert row.startswith("| 2 | 2026-03-04 02:40 | Absender 2: Peter Müller | reviews |")
    assert row.endswith("| 1/5 | " + CHEATED + " | <https://sterne.example/1> |")
    assert any("an den Betreiber der Plattform" in line for line in lines)
    assert any("Schlechte Bewertungen allein sind kein Grund" in line for line in lines)
    assert any("Profilbilder" in line for line in lines)


def test_the_english_report_tells_the_same() -> None:
    text = as_markdown(report_on(*a_fake_wave(5)), "en")
    assert text.startswith("# Suspected coordinated posts about Hotel Alpenhof\n")
    assert "They lie 0.7 hours apart." in text
    assert "- **Conspicuous.** Empty profile: 5 of 5 authors" in text
    assert "Bad reviews alone are no ground for removal." in text


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    wave = [said(by=f"a{number}", at=NIGHT + number * MINUTE) for number in range(4)]
    text = as_markdown(report_on(*wave), "en")
    assert "- Too little is known. A name that says nothing: 0 of 0 authors" in text
    assert "- Unremarkable. Near-identical profiles: 0 of 4 authors" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_in_a_post_breaks_out_of_its_cell(language: Language) -> None:
    evil = "a | b\n\n# x [l](javascript:1) <script>alert(1)</script> `c` \\| &lt; \ud800"
    hostile = said(
        evil, "h", at=NIGHT, name=evil, url="https://e.example/|x>", rating=Rating(value=1, best=5)
    )
    hostile = replace(hostile, platform=evil)
    text = as_markdown(campaign_report([hostile], evil, BERLIN), language)
    (row,) = [line for line in text.splitlines() if line.startswith("| 1 |")]
    unescaped = row.replace("\\\\", "").replace("\\|", "")
    assert unescaped.count("|") == 9
    assert "<script" not in row.replace("\\<", "")
    assert row.endswith("|  |")
    assert text.encode()


@given(st.lists(st.text(max_size=80), min_size=1, max_size=6))
def test_whatever_is_written_can_be_reported(texts: list[str]) -> None:
    members = [
        said(text, f"a{number}", name=text, handle=text, at=NIGHT + number * MINUTE)
        for number, text in enumerate(texts)
    ]
    report = report_on(*members)
    for language in LANGUAGES:
        table = [line for line in as_markdown(report, language).splitlines() if line[:1] == "|"]
        assert len(table) == 2 + len(texts)


def test_a_report_can_be_exported_and_read_back() -> None:
    report = report_on(*a_fake_wave(6))
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_both_languages_have_a_sentence_for_every_measure() -> None:
    for language in LANGUAGES:
        words = campaign_texts(language)
        sentences = [words.measures.sentence(measure.name) for measure in MEASURES]
        assert len(set(sentences)) == len(MEASURES)
        assert len(words.todo) == 5
