"""Voices, and storms made of them, with defaults."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from msgspec.structs import replace

from libs.common.events import ClassifiedMention, Kind
from services.alert.detector import Voice
from services.alert.level import Grade, Levels, Usual
from services.alert.level_table import load_levels
from services.alert.storm import Audience, Storm
from tests.unit.alert.builders import a_mention

NOON = 1_795_348_800.0
"""2026-11-22, 12:00 in UTC, a full hour."""
LEVELS = Levels(load_levels())
QUIET = Usual(per_hour=2.0, critical_share=0.1, critical_per_hour=0.2)


@cache
def _mention(platform: str, kind: Kind, url: str | None) -> ClassifiedMention:
    return replace(a_mention(kind=kind), platform=platform, url=url)


def a_voice(
    who: int = 1,
    *,
    at: float = NOON,
    minute: float = 0.0,
    platform: str = "forum",
    kind: Kind = "post",
    url: str | None = "https://forum.example/1",
    critical: bool = True,
    copied: bool = False,
    abusive: bool = False,
) -> Voice:
    """minute: after `at`."""
    return Voice(
        mention=_mention(platform, kind, url),
        at=at + 60 * minute,
        who=who,
        label="complaint" if critical else "other",
        critical=critical,
        severity=0.5,
        themes=(),
        reach=0,
        copied=copied,
        abusive=abusive,
    )


def an_article(publisher: int = 1, *, minute: float = 0.0, critical: bool = True) -> Voice:
    return a_voice(
        10_000 + publisher,
        minute=minute,
        kind="article",
        platform="feed",
        url=f"https://www.zeitung{publisher}.example/motorrad",
        critical=critical,
    )


def a_storm(voices: Iterable[Voice]) -> Storm:
    storm = Storm()
    for voice in voices:
        storm.fold(voice)
    return storm


class Weather:
    """A watch with one story, judged as the service does. `changes` are the levels as they came,
    with their minute after noon."""

    def __init__(self, usual: Usual = QUIET, levels: Levels = LEVELS) -> None:
        self.storm = Storm()
        self.audience = Audience()
        self.usual = usual
        self.changes: list[tuple[float, int]] = []
        self._levels = levels

    def fold(self, voice: Voice) -> Grade | None:
        self.audience.heard(voice.at)
        self.storm.fold(voice)
        return self._judged(voice.at)

    def other(self, minute: float) -> Grade | None:
        """A mention of the watch that does not belong to the story."""
        self.audience.heard(NOON + 60 * minute)
        return self._judged(NOON + 60 * minute)

    def passes(self, begin: int, end: int) -> None:
        """Nothing is said in the story, only something else now and then."""
        for minute in range(begin, end, 5):
            self.other(minute)

    def grade(self) -> Grade:
        return self._levels.grade(self.storm, self.audience, self.usual, 60.0 * self.storm.now)

    @property
    def level(self) -> int:
        return self.storm.level

    @property
    def highest(self) -> int:
        return max((level for _, level in self.changes), default=0)

    def _judged(self, at: float) -> Grade | None:
        grade = self._levels.judge(self.storm, self.audience, self.usual, at)
        if grade is not None:
            self.changes.append(((at - NOON) / 60, grade.level))
        return grade
