"""A level's evidence, as people read it in German and English."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.alert.evidence import explain
from services.alert.level import Grade, Usual
from tests.unit.alert.storms import Weather, a_voice, an_article

PAGE = Path(__file__).parents[3] / "docs" / "levels.md"
PLATFORMS = ("forum", "mastodon", "bluesky", "reddit")


def a_level_3() -> Grade:
    """On a watch with ten mentions an hour, 16 people complain on four platforms, one of them
    a newspaper's."""
    weather = Weather(Usual(per_hour=10, critical_share=0.1, critical_per_hour=1))
    for minute in range(0, 60, 6):
        weather.other(minute)
    for number in range(15):
        weather.fold(a_voice(number, minute=4 * number, platform=PLATFORMS[number % 3]))
    weather.fold(a_voice(3, minute=58))
    weather.fold(an_article(minute=59))
    return weather.grade()


def a_level_5() -> Grade:
    """On a watch with 60 mentions an hour, 360 people in an hour, every sixth insulting; so many
    are estimated, and the shares with them."""
    weather = Weather(Usual(per_hour=60, critical_share=0.1, critical_per_hour=6))
    for minute in range(60):
        weather.other(minute)
        for number in range(7):
            who = 1000 * minute + number % 6
            weather.fold(
                a_voice(who, minute=minute, platform=PLATFORMS[number % 4], abusive=number == 3)
            )
        if minute % 6 == 0:
            weather.fold(an_article(minute, minute=minute, critical=False))
    return weather.grade()


GERMAN_3 = [
    "16 kritische Stimmen in der letzten Stunde (Stufe 3 ab 8).",
    "61 % aller Stimmen reden kritisch mit (Stufe 3 ab 18 %).",
    "Vor einer Stunde war davon so gut wie nichts zu hören.",
    "Kritik in 1 der letzten 6 Stunden (Stufe 3 erst ab 3).",
    "Auf 4 Plattformen in den letzten 6 Stunden (Stufe 3 ab 3).",
    "6 % wiederholen sich oder kopieren.",
    "1 Medium berichtet (Stufe 3 ab 1).",
    "Fast Stufe 4, starker Wind, weil nur noch eines fehlt: 18 kritische Stimmen in "
    "der letzten Stunde (jetzt 16).",
]
ENGLISH_3 = [
    "16 critical voices in the last hour (level 3 from 8).",
    "61% of all voices join in the criticism (level 3 from 18%).",
    "An hour ago there was hardly a word of it.",
    "Criticism in 1 of the last 6 hours (level 3 only from 3).",
    "On 4 platforms in the last 6 hours (level 3 from 3).",
    "6% repeat themselves or copy.",
    "1 publisher reports on it (level 3 from 1).",
    "Almost level 4, strong wind, because only one thing is missing: 18 critical "
    "voices in the last hour (now 16).",
]
GERMAN_5 = [
    "356 kritische Stimmen in der letzten Stunde (Stufe 5 ab 300).",
    "83 % aller Stimmen reden kritisch mit (Stufe 5 ab 40 %).",
    "Vor einer Stunde war davon so gut wie nichts zu hören.",
    "Auf 4 Plattformen in den letzten 6 Stunden (Stufe 5 ab 4).",
    "16 % wiederholen sich oder kopieren (Stufe 5 erst ab 25 %).",
    "11 % der Stimmen beleidigen oder drohen (Stufe 5 ab 8 %).",
    "10 Medien berichten (Stufe 5 ab 8).",
    "Bis Stufe 6, Orkan, fehlt noch: 720 kritische Stimmen in der letzten Stunde "
    "(jetzt 356); dazu 15 % der Stimmen beleidigen oder drohen (jetzt 11 %).",
]
ENGLISH_5 = [
    "356 critical voices in the last hour (level 5 from 300).",
    "83% of all voices join in the criticism (level 5 from 40%).",
    "An hour ago there was hardly a word of it.",
    "On 4 platforms in the last 6 hours (level 5 from 4).",
    "16% repeat themselves or copy (level 5 only from 25%).",
    "11% of the voices insult or threaten (level 5 from 8%).",
    "10 publishers report on it (level 5 from 8).",
    "Still missing for level 6, hurricane: 720 critical voices in the last hour (now "
    "356); also 15% of the voices insult or threaten (now 11%).",
]


def test_a_level_3_in_german() -> None:
    assert explain(a_level_3(), "de") == GERMAN_3


def test_a_level_3_in_english() -> None:
    assert explain(a_level_3(), "en") == ENGLISH_3


def test_a_level_5_in_german() -> None:
    assert explain(a_level_5(), "de") == GERMAN_5


def test_a_level_5_in_english() -> None:
    assert explain(a_level_5(), "en") == ENGLISH_5


@pytest.mark.parametrize("lines", [GERMAN_3, ENGLISH_3, GERMAN_5, ENGLISH_5])
def test_the_documentation_shows_these(lines: list[str]) -> None:
    assert "\n".join(f"> - {line}" for line in lines) in PAGE.read_text(encoding="utf-8")
