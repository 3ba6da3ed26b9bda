"""A signal: one mention that somebody has to know about, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from libs.common.events import ClassifiedMention, Measured

HINT: Final = "hint"
"""Name of the rule by which every hint from a person raises a signal."""

OPERATIONS: Final = "operations"
"""Watch and rule of reports about Brandmelder's own sources; no watch and no rule of the
configuration is called so."""

DANGER: Final = "danger"
"""The detector for which one mention is enough. A rule of that name takes its place."""

LEVEL: Final = "level"
"""Stands for a rule where the level was measured over many mentions."""

BEFORE: Final = "before"
"""The name, among a measured level's numbers, of the level before."""

MEASURING: Final = frozenset({LEVEL, "burst", "tone", "big_voice", "spread", "campaign"})
"""What looks at many mentions; no rule of the configuration is called so."""


class SignalKey(NamedTuple):
    """What makes two signals the same: the same rule spoke about the same mention."""

    rule: str
    mention: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """That a source is ill: how, and when that was told."""

    health: str
    told_at: datetime


@dataclass(frozen=True, slots=True)
class Signal:
    """One mention, and the strongest rule that it matched.

    theme: what it is about; signals of one watch and theme belong to one incident.
    level: 0 to 6 on the Shitstorm-Skala (Graf & Schwede 2012), as far as this mention alone says.
    title: the incident's headline, should this signal open one.
    why: the named reason, for example `rule danger: label:crisis_candidate severity>=0.7`.
    report: what is the matter with a source, when it is that and no post.
    cluster: of which text it is a copy, when it is about that.
    numbers: what a detector measured, by name; measures: the criteria of the level, where that was
    measured.
    """

    rule: str
    level: int
    theme: str
    playbook: str
    title: str
    why: str
    mention: ClassifiedMention
    report: Report | None = None
    cluster: str | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    measures: tuple[Measured, ...] = ()

    @property
    def watch(self) -> str:
        return self.mention.watch

    @property
    def key(self) -> SignalKey:
        # One mention may change the level of several stories.
        rule = f"{LEVEL}:{self.theme}" if self.rule == LEVEL else self.rule
        return SignalKey(rule, self.mention.id)

    @property
    def incident(self) -> str:
        """The id of the incident this signal would open: the same however often it is seen."""
        parts = (self.watch, self.theme, self.rule, self.mention.id)
        return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()
