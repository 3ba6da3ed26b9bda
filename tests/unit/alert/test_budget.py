"""What pages cost, and which threshold would have spared the noise."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.common.events import (
    IncidentEvent,
    IncidentOpened,
    LevelChanged,
    Measured,
    PageCause,
    Paged,
)
from services.alert.budget import WEEK, Alarm, Proposal, alarms_of, costs, propose
from tests.unit.alert.builders import NIGHT


def an_alarm(
    *, rule: str = "danger", days: float = 0.0, noise: bool | None = None, **measures: float
) -> Alarm:
    return Alarm(rule, NIGHT - timedelta(days=days), noise, measures)


def test_pages_are_counted_by_rule_and_week() -> None:
    alarms = [an_alarm(days=0), an_alarm(days=6.9), an_alarm(days=7), an_alarm(rule="storm")]
    danger, storm = costs(alarms, {"danger": 1, "storm": 1}, 2, NIGHT)
    assert (danger.weeks, danger.over) == ((2, 1), True)
    assert (storm.weeks, storm.over) == ((1, 0), False)


def test_what_is_older_than_the_weeks_asked_for_does_not_count() -> None:
    (cost,) = costs([an_alarm(days=14)], {"danger": 3}, 2, NIGHT)
    assert (cost.weeks, cost.unrated) == ((0, 0), 0)


def test_what_people_said_is_counted() -> None:
    alarms = [an_alarm(noise=said) for said in (True, True, False, None)]
    (cost,) = costs(alarms, {"danger": 3}, 1, NIGHT)
    assert (cost.noise, cost.useful, cost.unrated) == (2, 1, 1)


def test_a_threshold_is_proposed_that_keeps_all_that_was_worth_it() -> None:
    alarms = [
        *(an_alarm(noise=True, severity=value) for value in (0.70, 0.72, 0.90)),
        *(an_alarm(noise=False, severity=value) for value in (0.85, 0.95)),
    ]
    assert propose(alarms) == Proposal("severity", 0.85, spared=2, of_noise=3, kept=2)


def test_of_several_measures_the_one_that_spares_most_is_proposed() -> None:
    alarms = [
        *(an_alarm(noise=True, severity=0.9, voices=value) for value in (1.0, 2.0, 3.0)),
        *(an_alarm(noise=False, severity=0.8, voices=value) for value in (40.0, 123.4)),
    ]
    assert propose(alarms) == Proposal("voices", 40.0, spared=3, of_noise=3, kept=2)


def test_a_proposed_threshold_is_rounded_down_so_that_nothing_is_lost() -> None:
    alarms = [
        *(an_alarm(noise=True, reach=10.0) for _ in range(4)),
        an_alarm(noise=False, reach=12_345.0),
    ]
    proposal = propose(alarms)
    assert proposal is not None
    assert proposal.at_least == 12_000.0


def test_nothing_is_proposed_from_too_few_words_or_where_nothing_was_worth_it() -> None:
    few = [an_alarm(noise=True, severity=0.7), an_alarm(noise=False, severity=0.9)]
    assert propose(few) is None
    assert propose([an_alarm(noise=True, severity=0.7)] * 6) is None


@given(
    st.lists(
        st.builds(
            lambda noise, severity: an_alarm(noise=noise, severity=severity),
            st.sampled_from([True, False, None]),
            st.floats(0.01, 1.0),
        ),
        max_size=30,
    )
)
def test_no_proposal_ever_costs_a_page_that_was_worth_it(alarms: list[Alarm]) -> None:
    proposal = propose(alarms)
    if proposal is None:
        return
    useful = [alarm for alarm in alarms if alarm.noise is False]
    noise = [alarm for alarm in alarms if alarm.noise]
    assert all(alarm.measures["severity"] >= proposal.at_least for alarm in useful)
    spared = sum(alarm.measures["severity"] < proposal.at_least for alarm in noise)
    assert (proposal.spared, proposal.kept) == (spared, len(useful))
    assert spared > 0


def test_an_incident_pages_for_its_beginning_and_for_every_rise() -> None:
    later = NIGHT + timedelta(hours=1)
    rise = Measured(name="voices", value=40.0, needed=10.0, holds=True)

    def paged(at: datetime, cause: PageCause, to: str) -> Paged:
        return Paged(incident="i", at=at, channel="log", page="p", why="", to=to, cause=cause)

    events: list[IncidentEvent] = [
        IncidentOpened(
            incident="i", at=NIGHT, watch="w", theme="t", title="T", level=3, playbook="p",
            rule="danger", mention="m", why="", numbers={"surprise": 0.0},
        ),
        paged(NIGHT, "opened", "person:anna"),
        paged(NIGHT, "opened", "person:bela"),
        LevelChanged(incident="i", at=later, level=4, why="", rule="level", measures=(rise,)),
        paged(later, "worsened", "person:anna"),
        paged(later + WEEK, "resolved", "person:anna"),
    ]  # fmt: skip
    assert list(alarms_of(events, True, {"severity": 0.8})) == [
        Alarm("danger", NIGHT, True, {"severity": 0.8, "surprise": 0.0}),
        Alarm("level", later, True, {"severity": 0.8, "surprise": 0.0, "voices": 40.0}),
    ]
