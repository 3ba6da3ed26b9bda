"""The step from the stream of classified mentions into the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from libs.common import metrics
from libs.common.bus import Message
from libs.common.errors import InvalidEvent
from libs.common.events import ClassifiedMention, Event, LabelCorrected, MentionDeleted
from services.query.rows import StoredEvent
from services.query.store import MentionStore

GROUP: Final = "query"


class Project:
    """A worker's step: every mention and deletion of the batch is in the store on return."""

    def __init__(self, store: MentionStore) -> None:
        self._store = store

    async def __call__(self, events: Sequence[Event]) -> Sequence[Message]:
        # A correction is in the store before it is told; the stream tells only that there is one.
        news = [event for event in events if not isinstance(event, LabelCorrected)]
        written = await self._store.write([_stored(event) for event in news])
        for what, count in written.items():
            metrics.MENTIONS_WRITTEN.labels(what).inc(count)
        return ()


def _stored(event: Event) -> StoredEvent:
    if not isinstance(event, ClassifiedMention | MentionDeleted):
        raise InvalidEvent(f"{type(event).__name__} does not belong on this topic")
    return event
