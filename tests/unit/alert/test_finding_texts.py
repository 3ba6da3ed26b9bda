"""What a detector found, in the words of people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest
from pydantic import ValidationError

from libs.common.settings import Language
from services.alert.detector import DetectorName
from services.alert.finding_texts import FindingTexts, finding_texts, sentence

BURST = {"critical": 0.0, "count": 1240.0, "expected": 12.4, "minutes": 10.0, "bar": 30.0}
TONE = {"critical": 14.0, "voices": 20.0, "share": 0.7, "usual_share": 0.196}
BIG = {"reach": 1_250_000.0, "usual": 5792.6, "ratio": 215.8}
SPREAD = {"places": 3.0, "press": 1.0, "hours": 30.2}
CAMPAIGN = {"copies": 25.0, "authors": 18.0, "hours": 60.0, "odd_hours_share": 0.2}


@pytest.mark.parametrize(
    ("detector", "numbers", "german", "english"),
    [
        (
            "burst",
            BURST,
            "1.240 Erwähnungen in 10 Minuten, üblich sind um diese Zeit 12.",
            "1,240 mentions in 10 minutes; usual at this time: 12.",
        ),
        (
            "burst",
            {**BURST, "critical": 1.0, "expected": 0.26, "minutes": 300.0},
            "1.240 kritische Erwähnungen in 5 Stunden, üblich sind um diese Zeit 0,3.",
            "1,240 critical mentions in 5 hours; usual at this time: 0.3.",
        ),
        (
            "tone",
            TONE,
            "Der Ton kippt: 14 von zuletzt 20 Stimmen sind kritisch (70 %), üblich sind 20 %.",
            "The tone is turning: 14 of the last 20 voices are critical (70%); 20% is usual.",
        ),
        (
            "danger",
            {"severity": 0.824, "needed": 0.7},
            "Dieser eine Beitrag genügt: Schwere 82 von 100, gewarnt wird ab 70.",
            "This one post is enough: severity 82 of 100, the alarm begins at 70.",
        ),
        (
            "big_voice",
            BIG,
            "Eine kritische Stimme mit großer Reichweite: 1.250.000 Menschen."
            " Hier erreichen 19 von 20 Stimmen höchstens etwa 5.800.",
            "A critical voice with a large reach: 1,250,000 people."
            " Of the voices here, 19 in 20 reach at most about 5,800.",
        ),
        (
            "spread",
            SPREAD,
            "Die Geschichte breitet sich aus: Sie steht inzwischen an 3 Orten,"
            " einer davon ist ein Medium. Die erste Stimme kam vor 30 Stunden.",
            "The story is spreading: it has reached 3 places, one of them in the media."
            " The first voice came 30 hours ago.",
        ),
        (
            "campaign",
            CAMPAIGN,
            "Verdacht auf eine Kampagne: 25 fast gleiche Texte von 18 Konten in 2 Tagen.",
            "Suspected campaign: 25 nearly identical texts from 18 accounts in 2 days.",
        ),
        (
            "worry",
            {},
            "Jemand hat einen Hinweis gegeben. Jeder Hinweis wird angesehen.",
            "Someone has given a hint. Every hint is looked at.",
        ),
    ],
)
def test_a_finding_in_both_languages(
    detector: DetectorName, numbers: Mapping[str, float], german: str, english: str
) -> None:
    assert sentence(detector, numbers, "de") == german
    assert sentence(detector, numbers, "en") == english


@pytest.mark.parametrize("language", get_args(Language))
@pytest.mark.parametrize("detector", get_args(DetectorName))
def test_what_an_older_version_did_not_measure_is_left_out(
    detector: DetectorName, language: Language
) -> None:
    said = sentence(detector, {"something": 1.0}, language)
    assert said.endswith(".")
    assert not {"{", "}"} & set(said)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({**SPREAD, "press": 0.0, "hours": 0.0}, "keiner davon ist ein Medium. Die erste Stimme"),
        ({**SPREAD, "hours": 0.0}, "vor 1 Minute."),
        ({**SPREAD, "hours": 1.2}, "vor 1 Stunde."),
        (
            {**SPREAD, "press": 2.0, "hours": 100.0},
            "2 davon sind Medien. Die erste Stimme kam vor 4 Tagen.",
        ),
    ],
)
def test_numbers_agree_with_their_nouns(numbers: Mapping[str, float], expected: str) -> None:
    assert expected in sentence("spread", numbers, "de")


@pytest.mark.parametrize(
    ("expected", "said"),
    [(0.0, "so gut wie keine"), (0.26, "0,3"), (1.0, "1"), (9.96, "10"), (12_345.6, "12.346")],
)
def test_small_numbers_have_a_decimal(expected: float, said: str) -> None:
    words = sentence("burst", {**BURST, "expected": expected}, "de")
    assert words.endswith(f" um diese Zeit {said}.")


def test_a_placeholder_that_nobody_fills_in_is_refused() -> None:
    words = finding_texts("de").model_dump()
    words["sentences"]["tone"]["numbers"] = "{critical} von {everybody}."
    with pytest.raises(ValidationError, match=r"tone: unknown placeholder \{everybody\}"):
        FindingTexts.model_validate(words)
