"""What was said before the detectors remembered anything, from the log.

Needed once: when detectors are new to a service that has worked already, or when saved states can
no longer be read. Whoever was on call then was told then, so nothing of it pages.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Final

import structlog
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.bus import CLASSIFIED, Bus, Offsets, Reader, Record, TopicPartition
from libs.common.db import reading, writing
from libs.common.errors import BusUnavailable, InvalidEvent
from libs.common.events import ClassifiedMention, from_record
from services.alert.coverage import Ledger
from services.alert.detection import Detection
from services.alert.states import FORM, insert_all, known_watches
from services.alert.tables import watch_states
from services.alert.watch import WatchState

log = structlog.get_logger(__name__)

BATCH: Final = 2000
PATIENCE_SECONDS: Final = 30.0
"""A log that gives nothing for so long, although there is something, is not well."""


async def warm_up(bus: Bus, engine: AsyncEngine, detection: Detection, group: str) -> int:
    """Folds what `group` has worked off when no state is stored; how many mentions that was. Raises
    Retryable."""
    async with reading(engine) as connection:
        if await known_watches(connection):
            return 0
    async with bus.reader([CLASSIFIED]) as reader:
        # In this order: what comes in between counts as waiting, and is not swallowed.
        ends = await reader.end()
        lag = await bus.lag(group, [CLASSIFIED])
        done = {place: end - lag.get(place, end) for place, end in ends.items()}
        states, folded = await _fold(reader, done, detection)
    if not states:
        return 0
    try:
        async with writing(engine) as connection:
            await connection.execute(delete(watch_states).where(watch_states.c.form != FORM))
            await insert_all(connection, states)
    except IntegrityError:
        log.info("another copy of the service has warmed up", group=group)
        return 0
    log.info("warmed up", mentions=folded, watches=len(states))
    return folded


async def _fold(
    reader: Reader, done: Offsets, detection: Detection
) -> tuple[dict[str, WatchState], int]:
    states: dict[str, WatchState] = {}
    observed, folded = Ledger(), 0
    while not _reached(await reader.position(), done):
        records = await reader.poll(BATCH, PATIENCE_SECONDS)
        if not records and not _reached(await reader.position(), done):
            raise BusUnavailable(f"{CLASSIFIED} gave nothing for {PATIENCE_SECONDS:g} s")
        mentions = [mention for record in records if (mention := _mention(record, done))]
        for mention in sorted(mentions, key=attrgetter("watch")):
            state = states.setdefault(mention.watch, WatchState())
            detection.hear(state, mention, observed)
        folded += len(mentions)
    return states, folded


def _reached(position: Offsets, done: Offsets) -> bool:
    return all(position.get(place, 0) >= end for place, end in done.items())


def _mention(record: Record, done: Offsets) -> ClassifiedMention | None:
    """What the record carries, if the group has worked it off; what is parked elsewhere is not."""
    if record.offset >= done.get(TopicPartition(record.topic, record.partition), 0):
        return None
    try:
        event = from_record(record)
    except InvalidEvent:
        return None
    return event if isinstance(event, ClassifiedMention) else None
