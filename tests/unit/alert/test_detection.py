"""All detectors together: from mentions to signals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from libs.common.events import ClassifiedMention, Label, Reason
from services.alert.coverage import Ledger
from services.alert.detection import Detection, Heard
from services.alert.service import detection_of
from services.alert.settings import AlertSettings
from services.alert.signal import LEVEL, Signal
from services.alert.watch import WatchState
from tests.unit.alert.builders import NIGHT, a_mention, reclassified

WATCH = {"id": "motorrad-ag", "name": "Motorrad AG", "query": "motorrad"}
STATE = msgspec.msgpack.Decoder(WatchState)


def a_detection(**sections: Any) -> Detection:
    return detection_of(AlertSettings.model_validate({"watches": [WATCH], "rules": [], **sections}))


DETECTION = a_detection()
TALK = (
    "Werkstatt Wochen warten Rückruf Kupplung Termin Händler Rechnung Garantie "
    "Auskunft Ersatzteil Hotline Ärger Kosten Wartung Getriebe Motor Lieferung "
    "Vertrag Antwort Fehler Kunde Service Brief Probefahrt Filiale Öl "
    "Kette Bremsbelag Reifen Lack Sattel Tacho Licht Schlüssel Kulanz"
)
WORDS = TALK.split()


def a_complaint(number: int) -> str:
    """Another choice of words for every number: no two are copies."""
    step, bend = number % 11 + 5, number // 407
    places = (number * 7 + place * (step + bend * place) for place in range(9))
    return " ".join(WORDS[place % len(WORDS)] for place in places)


def a_voice(number: int, at: datetime, *, label: Label = "complaint", **rest: Any) -> Any:
    """A mention that was read when it was published, by somebody of their own."""
    rest = {"text": a_complaint(number), "author": f"a{number}", "severity": 0.4, **rest}
    mention = a_mention(str(number), label=label, published_at=at, reasons=(), **rest)
    return replace(mention, collected_at=at)


def hear(
    mentions: Iterable[ClassifiedMention],
    state: WatchState | None = None,
    detection: Detection = DETECTION,
) -> list[Heard]:
    state = WatchState() if state is None else state
    return [detection.hear(state, mention, Ledger()) for mention in mentions]


def signals(heard: Iterable[Heard]) -> list[Signal]:
    return [signal for each in heard for signal in each.signals]


def a_storm(people: int, seconds: float, start: datetime = NIGHT) -> list[ClassifiedMention]:
    return [a_voice(i, start + timedelta(seconds=seconds * i)) for i in range(people)]


def an_outage(at: datetime) -> list[ClassifiedMention]:
    """Three people in three places cannot log in."""
    return [
        replace(
            a_voice(
                900 + n, at + timedelta(minutes=n), text="Login der App geht nicht, Server weg"
            ),
            classification=replace(
                a_mention("1").classification,
                label="complaint",
                severity=0.4,
                reasons=(
                    Reason(cue="outage", field="text", start=0, end=5, label="complaint", weight=1),
                ),
            ),
            platform=platform,
        )
        for n, platform in enumerate(("x", "reddit", "mastodon"))
    ]


def test_a_story_that_spreads_in_calm_is_told_and_a_strand_of_a_storm_is_not() -> None:
    days = [a_voice(2000 + h, NIGHT + timedelta(hours=h - 72), label="other") for h in range(72)]
    calm = signals(hear([*days, *an_outage(NIGHT)]))
    (spread,) = (signal for signal in calm if signal.rule == "spread")
    assert (spread.playbook, spread.level) == ("outage", 1)
    storm = a_storm(40, 20)
    in_storm = signals(hear([*days, *storm, *an_outage(storm[-1].collected_at)]))
    assert max(signal.level for signal in in_storm) >= 2
    assert [signal for signal in in_storm if signal.playbook == "outage"] == []


def test_one_grave_mention_is_enough() -> None:
    (heard,) = hear([replace(a_mention("1"), collected_at=NIGHT)])
    (signal,) = heard.signals
    assert (signal.rule, signal.level, signal.theme) == ("danger", 3, "product-safety")
    assert signal.title == "Motorrad AG: Produkt gefährdet Menschen"
    assert signal.numbers["severity"] == 0.82
    assert heard.kept is not None


def test_a_rule_of_the_same_mention_speaks_for_the_detector_where_it_says_more() -> None:
    rule = {"id": "brakes", "when": "bremse", "level": 5, "theme": "brakes"}
    (heard,) = hear([a_mention("1")], detection=a_detection(rules=[rule]))
    assert [(s.rule, s.level, s.theme) for s in heard.signals] == [
        ("brakes", 5, "brakes"),
        ("danger", 3, "product-safety"),
    ]


def test_a_rule_without_a_theme_joins_the_story() -> None:
    rule = {"id": "loud", "when": "label:complaint", "level": 2}
    (heard,) = hear([a_voice(1, NIGHT)], detection=a_detection(rules=[rule]))
    (signal,) = heard.signals
    assert heard.kept is not None
    assert signal.theme == heard.kept.theme


def test_what_never_pages_as_new() -> None:
    old = replace(a_mention("2"), published_at=NIGHT - timedelta(hours=25))
    past = a_mention("3", backfill=True)
    again = reclassified(a_mention("4", severity=0.95))
    assert hear([old, past, again]) == [Heard(), Heard(), Heard()]


def test_a_hint_always_passes() -> None:
    hint = a_mention("1", kind="hint", label="other", severity=0.0, reasons=())
    assert [(s.rule, s.level) for s in signals(hear([hint]))] == [("hint", 1)]


def test_many_critical_voices_at_once_are_a_storm() -> None:
    levels = [s.level for s in signals(hear(a_storm(60, 20.0))) if s.rule == LEVEL]
    assert levels == sorted(levels)
    assert levels[-1] >= 3


def test_what_is_measured_stands_in_the_signal() -> None:
    graded = [s for s in signals(hear(a_storm(60, 20.0))) if s.rule == LEVEL][-1]
    voices = next(measured for measured in graded.measures if measured.name == "voices")
    assert voices.holds
    assert voices.needed is not None
    assert voices.value >= voices.needed > 0


def test_good_news_is_no_storm() -> None:
    praise = [
        a_voice(i, NIGHT + timedelta(seconds=2 * i), label="praise", text=f"Tolles Modell, Nr. {i}")
        for i in range(600)
    ]
    complaints = [a_voice(1000 + i, NIGHT + timedelta(seconds=300 * i)) for i in range(4)]
    together = sorted([*praise, *complaints], key=lambda m: m.published_at)
    assert all(signal.level < 2 for signal in signals(hear(together)))


def test_a_storm_that_is_over_falls_level_by_level() -> None:
    state = WatchState()
    hear(a_storm(60, 20.0), state)
    later = [
        a_voice(500 + i, NIGHT + timedelta(hours=2 + i), label="other", text=f"Treffen {i}")
        for i in range(30)
    ]
    levels = [s.level for s in signals(hear(later, state)) if s.rule == LEVEL]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] <= 1


def test_a_storm_that_goes_on_is_signalled_again_every_few_hours() -> None:
    going_on = [
        signal
        for signal in signals(hear(a_storm(1800, 30.0)))
        if signal.rule == LEVEL and signal.numbers["before"] == signal.level
    ]
    assert going_on
    assert all(signal.level >= 2 for signal in going_on)


def test_a_story_that_ends_in_silence_says_so_when_the_next_is_told() -> None:
    state = WatchState()
    storm = signals(hear(a_storm(60, 20.0), state))
    (theme,) = {signal.theme for signal in storm if signal.rule == LEVEL}
    later = [a_voice(700, NIGHT + timedelta(days=6))]
    over = [signal for signal in signals(hear(later, state)) if signal.theme == theme]
    assert [(signal.rule, signal.level) for signal in over] == [(LEVEL, 0)]


def test_a_hint_about_an_old_post_is_news_of_today() -> None:
    old = a_mention("1", kind="hint", label="other", severity=0.0, reasons=())
    state = WatchState()
    assert signals(hear([replace(old, published_at=NIGHT - timedelta(days=900))], state))
    assert state.danger.begun == NIGHT.timestamp()


def test_copies_count_as_one_voice() -> None:
    text = "Nie wieder dieser Laden, die Kupplung brach nach zwei Tagen und keiner hilft einem dort"
    copies = [a_voice(i, NIGHT + timedelta(seconds=20 * i), text=text) for i in range(60)]
    assert max((s.level for s in signals(hear(copies)) if s.rule == LEVEL), default=0) < 2


def _label(number: int) -> Label:
    labels: Sequence[Label] = ("complaint", "praise", "crisis_candidate", "question", "complaint")
    return labels[number % len(labels)]


LIVES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 12), st.integers(0, 900)), min_size=5, max_size=80
)
"""Author and text, label, seconds until the next; an author's second mention is a further one."""


def a_life(drawn: list[tuple[int, int, int]]) -> list[ClassifiedMention]:
    at = NIGHT
    mentions = []
    for number, (author, kind, pause) in enumerate(drawn):
        at += timedelta(seconds=pause)
        mentions.append(
            a_voice(
                number,
                at - timedelta(seconds=37 * (kind % 3)),
                label=_label(kind),
                author=f"a{author}",
                severity=author / 60,
                text=a_complaint(author % 9),
                followers=author**3,
            )
        )
    return mentions


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LIVES, st.data())
def test_being_killed_and_started_at_any_mention_changes_nothing(
    drawn: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    mentions = a_life(drawn)
    killed = data.draw(st.sets(st.integers(0, len(mentions) - 1)))
    state = WatchState()
    heard = []
    for number, mention in enumerate(mentions):
        if number in killed:
            state = STATE.decode(msgspec.msgpack.encode(state))
        heard += hear([mention], state)
    assert heard == hear(mentions)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LIVES, st.data())
def test_what_comes_twice_changes_nothing(
    drawn: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    mentions = a_life(drawn)
    state = WatchState()
    heard = []
    for number, mention in enumerate(mentions):
        heard += hear([mention], state)
        again = data.draw(st.lists(st.integers(0, number), max_size=2))
        assert signals(hear((mentions[i] for i in again), state)) == []
    assert heard == hear(mentions)
