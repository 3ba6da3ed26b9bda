"""The table by which a story gets its level: `levels.yaml`, or a company's own, checked."""

from __future__ import annotations

import string
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, Field, FiniteFloat, field_validator, model_validator

from libs.common.settings import Duration, Language, Strict, load
from services.alert.playbook import Bilingual
from services.alert.storm import MOST_CHANNELS, MOST_PUBLISHERS, SPAN

SHIPPED: Final = Path(__file__).with_name("levels.yaml")
TOP: Final = 6

Criterion: TypeAlias = Literal[
    "voices",
    "sudden",
    "voices_day",
    "joining",
    "growth",
    "lasting",
    "channels",
    "repeats",
    "abuse",
    "press",
]
CRITERIA: Final[tuple[Criterion, ...]] = get_args(Criterion)
WINDOWS: Final[dict[Criterion, float]] = {"voices": 1.0, "sudden": 1 / 6, "voices_day": 24.0}
"""Hours over which these count voices: what is usual in an hour is scaled to them."""
SHARES: Final[frozenset[Criterion]] = frozenset({"joining", "repeats", "abuse"})
Tier: TypeAlias = Literal["first", "several", "many", "top"]
TIERS: Final[tuple[Tier, ...]] = get_args(Tier)


def _takes(*names: str) -> AfterValidator:
    """Refuses a text with a placeholder that nobody will fill in, or without one it has to have."""

    def check(text: str) -> str:
        found = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        if found != set(names):
            expected = ", ".join(f"{{{name}}}" for name in names) or "no placeholder"
            raise ValueError(f"expected {expected} in the text")
        return text

    return AfterValidator(check)


Positive: TypeAlias = Annotated[FiniteFloat, Field(ge=0)]
Share: TypeAlias = Annotated[FiniteFloat, Field(ge=0, le=1)]
Plain: TypeAlias = Annotated[str, _takes()]
Valued: TypeAlias = Annotated[str, _takes("value")]


class Bar(Strict):
    """How much of something a level asks for."""

    at_least: Positive

    @property
    def heights(self) -> tuple[float, ...]:
        """What must not sink from level to level."""
        return (self.at_least,)


class CountBar(Bar):
    """Of voices, in proportion to the watch's usual mentions and critical mentions."""

    times_usual: Positive = 0.0
    times_usual_critical: Positive = 0.0

    @property
    def heights(self) -> tuple[float, ...]:
        return (self.at_least, self.times_usual, self.times_usual_critical)


class ShareBar(Bar):
    at_least: Share


class JoiningBar(Bar):
    """In proportion to the usual share of criticism; never more than `at_most` because of that."""

    at_least: Share
    times_usual: Positive = 0.0
    at_most: Share = 0.5

    @property
    def heights(self) -> tuple[float, ...]:
        return (self.at_least, self.times_usual, self.at_most)


class PressBar(Strict):
    tier: Tier

    @property
    def heights(self) -> tuple[float, ...]:
        return (float(TIERS.index(self.tier)),)


AnyBar: TypeAlias = CountBar | JoiningBar | ShareBar | PressBar | Bar


class HoursBar(Bar):
    at_least: Annotated[FiniteFloat, Field(ge=0, le=SPAN)]


class ChannelsBar(Bar):
    at_least: Annotated[FiniteFloat, Field(ge=0, le=MOST_CHANNELS)]


class Bars(Strict):
    """What a level asks for, by criterion."""

    voices: CountBar | None = None
    sudden: CountBar | None = None
    voices_day: CountBar | None = None
    joining: JoiningBar | None = None
    growth: Bar | None = None
    lasting: HoursBar | None = None
    channels: ChannelsBar | None = None
    repeats: ShareBar | None = None
    abuse: ShareBar | None = None
    press: PressBar | None = None

    def asked(self) -> Iterator[tuple[Criterion, AnyBar]]:
        for criterion in CRITERIA:
            bar: AnyBar | None = getattr(self, criterion)
            if bar is not None:
                yield criterion, bar


class Some(Strict):
    """So many of these."""

    at_least: Annotated[int, Field(ge=1)]
    of: Bars

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        there = sum(1 for _ in self.of.asked())
        if self.at_least > there:
            raise ValueError(f"asks for {self.at_least} of {there} criteria")
        return self


class Rung(Strict):
    """One level. rests: so long it must not have held before the story falls below it."""

    level: Annotated[int, Field(ge=1, le=TOP)]
    why: Bilingual
    rests: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))]
    all_: Annotated[Bars, Field(alias="all")] = Bars()
    some: Some | None = None

    @model_validator(mode="after")
    def _asks_for_something_once(self) -> Self:
        names = [name for name, _ in self.asked()]
        if not names:
            raise ValueError("expected criteria under `all` or `some`")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} stands under `all` and `some`; expected it once")
        return self

    def asked(self) -> Iterator[tuple[Criterion, AnyBar]]:
        yield from self.all_.asked()
        if self.some is not None:
            yield from self.some.of.asked()


class Says(Strict):
    """The measured value as half a sentence; `one` where the language bends it for one."""

    one: Plain | None = None
    many: Valued


class SaysBoth(Strict):
    de: Says
    en: Says


class Meaning(Strict):
    """A criterion for people: its name, how its value is told, and why it counts."""

    name: Bilingual
    says: SaysBoth
    reason: Bilingual

    def says_in(self, language: Language) -> Says:
        return self.says.de if language == "de" else self.says.en


class Meanings(Strict):
    voices: Meaning
    sudden: Meaning
    voices_day: Meaning
    joining: Meaning
    growth: Meaning
    lasting: Meaning
    channels: Meaning
    repeats: Meaning
    abuse: Meaning
    press: Meaning

    def of(self, criterion: str) -> Meaning:
        meaning: Meaning = getattr(self, criterion)
        return meaning


class Words(Strict):
    """The sentences around the criteria, in one language."""

    decimal: Plain
    percent: Valued
    reached: Annotated[str, _takes("what", "level", "needed")]
    short: Annotated[str, _takes("what", "level", "needed")]
    rests: Plain
    almost: Annotated[str, _takes("level", "level_name", "missing")]
    almost_some: Annotated[str, _takes("level", "level_name", "missing")]
    further: Annotated[str, _takes("level", "level_name", "missing")]
    several: Annotated[str, _takes("count", "missing")]
    new: Plain
    now: Annotated[str, _takes("what", "value")]
    or_: Annotated[Plain, Field(alias="or")]
    also: Plain


class WordsBoth(Strict):
    de: Words
    en: Words


class Tiers(Strict):
    """From how many publishers on the press is at that tier."""

    first: Annotated[int, Field(ge=1)]
    several: int
    many: int
    top: Annotated[int, Field(le=MOST_PUBLISHERS)]

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not self.first < self.several < self.many < self.top:
            raise ValueError("expected first < several < many < top")
        return self

    def publishers(self, tier: Tier) -> int:
        count: int = getattr(self, tier)
        return count


class LevelTable(Strict):
    """All of `levels.yaml`."""

    fewest_voices: Annotated[int, Field(ge=3)]
    beyond_chance: Annotated[FiniteFloat, Field(ge=0, le=10)]
    tiers: Tiers
    criteria: Meanings
    levels: tuple[Rung, ...]
    words: WordsBoth

    @field_validator("levels")
    @classmethod
    def _rise(cls, levels: tuple[Rung, ...]) -> tuple[Rung, ...]:
        if [rung.level for rung in levels] != list(range(1, TOP + 1)):
            raise ValueError(f"expected the levels 1 to {TOP} in this order")
        before: dict[Criterion, tuple[float, ...]] = {}
        for rung in levels:
            for criterion, bar in rung.asked():
                heights = bar.heights
                lower = before.get(criterion, heights)
                if any(now < then for now, then in zip(heights, lower, strict=True)):
                    raise ValueError(
                        f"level {rung.level} asks for less {criterion!r} than a level below it"
                    )
                before[criterion] = heights
        return levels

    def words_in(self, language: Language) -> Words:
        return self.words.de if language == "de" else self.words.en


@cache
def load_levels(path: Path | None = None) -> LevelTable:
    """The shipped table, or the one in that file. Raises ConfigurationError with every finding,
    each with file, line and path."""
    return load(path or SHIPPED, LevelTable, {})
