"""Processes that the contract suite kills with -9: `python -m tests.contract.crashing …`.

They print one line per step reached and go on until they are killed.
"""

from __future__ import annotations

import asyncio
import sys

from libs.common.bus import Bus, Message, Record, after
from libs.common.bus.open import open_bus


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def work(bus: Bus, group: str, source: str, sink: str, step: str) -> None:
    """Reads one batch, answers every record, commits; hangs after `step`."""
    async with bus.consumer(group, [source]) as consumer:
        records: list[Record] = []
        while not records:
            records = await consumer.poll(100, 0.5)
        say("polled")
        if step == "polled":
            await asyncio.Event().wait()
        await bus.publish([Message(sink, each.key, each.value) for each in records])
        say("published")
        if step == "published":
            await asyncio.Event().wait()
        await consumer.commit(after(records))
        say("committed")
        await asyncio.Event().wait()


async def count(bus: Bus, topic: str) -> None:
    """Publishes 0, 1, 2, … in batches of three; says the last number that is durable."""
    number = 0
    while True:
        batch = [Message(topic, "count", str(number + each).encode()) for each in range(3)]
        await bus.publish(batch)
        number += 3
        say(str(number - 1))


async def main(url: str, what: str, *arguments: str) -> None:
    bus = await open_bus(url)
    if what == "work":
        group, source, sink, step = arguments
        await work(bus, group, source, sink, step)
    else:
        (topic,) = arguments
        await count(bus, topic)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
