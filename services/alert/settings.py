"""What the alert service reads from the configuration: people, channels, rules, playbooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from libs.common.errors import ConfigurationError
from libs.common.query import QueryError, parse
from libs.common.settings import CommonSettings, Identifier, Language, Strict, unique_ids
from services.alert.notifiers import Channel, email, log
from services.alert.playbook import Playbooks, load_playbooks
from services.alert.signal import HINT

LOG_CHANNEL: Final = log.Config(id="log", kind="log")
MAILTO: Final = "mailto:"
PERSON: Final = "person:"
CHANNEL: Final = "channel:"


def _rule_query(text: str) -> str:
    try:
        parse(text)
    except QueryError as error:
        raise ValueError(f"not a query: {error}") from error
    return text


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
    """What opens an incident.

    when: a query over classified mentions.
    level: 1 to 6 on the Shitstorm-Skala.
    playbook: the plan; left out, it follows from what the text speaks of.
    theme: signals of one watch and theme become one incident; left out, the playbook's id.
    notify: `person:anna`, `channel:crisis-room`; left out, everybody who can be reached.
    why: a sentence for people, shown instead of the query.
    """

    id: Identifier
    when: Annotated[str, Field(min_length=1), AfterValidator(_rule_query)]
    level: Annotated[int, Field(ge=1, le=6)]
    playbook: Identifier | None = None
    theme: Identifier | None = None
    notify: tuple[str, ...] = ()
    why: Annotated[str | None, Field(max_length=500)] = None

    @field_validator("id")
    @classmethod
    def _not_reserved(cls, identifier: str) -> str:
        if identifier == HINT:
            raise ValueError(f"the id {HINT!r} is taken: every hint raises a signal of its own")
        return identifier


DEFAULT_RULES: Final = (
    Rule(
        id="danger",
        when="label:crisis_candidate severity>=0.7",
        level=3,
    ),
)
"""What watches when the configuration says nothing about rules: one grave mention is enough, also
on a quiet day. `rules: []` switches it off; hints from people always count."""


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


class AlertSettings(CommonSettings):
    """The sections of the alert service.

    public_url: where people reach Brandmelder; pages link there.
    """

    people: tuple[Person, ...] = ()
    channels: tuple[Channel, ...] = ()
    rules: tuple[Rule, ...] = DEFAULT_RULES
    playbooks: PlaybookSettings = PlaybookSettings()
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] = "http://127.0.0.1:8080"

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
    def _nothing_points_nowhere(self) -> AlertSettings:
        findings = [*self._unknown_playbooks(), *self._unknown_targets(), *self._unreachable()]
        if findings:
            raise ValidationError.from_exception_data(
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
        return self

    def all_playbooks(self) -> Playbooks:
        return load_playbooks(self.playbooks.folder)

    def all_channels(self) -> tuple[Channel, ...]:
        """The configured channels, and the log unless one takes its name."""
        if any(channel.id == LOG_CHANNEL.id for channel in self.channels):
            return self.channels
        return (*self.channels, LOG_CHANNEL)

    def mail_channel(self) -> email.Config | None:
        """What carries letters to people: the first e-mail channel."""
        return next((c for c in self.channels if isinstance(c, email.Config)), None)

    def _unknown_playbooks(self) -> Iterator[Finding]:
        known = self.all_playbooks().ids
        for index, rule in enumerate(self.rules):
            if rule.playbook is not None and rule.playbook not in known:
                yield (
                    ("rules", index, "playbook"),
                    f"no playbook {rule.playbook!r}; expected one of {', '.join(known)}",
                )

    def _unknown_targets(self) -> Iterator[Finding]:
        known = [PERSON + person.id for person in self.people if person.contacts]
        known += [CHANNEL + channel.id for channel in self.all_channels() if channel.addresses]
        for index, rule in enumerate(self.rules):
            for position, target in enumerate(rule.notify):
                if target not in known:
                    yield (
                        ("rules", index, "notify", position),
                        f"nobody can be told as {target!r}; expected one of {', '.join(known)}",
                    )

    def _unreachable(self) -> Iterator[Finding]:
        if self.mail_channel() is not None:
            return
        for index, person in enumerate(self.people):
            if person.contacts:
                yield (
                    ("people", index, "contacts"),
                    "no channel sends e-mail; expected one with kind: email under channels",
                )
