"""Builders for the tests of the query service."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from libs.common.events import (
    LABELS,
    Author,
    Classification,
    ClassifiedMention,
    Label,
    MentionDeleted,
    mention_id,
)
from services.query.correction import Correction, Mark

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def a_classification(label: Label = "complaint", severity: float = 0.4) -> Classification:
    scores: dict[Label, float] = dict.fromkeys(LABELS, 0.1) | {label: 0.9}
    return Classification(label=label, scores=scores, severity=severity, lang="de", model="test-1")


def a_mention(
    number: int = 1,
    text: str = "Die Bremse meiner Maschine versagt.",
    *,
    watch: str = "motorrad-ag",
    after: timedelta | None = None,
    collected: timedelta = timedelta(minutes=1),
    label: Label = "complaint",
    **fields: Any,
) -> ClassifiedMention:
    """A mention published `number` seconds after noon, unless `after` says when, and collected
    `collected` after that."""
    published = NOON + (timedelta(seconds=number) if after is None else after)
    defaults: dict[str, Any] = {
        "id": mention_id("discourse", str(number), watch),
        "watch": watch,
        "source": "bikeforum",
        "platform": "discourse",
        "native_id": str(number),
        "kind": "post",
        "url": f"https://forum.example/t/{number}",
        "text": text,
        "author": Author(key="a" * 32, handle="anna", followers=120),
        "published_at": published,
        "collected_at": published + collected,
        "classification": a_classification(label),
    }
    return ClassifiedMention(**(defaults | fields))


def a_deletion(mention: ClassifiedMention, after: timedelta = timedelta(hours=1)) -> MentionDeleted:
    """The source no longer shows the mention, `after` it was collected."""
    return MentionDeleted(
        id=mention.id,
        watch=mention.watch,
        source=mention.source,
        platform=mention.platform,
        native_id=mention.native_id,
        deleted_at=mention.collected_at + after,
    )


def a_correction(label: Label = "praise", **fields: Any) -> Correction:
    """What Anna said at noon."""
    defaults: dict[str, Any] = {
        "label": label,
        "severity": None,
        "theme": None,
        "cues": (),
        "note": None,
        "by": "Anna",
        "at": NOON,
    }
    return Correction(**(defaults | fields))


class NothingSaid:
    """No person has said anything about any mention."""

    async def marks(self, ids: Collection[str]) -> Mapping[str, Mark]:
        return {}

    async def shown(self, ids: Collection[str]) -> Mapping[str, bytes]:
        return {}


NOTHING_SAID: Final = NothingSaid()
