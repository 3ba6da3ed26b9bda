"""What a detector is: a pure fold over the mentions of one watch.

Time is the events' own, so a replay gives the same findings, in whatever batches it comes. State
is a `msgspec.Struct` per watch: plain data, bounded, saved between batches and read back as it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from libs.common.events import ClassifiedMention, Label

DetectorName: TypeAlias = Literal[
    "burst", "tone", "danger", "big_voice", "spread", "campaign", "worry"
]
LATE_SECONDS: Final = 24 * 3600.0
"""What was published longer ago, by its reading or by the watch's clock, never pages as new."""


class Voice(msgspec.Struct, frozen=True, gc=False):
    """A mention as the detectors see it.

    at: when it counts, in seconds since 1970: its publication, never after its collection.
    who: whose voice it is: equal for one author, and for all copies of one campaign.
    critical: a complaint or a crisis candidate.
    themes: what the deciding reasons speak of, the heaviest first (`safety_defect`, `data_leak`).
    reach: how many may have seen it: followers or views, whichever the platform says more of; 0
        where it says nothing.
    copied: it repeats what somebody else has said.
    abusive: it insults or threatens.
    """

    mention: ClassifiedMention
    at: float
    who: int
    label: Label
    critical: bool
    severity: float
    themes: tuple[str, ...]
    reach: int
    copied: bool
    abusive: bool


class Finding(msgspec.Struct, frozen=True):
    """What a detector has noticed, at the mention that tipped it.

    surprise: how unlikely it was, as -log10 of the probability under what is usual; 0 where one
        mention is enough.
    numbers: the measured quantities by name; the sentences for people are made of them.
    """

    detector: DetectorName
    at: float
    surprise: float
    numbers: dict[str, float]


class Detector(Protocol):
    """The state of one detector for one watch."""

    def fold(self, voice: Voice) -> Finding | None:
        """Takes the mention in. The same mention is never folded twice, a late one never."""
        ...


class Blindness(Protocol):
    """Which sources were not observed when: unobserved is not zero."""

    def blind(self, at: float) -> frozenset[str]:
        """The sources of which nothing could be read at this time."""
        ...


def seconds(at: datetime) -> float:
    """Seconds since 1970 of an aware datetime."""
    return at.timestamp()
