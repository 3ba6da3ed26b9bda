"""What the alert service reads from the configuration: people, channels, rules, playbooks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Self, TypeAlias

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from libs.common.errors import ConfigurationError
from libs.common.settings import (
    CommonSettings,
    Identifier,
    Language,
    QueryText,
    Strict,
    unique_ids,
)
from services.alert.level_table import load_levels
from services.alert.notifiers import Channel, email, log
from services.alert.playbook import Playbooks, load_playbooks
from services.alert.signal import DANGER, HINT, MEASURING, OPERATIONS

LOG_CHANNEL: Final = log.Config(id="log", kind="log")
MAILTO: Final = "mailto:"
PERSON: Final = "person:"
CHANNEL: Final = "channel:"


def _contact(contact: str) -> str:
    if not contact.startswith(MAILTO):
        raise ValueError("no channel can reach this contact; expected mailto:name@example.org")
    email.mail_address(contact.removeprefix(MAILTO))
    return contact


Path_: TypeAlias = tuple[str | int, ...]
Finding: TypeAlias = tuple[Path_, str]


class Person(Strict):
    """Somebody who can be told. `language` None means the configuration's."""

    id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=100)]
    language: Language | None = None
    contacts: tuple[Annotated[str, AfterValidator(_contact)], ...] = ()


class Rule(Strict):
    """What opens an incident, beside the detectors that are always on.

    when: a query over classified mentions.
    level: 1 to 6 on the Shitstorm-Skala.
    playbook: the plan; left out, it follows from what the text speaks of.
    theme: signals of one watch and theme become one incident; left out, the playbook's id.
    notify: `person:anna`, `channel:crisis-room`; left out, everybody who can be reached.
    why: a sentence for people, shown instead of the query.
    budget: pages a week that it may cost; left out, that of `detection`.
    """

    id: Identifier
    when: QueryText
    level: Annotated[int, Field(ge=1, le=6)]
    playbook: Identifier | None = None
    theme: Identifier | None = None
    notify: tuple[str, ...] = ()
    why: Annotated[str | None, Field(max_length=500)] = None
    budget: Annotated[int | None, Field(ge=0)] = None

    @field_validator("id")
    @classmethod
    def _not_reserved(cls, identifier: str) -> str:
        if identifier == HINT:
            raise ValueError(f"the id {HINT!r} is taken: every hint raises a signal of its own")
        if identifier == OPERATIONS:
            raise ValueError(f"the id {OPERATIONS!r} is taken: who is told stands in operations")
        if identifier in MEASURING:
            raise ValueError(f"the id {identifier!r} is taken by a detector that is always on")
        return identifier


def _readable_levels(path: Path | None) -> Path | None:
    try:
        load_levels(path)
    except ConfigurationError as error:
        raise ValueError("; ".join(error.findings)) from error
    return path


class DetectionSettings(Strict):
    """levels: the company's own table of levels, instead of `services/alert/levels.yaml`.
    budget: pages a week that a rule or a detector may cost before it is called too loud. Nothing
    is held back for it: `GET /v1/rules` shows the count, and proposes a threshold."""

    levels: Annotated[Path | None, AfterValidator(_readable_levels)] = None
    budget: Annotated[int, Field(ge=0)] = 3


class PlaybookSettings(Strict):
    """folder: the company's own playbooks (*.yaml); one with a shipped id takes its place."""

    folder: Path | None = None

    @field_validator("folder")
    @classmethod
    def _readable(cls, folder: Path | None) -> Path | None:
        try:
            load_playbooks(folder)
        except ConfigurationError as error:
            raise ValueError("; ".join(error.findings)) from error
        return folder


def _mail_channel(channels: Iterable[Channel]) -> email.Config | None:
    return next((channel for channel in channels if isinstance(channel, email.Config)), None)


def _with_log(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """The configured channels, and the log unless one takes its name."""
    if any(channel.id == LOG_CHANNEL.id for channel in channels):
        return channels
    return (*channels, LOG_CHANNEL)


def _reachable(person: Person, info: ValidationInfo) -> Person:
    """The person, if something carries letters to their contacts."""
    channels = info.data.get("channels")
    if person.contacts and channels is not None and _mail_channel(channels) is None:
        why = "no channel sends e-mail; expected one with kind: email under channels"
        raise _dangling([(("contacts",), why)])
    return person


def _points_somewhere(rule: Rule, info: ValidationInfo) -> Rule:
    """The rule, if its playbook and everybody it notifies are there. What is itself wrong in the
    file is not asked, so that one mistake does not look like several."""
    findings: list[Finding] = []
    folder: PlaybookSettings | None = info.data.get("playbooks")
    if folder is not None and rule.playbook is not None:
        known = load_playbooks(folder.folder).ids
        if rule.playbook not in known:
            why = f"no playbook {rule.playbook!r}; expected one of {', '.join(known)}"
            findings.append((("playbook",), why))
    people, channels = info.data.get("people"), info.data.get("channels")
    if people is not None and channels is not None:
        findings += _unreachable(rule.notify, people, channels)
    if findings:
        raise _dangling(findings)
    return rule


def _unreachable(
    notify: Iterable[str], people: Iterable[Person], channels: tuple[Channel, ...]
) -> list[Finding]:
    """Those who cannot be told."""
    targets = [PERSON + person.id for person in people if person.contacts]
    targets += [CHANNEL + channel.id for channel in _with_log(channels) if channel.addresses]
    return [
        (
            ("notify", position),
            f"nobody can be told as {target!r}; expected one of {', '.join(targets)}",
        )
        for position, target in enumerate(notify)
        if target not in targets
    ]


def _dangling(findings: Iterable[Finding]) -> ValidationError:
    return ValidationError.from_exception_data(
        "AlertSettings",
        [
            InitErrorDetails(
                type=PydanticCustomError("reference", "{reason}", {"reason": reason}),
                loc=path,
                input=None,
            )
            for path, reason in findings
        ],
        hide_input=True,
    )


class AlertSettings(CommonSettings):
    """The sections of the alert service. A section is checked against those above it."""

    channels: tuple[Channel, ...] = ()
    people: tuple[Annotated[Person, AfterValidator(_reachable)], ...] = ()
    playbooks: PlaybookSettings = PlaybookSettings()
    rules: tuple[Annotated[Rule, AfterValidator(_points_somewhere)], ...] = ()
    detection: DetectionSettings = DetectionSettings()

    @field_validator("people")
    @classmethod
    def _unique_people(cls, people: tuple[Person, ...]) -> tuple[Person, ...]:
        return unique_ids(people)

    @field_validator("channels")
    @classmethod
    def _unique_channels(cls, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
        return unique_ids(channels)

    @field_validator("rules")
    @classmethod
    def _unique_rules(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return unique_ids(rules)

    @model_validator(mode="after")
    def _operations_can_be_told(self) -> Self:
        findings: list[Finding] = [
            (("operations", *path), why)
            for path, why in _unreachable(self.operations.notify, self.people, self.channels)
        ]
        findings += [
            (("watches", position, "id"), f"the id {OPERATIONS!r} is taken: it is our own sources'")
            for position, watch in enumerate(self.watches)
            if watch.id == OPERATIONS
        ]
        if findings:
            raise _dangling(findings)
        return self

    def budgets(self) -> dict[str, int]:
        """Pages a week per rule and detector."""
        own = self.detection.budget
        rules = {rule.id: own if rule.budget is None else rule.budget for rule in self.rules}
        return rules | {name: own for name in (DANGER, *sorted(MEASURING)) if name not in rules}

    def all_playbooks(self) -> Playbooks:
        return load_playbooks(self.playbooks.folder)

    def all_channels(self) -> tuple[Channel, ...]:
        """The configured channels, and the log unless one takes its name."""
        return _with_log(self.channels)

    def mail_channel(self) -> email.Config | None:
        """What carries letters to people: the first e-mail channel."""
        return _mail_channel(self.channels)
