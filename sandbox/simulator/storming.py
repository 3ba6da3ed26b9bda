"""What is said in storms, and by whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from libs.common.events import Author
from sandbox.simulator.channels import BLOGS, NEWS, PRINT, suited
from sandbox.simulator.drawing import Confusion, Draw, draws, within
from sandbox.simulator.people import Crowd
from sandbox.simulator.plan import (
    MINUTES,
    STORM,
    StormPlan,
    WatchPlan,
)
from sandbox.simulator.rhythm import times
from sandbox.simulator.storm import (
    ARTICLES,
    BYSTANDERS,
    INSULTS,
    OPEN_CHANNELS,
    PRINT_FROM,
    REPEATS,
    REPOSTS,
)
from sandbox.simulator.texts import (
    COMPLAINT,
    CRISIS,
    OTHER,
    QUESTION,
    SHORT,
    Language,
    Library,
    Line,
    Walk,
    phrases,
)
from sandbox.simulator.writing import Saying, Scribe, Simulated

VOICE, REPEAT, REPOST, BYSTANDER, ARTICLE = range(5)
CRISES: Final = (0.0, 0.6, 0.6, 0.55, 0.5, 0.45, 0.4)
"""The share of the critics whose text speaks of the danger itself; the others complain."""
STRANGERS: Final = 0.9
"""The share of the voices whom the watch has not heard before."""
_SCATTER: Final = 20.0


class StormVoices:
    """What one storm says. Its people, its texts and its threads run on from day to day."""

    def __init__(
        self,
        plan: WatchPlan,
        storm: StormPlan,
        at: int,
        library: Library,
        scribe: Scribe,
        crowds: Sequence[Crowd],
    ) -> None:
        self._plan = plan
        self._storm = storm
        self._at = at
        self._scribe = scribe
        self._crowds = crowds
        self._confusion = Confusion(plan.settings)
        choice = plan.chance(STORM, at)
        truth = storm.script.truth
        self._german = 0.9 if choice.random() < plan.settings.german else 0.1
        self._words = _Words(library, plan.truth.industry, truth.theme, truth.name, choice)
        name = f"{truth.id}/people"
        self._people = Crowd(name, 10**6, plan.settings.seed, (5.3, 1.9))
        self._press = Crowd(f"{name}/press", 10**3, plan.settings.seed, (10.5, 1.3))
        self._spoken = self._written = 0
        self._texts: list[tuple[Line, str]] = []
        self._roots: dict[int, list[str]] = {}
        self._reported = False
        self.members = 0

    def say(self, day: int, begin: float) -> Iterator[Simulated]:
        """The storm's mentions on a day that begins at this second."""
        truth = self._storm.script.truth
        if not within(day, truth.begin, truth.end):
            return
        choice = self._plan.chance(STORM, self._at, day)
        at, roles = self._moments(day, choice)
        minutes = (at / 60.0).astype(np.int64) + day * MINUTES - truth.begin
        levels = self._storm.script.levels[minutes]
        highest = self._storm.script.highest[minutes]
        true = _true_labels(roles, levels, choice)
        more = choice.random((len(at), 3)).tolist()
        drawn = draws(at, true, self._confusion, choice)
        rows = zip(drawn, roles.tolist(), levels.tolist(), highest.tolist(), more, strict=True)
        for draw, role, level, reached, (tag, insult, reply) in rows:
            at_, _, found, bucket, _, _, _, late = draw
            saying = self._saying(draw, role, level, reached, tag, insult, reply)
            simulated = self._scribe.write(begin + at_, found, bucket, late, saying, truth.id)
            if simulated is None:
                continue
            self.members += 1
            if saying.root is None and role == VOICE:
                self._roots.setdefault(saying.channel, []).append(str(simulated.serial))
            yield simulated

    def _moments(
        self, day: int, choice: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """When something is said on a day, in seconds since its begin, and in which role."""
        script = self._storm.script
        first = max(0, script.truth.begin - day * MINUTES)
        offset = day * MINUTES - script.truth.begin
        there = slice(max(0, offset), min(len(script.voices), offset + MINUTES))
        voices, levels = script.voices[there], script.levels[there]
        voices = (
            voices * choice.gamma(_SCATTER, size=len(voices) // 20 + 1).repeat(20)[: len(voices)]
        )
        voices /= _SCATTER
        rates = (
            voices,
            voices * np.array(REPEATS)[levels],
            voices * np.array(REPOSTS)[levels],
            voices * np.array(BYSTANDERS)[levels],
            np.array(ARTICLES)[levels],
        )
        parts = [times(rate, choice, 60.0) for rate in rates]
        reported = np.flatnonzero(levels >= 3)
        if len(reported) and not self._reported:
            self._reported = True
            soon = min(60.0 * (int(reported[0]) + choice.uniform(1, 10)), 60.0 * len(voices) - 1)
            parts[ARTICLE] = np.append(parts[ARTICLE], soon)
        at = np.concatenate(parts)
        roles = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        order = np.argsort(at, kind="stable")
        return at[order] + first * 60.0, roles[order]

    def _saying(
        self,
        draw: Draw,
        role: int,
        level: int,
        reached: int,
        tag: float,
        insult: float,
        reply: float,
    ) -> Saying:
        _, true, _, _, german, who, where, _ = draw
        lang: Language = "de" if german < self._german else "en"
        if role == ARTICLE:
            line, text = self._words.article(lang)
            channel = (NEWS, BLOGS, NEWS)[int(where * 3)]
            if level >= PRINT_FROM and reply < 0.25:
                channel = PRINT
            return Saying(line, text, "article", channel, self._press.at(who))
        channel = self._channel(reached, where)
        if role == REPOST and self._texts:
            line, text = self._texts[int(tag * len(self._texts))]
            return Saying(line, text, "repost", channel, self._stranger())
        line, text = self._words.said(lang, true, tag)
        if true in (COMPLAINT, CRISIS):
            if insult < INSULTS[level]:
                text = f"{text} {_pick(phrases().insults[lang], insult / INSULTS[level])}"
            self._remember(line, text)
        roots = self._roots.get(channel)
        root = roots[int(reply * 2.5 * len(roots))] if roots and reply < 0.4 else None
        kind = suited("reply" if root else line.kind, channel)
        return Saying(line, text, kind, channel, self._who(role, channel, who), root)

    def _channel(self, reached: int, where: float) -> int:
        open_ = OPEN_CHANNELS[reached]
        return self._storm.channels[int(open_ * where**1.5)]

    def _who(self, role: int, channel: int, who: float) -> Author:
        if role == REPEAT and self._spoken:
            return self._people.number(int(who * self._spoken))
        if who > STRANGERS:
            return self._crowds[channel].at((who - STRANGERS) / (1 - STRANGERS))
        return self._stranger()

    def _stranger(self) -> Author:
        self._spoken += 1
        return self._people.number(self._spoken - 1)

    def _remember(self, line: Line, text: str) -> None:
        """Of what was said lately, something may be passed on."""
        if len(self._texts) < 30:
            self._texts.append((line, text))
        else:
            self._written += 1
            self._texts[self._written % 30] = (line, text)


class _Words:
    """The texts of one storm: those of its theme first; and what all of them have in common, the
    name of the thing and its hashtag."""

    def __init__(
        self, library: Library, industry: str, theme: str, name: str, choice: np.random.Generator
    ) -> None:
        self._name = name
        of_theme = phrases().themes[theme]
        stem = name.split()[0]
        self._tags: dict[Language, str] = {}
        self._themed: dict[Language, Walk] = {}
        self._short: dict[Language, Walk] = {}
        self._reported: dict[Language, Walk] = {}
        self._others: dict[tuple[Language, int], Walk] = {}
        for lang in _LANGUAGES:
            words = of_theme[lang]
            word = words[int(choice.integers(len(words)))]
            self._tags[lang] = stem + word[0].upper() + word[1:]
            lines = library.themed(lang, theme, industry)
            short = [line for line in lines if len(line.text) <= SHORT]
            news = [line for line in lines if line.kind == "article"]
            self._themed[lang] = Walk(lines, choice)
            self._short[lang] = Walk(short or lines, choice)
            self._reported[lang] = Walk(news or lines, choice)
            for label in (COMPLAINT, QUESTION, OTHER):
                least = _ENOUGH if label == COMPLAINT else 400
                of_label = library.about(lang, label, industry, least)
                self._others[lang, label] = Walk(of_label, choice)

    def said(self, lang: Language, label: int, tag: float) -> tuple[Line, str]:
        """A text with this label. tag: how it shows what it is about, from 0 to 1."""
        if label != CRISIS:
            line, text = self._others[lang, label].next()
        elif not self._themed[lang].rounds:
            line, text = self._themed[lang].next()
        else:
            line, _ = self._short[lang].next()
            text = f"{line.text} {self._others[lang, COMPLAINT].next()[1]}"
        if tag > _NAMED:
            return line, text
        about = _pick(phrases().about[lang], tag / _NAMED)
        return line, f"{text} {about.format(name=self._name, tag=self._tags[lang])}"

    def article(self, lang: Language) -> tuple[Line, str]:
        line, text = self._reported[lang].next()
        return line, f"{text} ({self._name})"


_LANGUAGES: Final[tuple[Language, ...]] = ("de", "en")
_ENOUGH: Final = 4_000
_NAMED: Final = 0.88
"""The share of the texts that say what they are about."""


def _true_labels(
    roles: NDArray[np.int64], levels: NDArray[np.int64], choice: np.random.Generator
) -> NDArray[np.int64]:
    shares = choice.random(len(roles))
    critical = np.where(shares < np.array(CRISES)[levels], CRISIS, COMPLAINT)
    neutral = np.where(shares < 0.4, QUESTION, OTHER)
    return np.select([roles == BYSTANDER, roles == ARTICLE], [neutral, CRISIS], critical)


def _pick(of: Sequence[str], share: float) -> str:
    return of[min(int(share * len(of)), len(of) - 1)]
