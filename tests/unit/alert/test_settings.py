"""A wrong configuration: every finding at its place, with what was expected."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from libs.common.errors import ConfigurationError
from libs.common.settings import parse
from services.alert.playbook import load_playbooks
from services.alert.settings import AlertSettings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PLAYBOOKS = (
    "campaign, data-leak, general, hint, misconduct, outage, product-safety, service-failure, "
    "source-down"
)


def settings(text: str) -> AlertSettings:
    return parse(dedent(text), "b.yaml", AlertSettings, {})


def findings(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        settings(text)
    return raised.value.findings


def test_an_empty_configuration_watches_for_danger_and_tells_the_log() -> None:
    empty = settings("")
    assert empty.rules == ()
    assert [channel.id for channel in empty.all_channels()] == ["log"]


def test_no_rules_means_no_rules() -> None:
    assert settings("rules: []").rules == ()


def test_what_points_nowhere_is_found_with_what_there_is() -> None:
    assert findings(
        """
        people:
          - {id: anna, name: Anna}
        rules:
          - id: danger
            when: severity>=0.7
            level: 3
            playbook: panic
            notify:
              - channel:room
              - person:anna
        """
    ) == [
        f"b.yaml:8: rules[0].playbook: no playbook 'panic'; expected one of {PLAYBOOKS}",
        "b.yaml:10: rules[0].notify[0]: nobody can be told as 'channel:room'; "
        "expected one of channel:log",
        "b.yaml:11: rules[0].notify[1]: nobody can be told as 'person:anna'; "
        "expected one of channel:log",
    ]


def test_contacts_that_no_channel_reaches_are_found() -> None:
    assert findings(
        """
        people:
          - {id: anna, name: Anna, contacts: ["mailto:anna@example.org"]}
        """
    ) == [
        "b.yaml:3: people[0].contacts: no channel sends e-mail; "
        "expected one with kind: email under channels"
    ]
    assert findings(
        """
        people:
          - {id: anna, name: Anna, contacts: ["pigeon:anna"]}
        """
    ) == [
        "b.yaml:3: people[0].contacts[0]: no channel can reach this contact; "
        "expected mailto:name@example.org"
    ]


def test_channels_are_checked_without_repeating_their_secrets() -> None:
    found = findings(
        """
        channels:
          - {id: a, kind: webhook, url: "ftp://example.org", secret: "whsec_c2hvcnQ="}
          - {id: b, kind: email, smtp: "http://user:hunter2@mail.example", from: nobody}
          - {id: c, kind: email, smtp: "smtp://mail.example?starttls=maybe", from: "a@b.example"}
        """
    )
    assert found == [
        "b.yaml:3: channels[0].secret: expected whsec_ and 24 to 64 random bytes in base64",
        "b.yaml:3: channels[0].url: expected an address that begins with https:// or http://",
        "b.yaml:4: channels[1].from: expected an e-mail address such as anna@example.org",
        "b.yaml:4: channels[1].smtp: expected smtp://host:587 or smtps://host:465, "
        "with user:password@ if needed",
        "b.yaml:5: channels[2].smtp: expected no option but starttls=required, auto or never",
    ]


def test_a_rule_that_is_no_query_is_found() -> None:
    (finding,) = findings(
        """
        rules:
          - {id: danger, when: "severity>=", level: 3}
        """
    )
    assert finding.startswith("b.yaml:3: rules[0].when: not a query: ")


def test_the_name_of_the_hint_rule_is_taken() -> None:
    (finding,) = findings("rules: [{id: hint, when: bremse, level: 1}]")
    assert finding == (
        "b.yaml:1: rules[0].id: the id 'hint' is taken: every hint raises a signal of its own"
    )


def test_secrets_do_not_show() -> None:
    webhook = settings(
        f"channels: [{{id: a, kind: webhook, url: 'https://example.org', secret: {SECRET}}}]"
    )
    assert SECRET not in repr(webhook)


def test_a_playbook_of_the_company_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(
        dedent(
            """
            id: outage
            title: {de: Ticketsystem steht, en: Ticket system is down}
            steps:
              - id: call
                text: {de: Anrufen, en: Call}
                owner: {de: IT, en: IT}
                within: 5m
            holding_statement: {de: Wir wissen es., en: We know.}
            """
        ),
        encoding="utf-8",
    )
    playbooks = settings(f"playbooks: {{folder: {tmp_path}}}").all_playbooks()
    assert playbooks.get("outage").title.de == "Ticketsystem steht"
    assert playbooks.ids == load_playbooks().ids


def test_a_broken_playbook_is_found_with_its_place(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("id: x\ntitle: {de: X, en: X}\nsteps: []\n", encoding="utf-8")
    (finding,) = findings(f"playbooks: {{folder: {tmp_path}}}")
    assert finding.startswith(f"b.yaml:1: playbooks.folder: {broken}:")
    assert "steps" in finding
    assert "holding_statement" in finding
