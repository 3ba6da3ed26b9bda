"""A mention as a voice: whose it is, what it speaks of, how far it reaches, whether it is fresh."""

from __future__ import annotations

import hashlib
from operator import itemgetter
from typing import Final

from libs.common.events import ClassifiedMention, Label
from libs.common.query.subject import reach
from services.alert.detector import LATE_SECONDS, Voice, seconds

CRITICAL: Final[frozenset[Label]] = frozenset({"complaint", "crisis_candidate"})


def voice_of(mention: ClassifiedMention, who: int, copied: bool, abusive: bool) -> Voice:
    """The mention as the detectors see it; who: `author_of` it, or the campaign it belongs to."""
    verdict = mention.classification
    return Voice(
        mention=mention,
        at=counts_at(mention),
        who=who,
        label=verdict.label,
        critical=verdict.label in CRITICAL,
        severity=verdict.severity,
        themes=_themes(mention),
        reach=int(reach(mention) or 0),
        copied=copied,
        abusive=abusive,
    )


def counts_at(mention: ClassifiedMention) -> float:
    """When it counts, in seconds since 1970; a hint is news when it is given."""
    if mention.kind == "hint":
        return seconds(mention.collected_at)
    return min(seconds(mention.published_at), seconds(mention.collected_at))


def author_of(mention: ClassifiedMention) -> int:
    """64 bits that are equal for equal authors. A mention without an author is a voice of its
    own: nobody knows that two of them are one."""
    author = mention.author
    key = mention.id if author is None else author.key
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")


def is_late(mention: ClassifiedMention, clock: float) -> bool:
    """Whether it is no news any more: read from the past on purpose, or published a day before it
    was collected or before the watch's clock, the latest collection so far, in seconds since
    1970. A hint is news when it is given, whatever its post is."""
    if mention.backfill:
        return True
    if mention.kind == "hint":
        return False
    latest = max(clock, seconds(mention.collected_at))
    return seconds(mention.published_at) < latest - LATE_SECONDS


def _themes(mention: ClassifiedMention) -> tuple[str, ...]:
    """What the reasons for the label speak of, or all of them if none speaks for it."""
    verdict = mention.classification
    if len(verdict.reasons) < 2:
        return tuple(reason.cue for reason in verdict.reasons)
    label, cues = verdict.label, dict[str, float]()
    for reason in verdict.reasons:
        if reason.label == label:
            cues[reason.cue] = cues.get(reason.cue, 0.0) + reason.weight
    if not cues:
        for reason in verdict.reasons:
            cues[reason.cue] = cues.get(reason.cue, 0.0) + reason.weight
    if len(cues) < 2:
        return tuple(cues)
    return tuple(cue for cue, _ in sorted(cues.items(), key=itemgetter(1), reverse=True))
