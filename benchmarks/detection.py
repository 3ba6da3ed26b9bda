"""Crisis detection for 500 watches: mentions a second, bytes of state, seconds until it is warm.

    make bench ARGS=detection                    a week of history, as the issue asks
    DETECTION_DAYS=1 make bench ARGS=detection   less of it, for a first look

The mentions are simulated (`sandbox/simulator`): watches of two mentions a day up to 120 an hour,
one in 25 of them with a storm. They come in the order of the log, all watches mixed, in
batches as the service takes them. Timed are the last of them, made beforehand.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

import msgspec

from benchmarks.table import table
from libs.common.bus import CLASSIFIED, Bus, streams
from libs.common.bus.open import open_bus
from libs.common.db import migrate, open_engine, reading
from libs.common.events import ClassifiedMention, to_message
from sandbox.simulator.settings import Settings
from sandbox.simulator.stream import WatchStream, merged
from sandbox.simulator.texts import read_library
from services.alert.coverage import Ledger
from services.alert.detection import Detection
from services.alert.detectors.campaign import Copy
from services.alert.service import NAME, detection_of
from services.alert.settings import AlertSettings
from services.alert.states import States, known_watches
from services.alert.warm_up import warm_up
from services.alert.watch import WatchState

WATCHES: Final = 500
STORMY: Final = 25
"""One watch in so many has a storm."""
TIMED: Final = 60_000
ROUNDS: Final = 3
BATCH: Final = 2_000
TARGET: Final = 30_000
MOST_BYTES: Final = 50_000
MOST_SECONDS: Final = 30
PARTITIONS: Final = 6

Saved: TypeAlias = Mapping[str, bytes]
"""States as the store has them, by watch."""


class Silent:
    """In the place of the campaign detector: nothing is a copy."""

    def fold(self, *_: object) -> Copy:
        return Copy(None, copied=False, finding=None)


def main() -> None:
    asyncio.run(_main(int(os.environ.get("DETECTION_DAYS", "7"))))


async def _main(days: int) -> None:
    detection = detection_of(AlertSettings.model_validate({"company": "Simulated", "rules": []}))
    with TemporaryDirectory() as folder:
        bus = await open_bus(f"sqlite:///{Path(folder) / 'log.db'}")
        try:
            await bus.create_topics(streams(PARTITIONS))
            states, timed, count = await _history(bus, detection, days)
            print(_speed_table(detection, states, timed, count))
            print(_bytes_table(states))
            print(await _restart_table(bus, detection, Path(folder), days))
        finally:
            await bus.close()


async def _history(
    bus: Bus, detection: Detection, days: int
) -> tuple[Saved, Sequence[ClassifiedMention], int]:
    """Writes all to the log and folds all but the last; gives the states, saved, those last, and
    how many mentions there are in all."""
    states: dict[str, WatchState] = {}
    last: deque[ClassifiedMention] = deque()
    count = 0
    mentions = _simulated(days)
    while batch := list(islice(mentions, BATCH)):
        await bus.publish([to_message(CLASSIFIED, m.watch, m, service="bench") for m in batch])
        count += len(batch)
        last += batch
        _fold(detection, states, (last.popleft() for _ in range(len(last) - TIMED)))
    return _saved(states), list(last), count


def _simulated(days: int) -> Iterator[ClassifiedMention]:
    library = read_library()
    kinds = [
        Settings(seed=5, days=days, watches=WATCHES, storms=int(stormy)) for stormy in (False, True)
    ]
    watches = [
        WatchStream(kinds[number % STORMY == 0], number, library) for number in range(WATCHES)
    ]
    for simulated in merged(watches):
        if isinstance(simulated.event, ClassifiedMention):
            yield simulated.event


def _fold(
    detection: Detection, states: dict[str, WatchState], mentions: Iterable[ClassifiedMention]
) -> int:
    """As the service does with a batch. How many signals they raised."""
    seen, signals, coming = Ledger(), 0, iter(mentions)
    while batch := sorted(islice(coming, BATCH), key=attrgetter("watch")):
        for mention in batch:
            state = states.get(mention.watch)
            if state is None:
                state = states[mention.watch] = WatchState()
            signals += len(detection.hear(state, mention, seen).signals)
    return signals


def _saved(states: Mapping[str, msgspec.Struct]) -> Saved:
    return {watch: msgspec.msgpack.encode(state) for watch, state in states.items()}


def _speed_table(
    detection: Detection, saved: Saved, timed: Sequence[ClassifiedMention], count: int
) -> str:
    rows: list[list[object]] = []
    for name, campaign in (("all but campaign", False), ("all", True)):
        rate = len(timed) / _seconds(detection, saved, timed, campaign=campaign)
        rows.append([name, rate, 1e6 / rate, rate / TARGET])
    return table(
        f"Detection.hear: the last {len(timed):,} of {count:,} mentions of {len(saved)} watches; "
        f"one core, median of {ROUNDS} rounds",
        ["detectors", "mentions/s", "µs a mention", f"of the {TARGET:,}/s wanted"],
        rows,
    )


def _seconds(
    detection: Detection, saved: Saved, timed: Sequence[ClassifiedMention], *, campaign: bool
) -> float:
    """Of processor time, the median round; each begins with the states as they were saved."""
    seconds = []
    for _ in range(ROUNDS):
        states = {
            watch: msgspec.msgpack.decode(body, type=WatchState) for watch, body in saved.items()
        }
        if not campaign:
            for state in states.values():
                silent: Any = Silent()
                state.campaign = silent
        gc.collect()
        gc.freeze()
        began = time.process_time()
        _fold(detection, states, timed)
        seconds.append(time.process_time() - began)
        gc.unfreeze()
    return median(seconds)


def _bytes_table(saved: Saved) -> str:
    """The whole state, and its parts from the largest on."""
    states = [msgspec.msgpack.decode(body, type=WatchState) for body in saved.values()]
    sizes = {
        name: [len(msgspec.msgpack.encode(getattr(state, name))) for state in states]
        for name in WatchState.__struct_fields__
    }
    parts = sorted(sizes, key=lambda name: -max(sizes[name]))
    rows = [
        [name, int(median(each)), max(each)]
        for name, each in [
            (f"all (wanted: ≤ {MOST_BYTES:,})", [len(body) for body in saved.values()]),
            *((name, sizes[name]) for name in parts if max(sizes[name]) > 100),
        ]
    ]
    return table(f"State of a watch, {len(saved)} watches", ["part", "median B", "max B"], rows)


async def _restart_table(bus: Bus, detection: Detection, folder: Path, days: int) -> str:
    """Wall time until the detectors know what they knew."""
    await _all_worked_off(bus)
    url = f"sqlite:///{folder / 'store.db'}"
    engine = open_engine(url)
    await migrate(engine, "services.alert")
    began = time.perf_counter()
    folded = await warm_up(bus, engine, detection, NAME)
    from_log = time.perf_counter() - began
    await engine.dispose()
    engine = open_engine(url)
    began = time.perf_counter()
    await warm_up(bus, engine, detection, NAME)
    async with reading(engine) as connection:
        held = await States(WatchState).hold(connection, await known_watches(connection))
    from_states = time.perf_counter() - began
    await engine.dispose()
    rows = [
        [f"the saved states of {len(held)} watches", from_states, MOST_SECONDS],
        [f"the log: {folded:,} mentions of {days} days", from_log, MOST_SECONDS],
    ]
    return table("Warm after a restart, from", ["what", "seconds", "wanted at most"], rows)


async def _all_worked_off(bus: Bus) -> None:
    """The service's group has committed everything."""
    async with bus.reader([CLASSIFIED]) as reader:
        ends = await reader.end()
    async with bus.consumer(NAME, [CLASSIFIED]) as consumer:
        await consumer.poll(1, 5.0)
        await consumer.commit(ends)


if __name__ == "__main__":
    main()
