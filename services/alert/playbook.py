"""Playbooks: what to do now, written by people who know, one YAML file each.

The files in `playbooks/` are shipped; a folder named in the configuration adds more, and one with
the id of a shipped playbook takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import Field, field_validator

from libs.common.errors import ConfigurationError
from libs.common.events import Kind, Mention
from libs.common.settings import Duration, Identifier, Language, Strict, load, unique_ids

GENERAL: Final = "general"
HINT: Final = "hint"
SOURCE_DOWN: Final = "source-down"
CAMPAIGN: Final = "campaign"
SHIPPED: Final = Path(__file__).parent / "playbooks"

Line: TypeAlias = Annotated[str, Field(min_length=1)]


class Bilingual(Strict):
    """A text in both languages."""

    de: Line
    en: Line

    def in_language(self, language: Language) -> str:
        return self.de if language == "de" else self.en


class Step(Strict):
    """One thing to do, who does it, and how long after the incident's begin it is due."""

    id: Identifier
    text: Bilingual
    owner: Bilingual
    within: Duration


class Playbook(Strict):
    """What to do, what not to do, and first words to say.

    cues: names of the classifier's reasons that point to this playbook.
    holding_statement: a draft; a person fills the brackets and a second one reads it.
    """

    id: Identifier
    title: Bilingual
    cues: tuple[str, ...] = ()
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    do: tuple[Bilingual, ...] = ()
    dont: tuple[Bilingual, ...] = ()
    holding_statement: Bilingual

    @field_validator("steps")
    @classmethod
    def _unique_steps(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return unique_ids(steps)

    @property
    def checklist(self) -> tuple[str, ...]:
        return tuple(step.id for step in self.steps)


class Playbooks:
    """All playbooks by id; the shipped ones are always among them."""

    def __init__(self, playbooks: Mapping[str, Playbook]) -> None:
        self._playbooks = dict(playbooks)
        self._by_cue = {
            cue: playbook.id for playbook in playbooks.values() for cue in playbook.cues
        }

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(sorted(self._playbooks))

    def get(self, playbook: str) -> Playbook:
        """The playbook of that id; the general one if it has left the configuration since."""
        return self._playbooks.get(playbook) or self._playbooks[GENERAL]

    def for_cues(self, cues: Iterable[str], kind: Kind) -> Playbook:
        """The playbook of the first cue that has one; of hints and of anything else without."""
        found = next((self._by_cue[cue] for cue in cues if cue in self._by_cue), None)
        return self._playbooks[found or (HINT if kind == "hint" else GENERAL)]

    def about(self, mention: Mention, cues: Mapping[str, float]) -> Playbook:
        """The playbook for what the text speaks of: that of its heaviest cue that has one."""
        return self.for_cues(sorted(cues, key=lambda name: (-cues[name], name)), mention.kind)


@cache
def load_playbooks(folder: Path | None = None) -> Playbooks:
    """The shipped playbooks and those of `folder`. Raises ConfigurationError with every finding."""
    if folder is not None and not folder.is_dir():
        raise ConfigurationError([f"{folder}: expected a folder with playbooks (*.yaml)"])
    found: dict[str, Playbook] = {}
    findings: list[str] = []
    for place in (SHIPPED, folder):
        for path in sorted(place.glob("*.yaml")) if place else ():
            try:
                playbook = load(path, Playbook, {})
            except ConfigurationError as error:
                findings += error.findings
            else:
                found[playbook.id] = playbook
    if findings:
        raise ConfigurationError(findings)
    return Playbooks(found)


def clock_text(within: timedelta) -> str:
    """A clock as people write it: `10m`, `4h`, `2d`."""
    seconds = int(within.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
