"""Putting dead letters back on the topic they came from."""

from __future__ import annotations

from libs.common.bus import DEAD_SUFFIX, Bus, Message, Record, after
from libs.common.errors import ConfigurationError


async def replay(bus: Bus, topic: str) -> int:
    """Publishes every dead letter of `topic` to its original topic again; says how many.

    Ends when none is left. What was put back is committed, so that it is put back once; a crash
    in between may put some back twice, which every step can take.
    """
    if not topic.endswith(DEAD_SUFFIX):
        raise ConfigurationError([f"{topic}: expected a topic that ends in {DEAD_SUFFIX}"])
    count = 0
    async with bus.consumer("replay", [topic]) as consumer:
        while sum((await bus.lag("replay", [topic])).values()):
            records = await consumer.poll(500, 1.0)
            await bus.publish([_original(record) for record in records])
            await consumer.commit(after(records))
            count += len(records)
    return count


def _original(record: Record) -> Message:
    return Message(
        topic=record.topic.removesuffix(DEAD_SUFFIX),
        key=record.key,
        value=record.value,
        headers=tuple(h for h in record.headers if not h[0].startswith("dead_")),
    )
