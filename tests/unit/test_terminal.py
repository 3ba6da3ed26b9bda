"""What `brandmelder up` shows."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pytest

from libs.common.bus import CLASSIFIED, INCIDENTS, Bus, Message, streams
from libs.common.bus.open import open_bus
from libs.common.events import (
    Classification,
    ClassifiedMention,
    Event,
    IncidentOpened,
    PageDelivered,
    to_message,
)
from services.alert.playbook import load_playbooks
from services.terminal import AT_ONCE, MOST_LINES, Screen, Terminal

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def a_mention(text: str, *, uncertain: bool = False) -> ClassifiedMention:
    return ClassifiedMention(
        id=text,
        watch="brand",
        source="forum",
        platform="forum",
        native_id=text,
        kind="post",
        text=text,
        published_at=NOW,
        collected_at=NOW,
        classification=Classification(
            label="crisis_candidate",
            scores={},
            severity=0.9,
            model="test",
            uncertain=uncertain,
        ),
    )


OPENED = IncidentOpened(
    incident="i1",
    at=NOW,
    watch="brand",
    theme="product-safety",
    title="Motorrad AG: Produkt gefährdet Menschen",
    level=3,
    playbook="product-safety",
    rule="danger",
    mention="m",
    why="rule danger",
)
DELIVERED = PageDelivered(incident="i1", at=NOW, channel="crisis-room", page="p", attempts=1)
TAKEN = PageDelivered(
    incident="i1", at=NOW, channel="crisis-room", page="q", attempts=1, cause="acknowledged"
)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    bus = await open_bus(f"sqlite:///{tmp_path / 'log.db'}")
    await bus.create_topics(streams(1))
    yield bus
    await bus.close()


def a_message(event: Event) -> Message:
    topic = CLASSIFIED if isinstance(event, ClassifiedMention) else INCIDENTS
    return to_message(topic, "k", event, service="test")


async def shown(bus: Bus, events: list[Event], until: Callable[[list[str]], bool]) -> list[str]:
    """The lines for these events, which happen while the terminal is on."""
    lines: list[str] = []
    berlin = ZoneInfo("Europe/Berlin")
    terminal = Terminal(
        bus, "de", berlin, load_playbooks(), lambda line: lines.append(click.unstyle(line))
    )
    terminal.welcomes("http://here", "a.log")
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(terminal.run(stop))
        async with asyncio.timeout(10):
            while not lines:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)  # the reader begins at the end of the log, right after
            await bus.publish([a_message(event) for event in events])
            while not until(lines):
                await asyncio.sleep(0.01)
        stop.set()
    return lines


async def test_an_incident_is_shown_with_the_plan_and_its_page(bus: Bus) -> None:
    lines = await shown(
        bus, [OPENED, DELIVERED, TAKEN], lambda lines: any("zugestellt" in x for x in lines)
    )
    welcome, incident, delivered = lines
    assert welcome.startswith("Hier nachsehen:  http://here\n")
    first, now, step, *_ = incident.splitlines()
    assert first == "03:00:00  ▲ Vorfall, Stufe 3: Motorrad AG: Produkt gefährdet Menschen"
    assert now.strip() == "Was jetzt zu tun ist:"
    assert step.strip().startswith("10m  Ist jemand verletzt")
    assert delivered == (
        "03:00:00  ▲ Alarm zugestellt an crisis-room: Motorrad AG: Produkt gefährdet Menschen"
    )


async def test_a_label_in_doubt_is_said_more_quietly(bus: Bus) -> None:
    mentions: list[Event] = [a_mention("Bremse versagt"), a_mention("Es brennt?", uncertain=True)]
    _, sure, unsure = await shown(bus, mentions, lambda lines: len(lines) == 3)
    assert sure == "03:00:00  KRISE?       forum           Bremse versagt"
    assert unsure == "03:00:00  Krise?       forum           Es brennt?"


async def test_a_flood_is_counted_and_not_scrolled_past(bus: Bus) -> None:
    flood: list[Event] = [a_mention(f"Bremse {number}") for number in range(AT_ONCE * 3)]
    _, *mentions, rest = await shown(bus, flood, lambda lines: "noch" in lines[-1])
    assert [line.rpartition("  ")[2] for line in mentions] == [
        f"Bremse {number}" for number in range(MOST_LINES)
    ]
    assert rest == f"… und noch {AT_ONCE * 3 - MOST_LINES}"


async def test_a_strangers_post_cannot_steer_the_terminal(bus: Bus) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J Bremse\u202e \x9b2J"
    _, line = await shown(bus, [a_mention(evil)], lambda lines: len(lines) == 2)
    assert "Bremse" in line
    assert not any(
        ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0 or sign == "\u202e" for sign in line
    )


def test_a_paused_terminal_holds_up_nobody() -> None:
    entered, resumed, last = threading.Event(), threading.Event(), threading.Event()
    seen: list[str] = []

    def paused(line: str) -> None:
        entered.set()
        resumed.wait(10)
        seen.append(line)
        if len(seen) == 2:
            last.set()

    screen = Screen(paused, waiting=1)
    screen.write("under way")
    assert entered.wait(10)
    for number in range(100):
        screen.write(str(number))
    resumed.set()
    assert last.wait(10)
    assert seen == ["under way", "0"], "one waited, the rest was left out"
