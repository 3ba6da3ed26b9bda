"""The step between the streams: mentions in, the same mentions with their verdicts out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from libs.common import metrics
from libs.common.bus import CLASSIFIED, Message
from libs.common.errors import InvalidEvent
from libs.common.events import (
    Classification,
    ClassifiedMention,
    Event,
    Mention,
    MentionDeleted,
    to_message,
)
from libs.common.worker import Step
from services.classify.classifier import Classifier

CHUNK: Final = 100
"""So many mentions are tagged before others of the process get their turn: a few milliseconds."""


def classify_step(classifier: Classifier, *, service: str = "classify") -> Step:
    """Tags each mention and keys it by its watch; passes deletions on, keyed the same, so that a
    deletion never overtakes its mention. Raises InvalidEvent for any other event."""

    async def step(events: Sequence[Event]) -> Sequence[Message]:
        messages: list[Message] = []
        for begin in range(0, len(events), CHUNK):
            messages += _tagged(events[begin : begin + CHUNK], classifier, service)
            await asyncio.sleep(0)
        return messages

    return step


def classified(mention: Mention, classification: Classification) -> ClassifiedMention:
    """The mention with this verdict, in place of one it may have."""
    if isinstance(mention, ClassifiedMention):
        return msgspec.structs.replace(mention, classification=classification)
    return ClassifiedMention(**msgspec.structs.asdict(mention), classification=classification)


def _tagged(events: Sequence[Event], classifier: Classifier, service: str) -> Iterator[Message]:
    mentions = [event for event in events if isinstance(event, Mention)]
    verdicts = classifier.classify(mentions)
    for label, count in Counter(verdict.label for verdict in verdicts).items():
        metrics.CLASSIFIED.labels(label).inc(count)
    remaining = iter(verdicts)
    for event in events:
        if isinstance(event, Mention):
            tagged = classified(event, next(remaining))
            yield to_message(CLASSIFIED, event.watch, tagged, service=service)
        elif isinstance(event, MentionDeleted):
            yield to_message(CLASSIFIED, event.watch, event, service=service)
        else:
            raise InvalidEvent(f"{type(event).__name__} does not belong on the raw stream")
