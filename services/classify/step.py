"""The step between the streams: mentions in, the same mentions with their verdicts out."""

from __future__ import annotations

from collections.abc import Sequence

from libs.common import metrics
from libs.common.bus import CLASSIFIED, Message
from libs.common.errors import InvalidEvent
from libs.common.events import Event, Mention, MentionDeleted, to_message
from libs.common.worker import Step
from services.classify.tagging import NAME, Tagger


def classify_step(tagger: Tagger) -> Step:
    """Tags each mention and keys it by its watch; passes deletions on, keyed the same, so that a
    deletion never overtakes its mention. Raises InvalidEvent for any other event."""

    async def step(events: Sequence[Event]) -> Sequence[Message]:
        deleted = {n: _passed_on(e) for n, e in enumerate(events) if not isinstance(e, Mention)}
        tagged = await tagger.tag([event for event in events if isinstance(event, Mention)])
        for label, count in tagged.labels.items():
            metrics.CLASSIFIED.labels(label).inc(count)
        if not deleted:
            return tagged.messages
        remaining = iter(tagged.messages)
        return [deleted.get(n) or next(remaining) for n in range(len(events))]

    return step


def _passed_on(event: Event) -> Message:
    if not isinstance(event, MentionDeleted):
        raise InvalidEvent(f"{type(event).__name__} does not belong on the raw stream")
    return to_message(CLASSIFIED, event.watch, event, service=NAME)
