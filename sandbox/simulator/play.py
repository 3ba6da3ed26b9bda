"""Plays simulated events as if they happened from now on: the engine of drills."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from libs.common.clock import Clock
from libs.common.events import Mention
from sandbox.simulator.writing import Event, Simulated


async def play(
    events: Iterable[Simulated],
    speed: float,
    publish: Callable[[Event], Awaitable[None]],
    *,
    clock: Clock,
    wait: Callable[[float], Awaitable[None]],
) -> int:
    """Publishes each event when its time has come; gives their number.

    The first comes at once. speed: seconds of the story in a second of the clock, above 0. wait:
    waits so many seconds of the clock. The times in the events are moved: an event is collected
    when it is published, and was published as long before as in the story.
    """
    if speed <= 0:
        raise ValueError("expected a speed above 0")
    played, first, began = 0, 0.0, clock()
    for simulated in events:
        if not played:
            first = simulated.at
        due = began + timedelta(seconds=(simulated.at - first) / speed)
        ahead = (due - clock()).total_seconds()
        if ahead > 0:
            await wait(ahead)
        await publish(moved(simulated.event, due - datetime.fromtimestamp(simulated.at, UTC)))
        played += 1
    return played


def moved(event: Event, by: timedelta) -> Event:
    """The event with all its times so much later."""
    if isinstance(event, Mention):
        published, collected = event.published_at + by, event.collected_at + by
        return replace(event, published_at=published, collected_at=collected)
    return replace(event, at=event.at + by, since=event.since + by)
