"""A signal: one mention that somebody has to know about, and why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from libs.common.events import ClassifiedMention

HINT: Final = "hint"
"""Name of the rule by which every hint from a person raises a signal."""

OPERATIONS: Final = "operations"
"""Watch and rule of reports about Brandmelder's own sources; no watch and no rule of the
configuration is called so."""


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
    """

    rule: str
    level: int
    theme: str
    playbook: str
    title: str
    why: str
    mention: ClassifiedMention
    report: Report | None = None

    @property
    def watch(self) -> str:
        return self.mention.watch

    @property
    def key(self) -> SignalKey:
        return SignalKey(self.rule, self.mention.id)

    @property
    def incident(self) -> str:
        """The id of the incident this signal would open: the same however often it is seen."""
        parts = (self.watch, self.theme, self.rule, self.mention.id)
        return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()
