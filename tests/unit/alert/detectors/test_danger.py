"""One mention is enough."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from libs.common.events import Label
from services.alert.detector import Voice
from services.alert.detectors.danger import Danger
from tests.unit.alert.detectors.voices import (
    BEGIN,
    DAY,
    HOUR,
    MINUTE,
    a_voice,
    check_survives_saving,
    size,
    streams,
)


def a_danger(
    at: float = 0.0,
    *,
    severity: float = 0.82,
    theme: str = "fraud",
    copied: bool = False,
    uncertain: bool = False,
    sure: float = 0.9,
    who: int = 1,
) -> Voice:
    """sure: the classifier's probability."""
    voice = a_voice(
        at,
        label="crisis_candidate",
        severity=severity,
        themes=(theme,) if theme else (),
        copied=copied,
        uncertain=uncertain,
        who=who,
    )
    scores: dict[Label, float] = {"crisis_candidate": sure}
    verdict = replace(voice.mention.classification, scores=scores)
    return replace(voice, mention=replace(voice.mention, classification=verdict))


def told(*voices: Voice) -> list[int]:
    """Which of these voices were findings, folded one after another."""
    danger = Danger()
    return [place for place, voice in enumerate(voices) if danger.fold(voice) is not None]


def test_one_grave_mention_is_enough_on_a_quiet_day() -> None:
    found = Danger().fold(a_danger())
    assert found is not None
    assert (found.detector, found.at) == ("danger", BEGIN)
    assert found.numbers == {"severity": 0.82, "needed": 0.7, "voices": 1.0}
    assert found.surprise == pytest.approx(2.48, abs=0.01)


@pytest.mark.parametrize(
    ("voice", "found"),
    [
        (a_danger(severity=0.7), True),
        (a_danger(severity=0.69), False),
        (a_danger(severity=0.55, theme="fire"), True),
        (a_danger(severity=0.54, theme="fire"), False),
        (a_danger(severity=0.6, theme="fire", uncertain=True), False),
        (a_danger(severity=0.7, theme="fire", uncertain=True), False),
        (a_danger(sure=0.79), False),
        (a_danger(sure=0.8), True),
        (a_danger(severity=0.75, theme=""), True),
        (a_danger(severity=0.6, theme=""), False),
        (a_danger(copied=True), False),
        (a_voice(label="complaint", severity=0.9), False),
    ],
    ids=[
        *("grave", "not grave enough", "people are hurt", "too mild even so"),
        *("nobody would bet on it", "grave, but in doubt", "doubted", "sure enough"),
        "without a reason",
        *("mild without a reason", "said by another before", "a complaint"),
    ],
)
def test_how_grave_it_has_to_be(voice: Voice, found: bool) -> None:
    assert bool(told(voice)) is found


def test_further_voices_of_the_theme_belong_to_the_story() -> None:
    assert told(*(a_danger(place * HOUR, who=place) for place in range(20))) == [0]


def test_a_theme_that_is_new_is_told() -> None:
    assert told(a_danger(theme="fire"), a_danger(MINUTE, theme="data_leak")) == [0, 1]


def test_what_is_worse_is_told_again() -> None:
    severities = [0.72, 0.8, 0.85, 0.9, 0.96]
    assert told(*(a_danger(MINUTE * n, severity=s) for n, s in enumerate(severities))) == [0, 2, 4]


def test_after_a_pause_the_theme_is_new_again() -> None:
    assert told(a_danger(), a_danger(3 * HOUR), a_danger(8 * HOUR), a_danger(14 * HOUR)) == [0, 3]


def test_a_theme_that_never_pauses_is_told_until_it_is_everyday_life() -> None:
    days = [place // 24 for place in told(*(a_danger(place * HOUR) for place in range(24 * 30)))]
    assert days[0] == 0
    assert 1 <= len(days) < 10
    assert days[-1] < 15


def test_what_is_in_doubt_is_told_when_a_second_person_says_it() -> None:
    doubted = [a_danger(place * HOUR, sure=0.6, who=place) for place in range(2)]
    assert told(*doubted) == [1]
    assert told(*(a_danger(place * HOUR, sure=0.6, who=7) for place in range(5))) == []


def test_an_error_that_comes_every_week_wakes_people_once_in_a_while() -> None:
    weekly = [a_danger(7 * DAY * week, severity=0.72, who=week) for week in range(52)]
    assert len(told(*weekly)) <= 3


def test_where_errors_are_common_the_severe_and_several_people_are_still_told() -> None:
    weekly = [a_danger(7 * DAY * week, severity=0.72, who=week) for week in range(52)]
    later = 7 * DAY * 52
    severe = a_danger(later, severity=0.9, who=99)
    assert told(*weekly, severe)[-1] == 52
    three = [a_danger(later + n * HOUR, severity=0.72, who=100 + n) for n in range(3)]
    assert told(*weekly, *three)[-1] >= 53


def a_day_of(voices: int, day: int) -> list[Voice]:
    """Ordinary ones, all before noon."""
    return [a_voice(day * DAY + n * 12 * HOUR / voices, who=n) for n in range(voices)]


def test_in_a_crowd_one_such_mention_is_less_of_a_surprise() -> None:
    """As with good news, when twenty times as many speak as on any other day."""
    usual = [voice for day in range(30) for voice in a_day_of(40, day)]
    noon = 30 * DAY + 13 * HOUR
    assert told(*usual, *a_day_of(40, 30), a_danger(noon)) == [1240]
    crowd = [*usual, *a_day_of(800, 30)]
    assert told(*crowd, a_danger(noon)) == []
    several = [a_danger(noon + n * MINUTE, who=1000 + n) for n in range(4)]
    assert told(*crowd, *several)[0] > len(crowd)
    assert told(*crowd, a_danger(noon, severity=0.9)) == [len(crowd)]


def test_where_hardly_anybody_speaks_a_few_are_no_crowd() -> None:
    assert told(a_voice(0), *a_day_of(18, 60), a_danger(60 * DAY + 13 * HOUR)) == [19]


def test_a_crisis_does_not_become_a_habit() -> None:
    crisis = [a_danger(place * MINUTE, who=place) for place in range(500)]
    after = a_danger(120 * DAY, who=999)
    assert told(*crisis, after)[-1] == 500


def test_an_edit_folded_again_is_told_only_when_it_is_worse() -> None:
    first = a_danger(severity=0.72)
    assert told(first, first, a_danger(severity=0.95)) == [0, 2]


def test_too_many_themes_push_out_the_one_unheard_for_longest() -> None:
    themes = [a_danger(place, theme=f"theme-{place}") for place in range(17)]
    danger = Danger()
    for voice in themes:
        danger.fold(voice)
    assert list(danger.themes) == [f"theme-{place}" for place in range(1, 17)]
    assert size(danger) < 2500


@given(streams())
@settings(max_examples=60, deadline=None)
def test_saving_at_any_voice_changes_nothing(heard: list[Voice]) -> None:
    check_survives_saving(Danger, Danger.fold, heard)


def test_a_noisy_watch_is_told_of_a_theme_once_a_day_at_most() -> None:
    every_minute = [a_danger(place * MINUTE, who=place) for place in range(int(7 * DAY / MINUTE))]
    assert 1 <= len(told(*every_minute)) <= 7
