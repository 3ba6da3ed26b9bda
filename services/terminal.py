"""What `brandmelder up` shows while it runs: mentions as they come, and every page that goes out.

Reads the log like any other client, from the moment of its start.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import re
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import click

from libs.common.bus import CLASSIFIED, INCIDENTS, Bus, Offsets, Record, after
from libs.common.errors import BusUnavailable, InvalidEvent
from libs.common.events import (
    URGENT,
    Acknowledged,
    ClassifiedMention,
    Event,
    IncidentOpened,
    Label,
    LevelChanged,
    PageDelivered,
    PageFailed,
    Resolved,
    from_record,
)
from libs.common.settings import Language
from services.alert.notify import is_quiet
from services.alert.playbook import Playbooks, clock_text

MOST_LINES: Final = 20
"""Mentions shown at once; a flood is summed up instead of scrolled past."""
AT_ONCE: Final = 200
LOOK_SECONDS: Final = 0.25

WAITING_LINES: Final = 1000
RETRY_SECONDS: Final = 1.0
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Signs that steer a terminal; a stranger's post must not."""

STEPS: Final = 3
"""Of the plan, shown with an incident; the rest waits on the page."""

_COLOURS: Final[dict[Label, str]] = {
    "complaint": "yellow",
    "question": "cyan",
    "praise": "green",
    "crisis_candidate": "red",
    "other": "bright_black",
}
_LABELS: Final[dict[Language, dict[Label, str]]] = {
    "de": {
        "complaint": "Beschwerde",
        "question": "Frage",
        "praise": "Lob",
        "crisis_candidate": "KRISE?",
        "other": "Sonstiges",
    },
    "en": {
        "complaint": "complaint",
        "question": "question",
        "praise": "praise",
        "crisis_candidate": "CRISIS?",
        "other": "other",
    },
}
_PHRASES: Final[dict[Language, dict[str, str]]] = {
    "de": {
        "look": "Hier nachsehen:  {link}",
        "log": "Protokoll:       {log}\nMit Strg-C beenden; der nächste Start macht hier weiter.",
        "now": "Was jetzt zu tun ist:",
        "more": "… und noch {count}",
        "opened": "Vorfall, Stufe {level}: {title}",
        "level": "Jetzt Stufe {level}: {title} ({why})",
        "delivered": "Alarm zugestellt an {channel}: {title}",
        "failed": "ALARM NICHT ZUSTELLBAR an {channel}: {why}",
        "acknowledged": "{by} kümmert sich: {title}",
        "resolved": "Erledigt durch {by}: {title}",
    },
    "en": {
        "look": "Look here:  {link}",
        "log": "Log file:   {log}\nCtrl-C ends it; the next start goes on from here.",
        "now": "What to do now:",
        "more": "… and {count} more",
        "opened": "Incident, level {level}: {title}",
        "level": "Now level {level}: {title} ({why})",
        "delivered": "Page delivered to {channel}: {title}",
        "failed": "PAGE COULD NOT BE DELIVERED to {channel}: {why}",
        "acknowledged": "{by} is on it: {title}",
        "resolved": "Resolved by {by}: {title}",
    },
}


@dataclass(slots=True)
class Terminal:
    """Writes lines for people. `run` is a service loop."""

    bus: Bus
    language: Language
    timezone: ZoneInfo
    playbooks: Playbooks
    write: Callable[[str], object]
    _titles: dict[str, str] = field(default_factory=dict)
    _welcome: str = ""

    def welcomes(self, link: str, log: str) -> None:
        """What to say first, once everything runs: where to look, and how to end."""
        look = click.style(self._phrase("look", link=link), bold=True)
        self._welcome = f"{look}\n{self._phrase('log', log=log)}\n"

    async def run(self, stop: asyncio.Event) -> None:
        """Shows what happens until `stop` is set; while the log is away, it waits for it."""
        self.write(self._welcome)
        async with asyncio.TaskGroup() as group:
            for follow in (self._follow_mentions, self._follow_incidents):
                group.create_task(_again_and_again(follow, stop))

    async def _follow_incidents(self, stop: asyncio.Event) -> None:
        async with self.bus.reader([INCIDENTS], "end") as reader:
            while not stop.is_set():
                for record in await reader.poll(AT_ONCE, LOOK_SECONDS):
                    self._write(self._incident(_event(record)))

    async def _follow_mentions(self, stop: asyncio.Event) -> None:
        async with self.bus.reader([CLASSIFIED], "end") as reader:
            place = await reader.end()
        while not stop.is_set():
            place = await self._shown_from(place, stop)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)

    async def _shown_from(self, begin: Offsets, stop: asyncio.Event) -> Offsets:
        """Shows mentions from there until they come faster than anybody reads. Then the rest is
        counted, not fetched: it would cost the services their time. Gives where to go on."""
        place = dict(begin)
        async with self.bus.reader([CLASSIFIED], begin) as reader:
            while not stop.is_set():
                records = await reader.poll(AT_ONCE, LOOK_SECONDS)
                place |= after(records)
                if len(records) < AT_ONCE:
                    self._show(records, len(records))
                    continue
                end = await reader.end()
                missed = sum(max(0, offset - place.get(each, 0)) for each, offset in end.items())
                self._show(records, len(records) + missed)
                return end
        return place

    def _show(self, mentions: Sequence[Record], count: int) -> None:
        """The first of them; count: how many there were in all."""
        for record in mentions[:MOST_LINES]:
            event = _event(record)
            if isinstance(event, ClassifiedMention) and not event.classification.reclassified:
                self._write(self._mention(event))
        if count > MOST_LINES:
            self._write(self._phrase("more", count=count - MOST_LINES))

    def _write(self, line: str | None) -> None:
        if line is not None:
            self.write(line)

    def _mention(self, mention: ClassifiedMention) -> str:
        verdict = mention.classification
        name = _LABELS[self.language][verdict.label]
        if verdict.uncertain:
            name = name.capitalize() if verdict.label == "crisis_candidate" else f"{name}?"
        tag = click.style(f"{name:<11}", fg=_COLOURS[verdict.label], dim=verdict.uncertain)
        words = " ".join(_CONTROLS.sub(" ", f"{mention.title or ''} {mention.text}").split())
        text = words if len(words) <= 90 else words[:89] + "…"
        return f"{self._time(mention.collected_at)}  {tag}  {mention.source:<14}  {text}"

    def _incident(self, event: Event | None) -> str | None:
        match event:
            case IncidentOpened(incident=incident, title=title, level=level):
                self._titles[incident] = title
                if is_quiet(event.rule, level):
                    return None
                alarm = self._alarm(event.at, "opened", level=level, title=title)
                return "\n".join((alarm, *self._plan(event.playbook)))
            case LevelChanged(incident=incident, level=level, why=why) if not is_quiet(
                event.rule, level
            ):
                return self._alarm(
                    event.at, "level", level=level, why=why, title=self._title(incident)
                )
            case PageDelivered(incident=incident, channel=channel, cause=cause) if cause in URGENT:
                return self._alarm(
                    event.at, "delivered", channel=channel, title=self._title(incident)
                )
            case PageFailed(channel=channel, why=why):
                return self._alarm(event.at, "failed", channel=channel, why=why)
            case Acknowledged(incident=incident, by=by):
                return self._calm(event.at, "acknowledged", by=by, title=self._title(incident))
            case Resolved(incident=incident, by=by):
                return self._calm(event.at, "resolved", by=by, title=self._title(incident))
            case _:
                return None

    def _plan(self, playbook: str) -> list[str]:
        """The first steps of what to do now, each with its clock and its owner."""
        indent = " " * 12
        lines = [indent + click.style(self._phrase("now"), bold=True)]
        for step in self.playbooks.get(playbook).steps[:STEPS]:
            clock, owner = clock_text(step.within), step.owner.in_language(self.language)
            lines.append(f"{indent}{clock:>4}  {step.text.in_language(self.language)} ({owner})")
        return lines

    def _title(self, incident: str) -> str:
        return self._titles.get(incident, incident)

    def _alarm(self, at: datetime, phrase: str, **values: object) -> str:
        return click.style(
            f"{self._time(at)}  ▲ {self._phrase(phrase, **values)}", fg="red", bold=True
        )

    def _calm(self, at: datetime, phrase: str, **values: object) -> str:
        return click.style(f"{self._time(at)}  ✓ {self._phrase(phrase, **values)}", fg="green")

    def _phrase(self, phrase: str, **values: object) -> str:
        return _PHRASES[self.language][phrase].format(**values)

    def _time(self, at: datetime) -> str:
        return at.astimezone(self.timezone).strftime("%H:%M:%S")


async def _again_and_again(
    follow: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event
) -> None:
    while not stop.is_set():
        try:
            await follow(stop)
        except BusUnavailable:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)


class Screen:
    """Writes to a terminal from a thread of its own. A terminal that is paused or gone must never
    stop an alarm: what does not fit is left out.

    waiting: lines that wait at most.
    """

    def __init__(
        self, write: Callable[[str], object] = click.echo, waiting: int = WAITING_LINES
    ) -> None:
        self._put = write
        self._lines: queue.Queue[str] = queue.Queue(waiting)
        threading.Thread(target=self._run, name="terminal", daemon=True).start()

    def write(self, line: str) -> None:
        """Returns at once."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def _run(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody is there any more
            while True:
                self._put(self._lines.get())


def _event(record: Record) -> Event | None:
    """The event; None for what cannot be read: the services park it and say so."""
    try:
        return from_record(record)
    except InvalidEvent:
        return None
