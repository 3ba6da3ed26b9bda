"""Every incident has a plan, and every plan says what to do first, by whom and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.alert.playbook import clock_text, load_playbooks

ALL = load_playbooks()


@pytest.mark.parametrize("name", ALL.ids)
def test_a_plan_begins_within_the_first_ten_minutes_and_its_clocks_do_not_run_backwards(
    name: str,
) -> None:
    clocks = [step.within for step in ALL.get(name).steps]
    assert clocks[0] <= timedelta(minutes=10)
    assert clocks == sorted(clocks)


@pytest.mark.parametrize("name", ALL.ids)
def test_a_plan_has_reminders_and_first_words_in_both_languages(name: str) -> None:
    playbook = ALL.get(name)
    assert playbook.do
    assert playbook.dont
    assert "[Vorname]" in playbook.holding_statement.de
    assert "[First name]" in playbook.holding_statement.en


def test_plans_about_public_criticism_remind_people_not_to_delete_it() -> None:
    for name in ("general", "product-safety", "service-failure", "misconduct"):
        assert any("löschen" in line.de for line in ALL.get(name).dont), name


def test_a_cue_points_to_one_plan_only() -> None:
    cues = [cue for name in ALL.ids for cue in ALL.get(name).cues]
    assert len(cues) == len(set(cues))


def test_an_incident_whose_plan_has_left_the_configuration_gets_the_general_one() -> None:
    assert ALL.get("gone").id == "general"


@pytest.mark.parametrize(
    ("within", "text"),
    [
        (timedelta(minutes=10), "10m"),
        (timedelta(hours=4), "4h"),
        (timedelta(hours=24), "1d"),
        (timedelta(seconds=90), "90s"),
    ],
)
def test_clocks_are_written_as_in_the_configuration(within: timedelta, text: str) -> None:
    assert clock_text(within) == text
