"""A mention as a voice: whose it is, what it speaks of, how far it reaches, whether it is fresh."""

from __future__ import annotations

from hashlib import blake2b
from operator import itemgetter
from typing import Final

from libs.common.events import ClassifiedMention, Label
from libs.common.query.subject import reach
from services.alert.detector import LATE_SECONDS, Voice

CRITICAL: Final[frozenset[Label]] = frozenset({"complaint", "crisis_candidate"})


def voice_of(mention: ClassifiedMention, at: float, who: int, copied: bool, abusive: bool) -> Voice:
    """The mention as the detectors see it. at: as `news_at` says; who: `author_of` it, or the
    campaign it belongs to."""
    verdict = mention.classification
    label = verdict.label
    return Voice(
        mention=mention,
        at=at,
        who=who,
        label=label,
        critical=label in CRITICAL,
        severity=verdict.severity,
        themes=_themes(mention),
        reach=int(reach(mention) or 0),
        copied=copied,
        abusive=abusive,
    )


def news_at(mention: ClassifiedMention, collected: float, clock: float) -> float | None:
    """When it counts, in seconds since 1970: its publication, never after its collection. A hint
    is news when it is given, whatever its post is.

    None for what is no news any more: read from the past on purpose, or published a day before it
    was collected or before the watch's clock. collected: when it was; clock: the watch's latest
    collection, this one included.
    """
    if mention.backfill:
        return None
    if mention.kind == "hint":
        return collected
    published = mention.published_at.timestamp()
    if published < clock - LATE_SECONDS:
        return None
    return published if published < collected else collected


def author_of(mention: ClassifiedMention) -> int:
    """64 bits that are equal for equal authors. A mention without an author is a voice of its
    own: nobody knows that two of them are one."""
    author = mention.author
    key = mention.id if author is None else author.key
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")


def _themes(mention: ClassifiedMention) -> tuple[str, ...]:
    """What the reasons for the label speak of, or all of them if none speaks for it."""
    verdict = mention.classification
    reasons = verdict.reasons
    if len(reasons) < 2:
        return (reasons[0].cue,) if reasons else ()
    label, cues = verdict.label, dict[str, float]()
    for reason in reasons:
        if reason.label == label:
            cues[reason.cue] = cues.get(reason.cue, 0.0) + reason.weight
    if not cues:
        for reason in reasons:
            cues[reason.cue] = cues.get(reason.cue, 0.0) + reason.weight
    if len(cues) < 2:
        return tuple(cues)
    return tuple(cue for cue, _ in sorted(cues.items(), key=itemgetter(1), reverse=True))
