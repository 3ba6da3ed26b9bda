"""A source that is ill is an incident like any other, with words of its own."""

from __future__ import annotations

from datetime import timedelta
from textwrap import dedent
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from libs.common.errors import ConfigurationError
from libs.common.events import Acknowledged, Resolved, SourceHealthChanged
from libs.common.settings import Language, parse
from services.alert.incident import fold, on_signal
from services.alert.letter import as_plain, write
from services.alert.page import Quote, Words
from services.alert.playbook import load_playbooks
from services.alert.settings import AlertSettings
from services.alert.signal import OPERATIONS, Report
from services.alert.source import recovery, signal_of, source_of
from services.alert.texts import ILL, texts
from tests.unit.alert.builders import NIGHT, an_alarm

BERLIN = ZoneInfo("Europe/Berlin")
LANGUAGES: tuple[Language, ...] = get_args(Language)
MINUTE = timedelta(minutes=1)


def a_change(health: str = "auth_failed", **fields: Any) -> SourceHealthChanged:
    defaults: dict[str, Any] = {
        "source": "bikeforum",
        "kind": "discourse",
        "at": NIGHT,
        "health": health,
        "reason": "credentials refused: 401",
        "well": health == "ok",
        "since": NIGHT - 10 * MINUTE,
    }
    return SourceHealthChanged(**{**defaults, **fields})


def test_an_ill_source_is_a_signal_of_the_first_level() -> None:
    signal = signal_of(a_change(), "de")
    assert (signal.watch, signal.theme, signal.level, signal.playbook, signal.rule) == (
        "operations",
        "source:bikeforum",
        1,
        "source-down",
        "operations",
    )
    assert signal.title == "Die Quelle bikeforum lehnt unsere Zugangsdaten ab"
    assert signal.why == "credentials refused: 401"
    assert signal.report == Report(health="auth_failed", told_at=NIGHT)
    assert source_of(signal.watch, signal.theme) == "bikeforum"
    assert source_of("motorrad-ag", "product-safety") is None


def test_the_same_report_told_twice_is_one_signal_and_a_later_one_another() -> None:
    first = signal_of(a_change(), "de")
    assert signal_of(a_change(), "en").key == first.key
    assert signal_of(a_change(at=NIGHT + MINUTE), "de").key != first.key
    assert signal_of(a_change("failing"), "de").key != first.key


def test_recovery_ends_the_incident_and_says_since_when() -> None:
    incident = fold(on_signal(None, signal_of(a_change(), "en"), (), NIGHT))
    well = a_change("ok", at=NIGHT + 40 * MINUTE, since=NIGHT + 30 * MINUTE)
    later = NIGHT + 41 * MINUTE
    assert recovery(incident, well, NIGHT, "en", BERLIN, later) == (
        Acknowledged(incident=incident.id, at=later, by="Brandmelder"),
        Resolved(
            incident=incident.id,
            at=later,
            by="Brandmelder",
            why="The source bikeforum is read again, since Sunday 22 November, 03:42.",
        ),
    )


def test_a_source_that_left_the_configuration_ends_its_incident() -> None:
    incident = fold(on_signal(None, signal_of(a_change(), "de"), (), NIGHT))
    gone = a_change("ok", kind=None, at=NIGHT + MINUTE)
    *_, resolved = recovery(incident, gone, NIGHT, "de", BERLIN, NIGHT + MINUTE)
    assert isinstance(resolved, Resolved)
    assert resolved.why == "Die Quelle bikeforum steht nicht mehr in der Konfiguration."


def test_an_old_recovery_does_not_end_a_newer_incident() -> None:
    incident = fold(on_signal(None, signal_of(a_change(), "de"), (), NIGHT))
    well = a_change("ok", at=NIGHT - MINUTE)
    assert recovery(incident, well, NIGHT, "de", BERLIN, NIGHT + MINUTE) == ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("health", ILL)
def test_every_illness_has_words_of_its_own(language: Language, health: str) -> None:
    said = texts(language).source.matter(health, "bikeforum")
    assert "bikeforum" in said
    others = [texts(language).source.matter(other, "bikeforum") for other in ILL]
    assert others.count(said) == 1


def test_an_illness_of_a_newer_version_is_failing() -> None:
    assert texts("en").source.matter("quarantined", "x") == "The source x cannot be read"


def test_the_plan_says_what_to_check_for_every_illness() -> None:
    plan = load_playbooks().get("source-down")
    assert len(plan.do) == len(ILL)
    assert plan.title.de == "Quelle fällt aus"


def an_alarm_about_a_source() -> Any:
    plain = an_alarm(watch_name="bikeforum", level=1)
    return replace(
        plain,
        watch=OPERATIONS,
        theme="source:bikeforum",
        title=Words("Quelle fällt aus", "A source is down"),
        quote=Quote(
            mention="m1",
            text="credentials refused: 401",
            url=None,
            source="bikeforum",
            platform="discourse",
            published_at=NIGHT,
            label="other",
            severity=0.0,
            report=Report(health="auth_failed", told_at=NIGHT),
        ),
    )


def test_the_page_names_the_source_and_the_reason() -> None:
    letter = write(an_alarm_about_a_source(), "de", BERLIN)
    assert letter.subject == "bikeforum: Quelle fällt aus"
    assert as_plain(letter) == dedent(
        """\
        Die Quelle bikeforum lehnt unsere Zugangsdaten ab.
        Was dort geschrieben wird, fehlt hier, bis das behoben ist.
        Noch hat niemand übernommen.

        WORUM ES GEHT
        bikeforum: Quelle fällt aus
        Seit Sonntag, 22. November, 03:09 Uhr
        Grund: credentials refused: 401

        JETZT TUN
        1. Ist jemand verletzt? (Bereitschaft, bis 03:22 Uhr)
        2. Sagen, was feststeht. (Pressestelle, bis Montag, 23. November, 03:12 Uhr)

        NICHT TUN
        Kritik nie löschen.

        Übernehmen und alle Schritte ansehen:
        https://melder.example/?incident=5e0c7f1a2b3c4d5e
        """
    )


def test_the_end_is_told_in_plain_words() -> None:
    alarm = replace(
        an_alarm_about_a_source(),
        cause="resolved",
        quote=None,
        by="Brandmelder",
        resolution="The source bikeforum is read again, since Sunday 22 November, 03:42.",
    )
    assert as_plain(write(alarm, "en", BERLIN)) == dedent(
        """\
        Brandmelder has closed the incident.

        WHAT IT IS ABOUT
        bikeforum: A source is down
        Since Sunday 22 November, 03:09

        OUTCOME
        The source bikeforum is read again, since Sunday 22 November, 03:42.

        See what happened:
        https://melder.example/?incident=5e0c7f1a2b3c4d5e
        """
    )


def test_an_edited_post_says_so_on_the_page() -> None:
    alarm = an_alarm()
    assert alarm.quote is not None
    edited = replace(alarm, quote=replace(alarm.quote, edited_at=NIGHT))
    assert "(The post was edited since, last on Sunday 22 November, 03:12.)" in as_plain(
        write(edited, "en", BERLIN)
    )


def findings(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        parse(dedent(text), "b.yaml", AlertSettings, {})
    return raised.value.findings


def test_who_is_told_of_ill_sources_has_to_be_there() -> None:
    assert findings(
        """
        operations:
          notify:
            - person:anna
          after: 5m
        """
    ) == [
        "b.yaml:4: operations.notify[0]: nobody can be told as 'person:anna'; "
        "expected one of channel:log"
    ]


def test_the_word_operations_is_taken() -> None:
    assert findings("watches:\n  - {id: operations, name: Ops, query: ops}\n") == [
        "b.yaml:2: watches[0].id: the id 'operations' is taken: it is our own sources'"
    ]
    (finding,) = findings("rules:\n  - {id: operations, when: severity>=0.7, level: 3}\n")
    assert finding.startswith("b.yaml:2: rules[0].id: the id 'operations' is taken")


def test_without_a_word_on_it_ten_minutes_are_grace_enough() -> None:
    assert AlertSettings().operations.after == timedelta(minutes=10)
