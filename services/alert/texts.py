"""The words of pages and timelines, one YAML file per language in `texts/`, checked when read."""

from __future__ import annotations

import string
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from libs.common.settings import Language, Strict, load
from services.alert.page import Words

FOLDER: Final = Path(__file__).parent / "texts"


class _Takes:
    """Refuses a text with a placeholder that nobody will fill in."""

    def __init__(self, *names: str) -> None:
        self._names = frozenset(names)

    def __call__(self, text: str) -> str:
        for _, name, _, _ in string.Formatter().parse(text):
            if name is not None and name not in self._names:
                known = ", ".join(f"{{{known}}}" for known in sorted(self._names))
                raise ValueError(f"unknown placeholder {{{name}}}; expected {known or 'none'}")
        return text


Plain: TypeAlias = Annotated[str, AfterValidator(_Takes())]
Graded: TypeAlias = Annotated[str, AfterValidator(_Takes("level", "level_name", "level_meaning"))]
By: TypeAlias = Annotated[str, AfterValidator(_Takes("by"))]
To: TypeAlias = Annotated[str, AfterValidator(_Takes("to"))]
At: TypeAlias = Annotated[str, AfterValidator(_Takes("at"))]
Source: TypeAlias = Annotated[str, AfterValidator(_Takes("source"))]
ILL: Final = (
    "auth_failed",
    "blocked",
    "rate_limited",
    "over_budget",
    "silent",
    "failing",
    "gone",
)
"""The healths of a source that operations are told of."""


class Leads(Strict):
    """The first sentence, by the page's cause."""

    opened: Graded
    worsened: Graded
    hint: Graded
    acknowledged: By
    resolved: By


class Headings(Strict):
    about: Plain
    quote: Plain
    hint: Plain
    steps: Plain
    dont: Plain
    resolution: Plain


class Voices(Strict):
    one: Plain
    one_voice: Annotated[str, AfterValidator(_Takes("mentions"))]
    many: Annotated[str, AfterValidator(_Takes("mentions", "voices"))]


class Labels(Strict):
    complaint: Plain
    question: Plain
    praise: Plain
    crisis_candidate: Plain
    other: Plain


class SourceWords(Strict):
    """What is the matter with a source, by its health, and its recovery."""

    auth_failed: Source
    blocked: Source
    rate_limited: Source
    over_budget: Source
    silent: Source
    failing: Source
    gone: Source
    missing: Plain
    reason: Annotated[str, AfterValidator(_Takes("reason"))]
    again: Annotated[str, AfterValidator(_Takes("source", "at"))]
    removed: Source

    def matter(self, health: str, source: str) -> str:
        """What is the matter, as a sentence without its full stop. A health that only a newer
        version knows is failing."""
        words: str = getattr(self, health) if health in ILL else self.failing
        return words.format(source=source)


class Level(Strict):
    """A level of the Shitstorm-Skala: its name and what it means, as a half sentence."""

    name: Plain
    meaning: Plain


class Timeline(Strict):
    """One line per kind of event."""

    opened: Graded
    signal_joined: Plain
    signals_joined: Annotated[str, AfterValidator(_Takes("count"))]
    hint_joined: Plain
    source_joined: Annotated[str, AfterValidator(_Takes("why"))]
    level_changed: Graded
    acknowledged: By
    assigned: Annotated[str, AfterValidator(_Takes("by", "to"))]
    noted: Annotated[str, AfterValidator(_Takes("by", "text"))]
    step_done: Annotated[str, AfterValidator(_Takes("by", "step"))]
    paged: To
    page_delivered: To
    page_failed: Annotated[str, AfterValidator(_Takes("to", "why"))]
    noise: Annotated[str, AfterValidator(_Takes("by", "why"))]
    useful: Annotated[str, AfterValidator(_Takes("by", "why"))]
    resolved: By


class Texts(Strict):
    """All words of one language."""

    subject: Annotated[str, AfterValidator(_Takes("watch", "title"))]
    lead: Leads
    taken_by_nobody: Plain
    taken_by: Annotated[str, AfterValidator(_Takes("by", "at"))]
    assigned_to: To
    headings: Headings
    since: At
    where: Annotated[str, AfterValidator(_Takes("places"))]
    where_api: Plain
    voices: Voices
    reach: Annotated[str, AfterValidator(_Takes("followers"))]
    quoted: Annotated[str, AfterValidator(_Takes("text"))]
    said: Annotated[str, AfterValidator(_Takes("source", "at"))]
    said_by_hint: At
    judged: Annotated[str, AfterValidator(_Takes("label", "severity"))]
    because: Annotated[str, AfterValidator(_Takes("words"))]
    deleted: Plain
    edited: At
    source: SourceWords
    step: Annotated[str, AfterValidator(_Takes("text", "owner", "at"))]
    link: Plain
    link_news: Plain
    labels: Labels
    levels: Annotated[tuple[Level, ...], Field(min_length=7, max_length=7)]
    time: Annotated[str, AfterValidator(_Takes("weekday", "day", "month", "clock"))]
    clock: Annotated[str, AfterValidator(_Takes("hour", "minute"))]
    thousands: Plain
    weekdays: Annotated[tuple[Plain, ...], Field(min_length=7, max_length=7)]
    months: Annotated[tuple[Plain, ...], Field(min_length=12, max_length=12)]
    timeline: Timeline

    def label(self, label: str) -> str:
        name: str = getattr(self.labels, label)
        return name

    def clock_at(self, at: datetime, zone: ZoneInfo) -> str:
        """The time of day there."""
        local = at.astimezone(zone)
        return self.clock.format(hour=f"{local:%H}", minute=f"{local:%M}")

    def time_at(self, at: datetime, zone: ZoneInfo) -> str:
        """Day and time there."""
        local = at.astimezone(zone)
        return self.time.format(
            weekday=self.weekdays[local.weekday()],
            day=local.day,
            month=self.months[local.month - 1],
            clock=self.clock_at(at, zone),
        )

    def number(self, count: int) -> str:
        """With the language's mark between thousands."""
        return f"{count:,}".replace(",", self.thousands)


@cache
def texts(language: Language) -> Texts:
    """The words of that language. Raises ConfigurationError when the file was edited wrongly."""
    return load(FOLDER / f"{language}.yaml", Texts, {})


def level_name(level: int) -> Words:
    """The level's name on the Shitstorm-Skala."""
    return Words(de=texts("de").levels[level].name, en=texts("en").levels[level].name)
