"""Danger: one mention is enough, also on a quiet day, as long as such mentions are rare.

A classifier errs now and then, and where thousands speak it errs every week: whoever is woken for
each of its errors stops getting up. So a danger is weighed against how often this watch sees one of
its theme: alone, it is told where that is rare; where it is not, when several people speak of it
within a day, or when it is as severe and as certain as errors hardly ever are.

The thresholds are measured. Of 1,248 gold texts that are no crisis, the classifier takes 12 for one
of severity 0.7 or more, 2 of them with a probability of 0.8 or more, and none with 0.85 for both;
of 235 grave crises 106, 87 and 12.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from libs.common.events import ClassifiedMention
from services.alert.detector import Finding, Voice

GRAVE: Final = 0.7
"""Enough for any theme: what the classifier's rules guard."""
HURTING: Final = 0.55
"""Enough where people are hurt, if the classifier would bet on it: those themes start from 0.85,
so that this is a doubt of one half about something that cannot wait."""
HURTS: Final = frozenset({"injury", "fire", "contamination", "safety_defect"})
SURE: Final = 0.8
"""A probability below it is a doubt: one such mention is not told alone."""
SEVERE: Final = 0.85
"""As severe, and surely so, errors are hardly ever."""
WORSE: Final = 0.1
"""More severe than what was told of the theme by so much is told again: as a defect (0.88) that
has thousands of readers, or a rumour (0.6) that becomes a report."""
SURPRISES: Final = 2.0
"""-log10 of the probability of somebody who speaks of the theme on a day: one day in a hundred."""
SURPRISES_SEVERAL: Final = 3.0
"""The same for as many different voices on a day, where one is not surprising enough."""
SEVERE_ERRORS: Final = 0.05
"""Of the errors, those that are severe and sure."""
QUIET: Final = 6 * 3600.0
"""Seconds without the theme after which it is new again; until then the story carries it."""
LONGEST_QUIET: Final = 24 * 3600.0
"""A theme that never pauses is told again after a day."""
DAY: Final = 24 * 3600.0
HALF_LIFE_DAYS: Final = 90.0
PRIOR_DAYS: Final = 60.0
PRIOR_A_DAY: Final = 1 / 300
ERRORS: Final = 1e-4
"""What is thought of a theme before it is known, as if so many days had been seen: one true danger
in 300 days, and the classifier's errors, of each theme one in 10,000 mentions."""
MOST_A_DAY: Final = 1.0
"""A day teaches no more of a theme: a crisis is no habit."""
NO_CROWD: Final = 20
"""Voices on a day that are none, however few there usually are."""
MOST_THEMES: Final = 16
MOST_VOICES: Final = 4
UNNAMED: Final = ""
"""Stands for the theme of a verdict without reasons."""


class Theme(msgspec.Struct):
    """What is known of a theme; times in seconds since 1970.

    usual: candidates of the past, faded. day: the present one, and counted: its candidates so far.
    voices: whose words the last day's are, with their times, the newest last. told: when it was
    told, 0 if never; worst: the severity then. heard: the last candidate.
    """

    day: int
    usual: float = 0.0
    counted: int = 0
    voices: dict[int, float] = {}
    told: float = 0.0
    worst: float = 0.0
    heard: float = 0.0


class Danger(msgspec.Struct):
    """The themes heard of. begun: the time of the watch's first voice; heard: voices so far; day:
    the present one, and today: voices on it."""

    themes: dict[str, Theme] = {}
    begun: float = 0.0
    heard: int = 0
    day: int = 0
    today: int = 0

    def fold(self, voice: Voice) -> Finding | None:
        """Only who looks for the first time at a mention, or at an edit that made it grave, may
        fold it."""
        if not self.begun:
            self.begun = voice.at
        self._count(int(voice.at // DAY))
        if not is_candidate(voice):
            return None
        theme = self._theme(voice)
        severe = is_sure(voice) and voice.severity >= SEVERE
        rate = self._rate(theme, voice.at) * (SEVERE_ERRORS if severe else 1.0)
        surprise = surprise_at(len(theme.voices), rate)
        paused = voice.at - theme.heard >= QUIET or voice.at - theme.told >= LONGEST_QUIET
        theme.heard = max(theme.heard, voice.at)
        needed = SURPRISES if severe else _needed_surprise(voice, len(theme.voices))
        if surprise < needed:
            return None
        if not paused and theme.told and voice.severity < theme.worst + WORSE:
            return None
        theme.told, theme.worst = max(theme.told, voice.at), voice.severity
        return Finding(
            detector="danger",
            at=voice.at,
            surprise=surprise,
            numbers={
                "severity": voice.severity,
                "needed": _needed(voice),
                "voices": float(len(theme.voices)),
            },
        )

    def _rate(self, theme: Theme, at: float) -> float:
        """How often the theme is to be expected on a day like this: with a crowd come errors."""
        days = max(1.0, (at - self.begun) / DAY)
        prior = PRIOR_A_DAY + ERRORS * self.heard / days
        known = HALF_LIFE_DAYS / math.log(2.0) * (1.0 - math.exp2(-days / HALF_LIFE_DAYS))
        crowd = max(1.0, (self.today - NO_CROWD) * days / self.heard)
        return crowd * (theme.usual + prior * PRIOR_DAYS) / (known + PRIOR_DAYS)

    def _count(self, day: int) -> None:
        self.heard += 1
        if day > self.day:
            self.day, self.today = day, 0
        self.today += day == self.day

    def _theme(self, voice: Voice) -> Theme:
        """The voice's theme, the voice counted in it."""
        name = voice.themes[0] if voice.themes else UNNAMED
        theme = self.themes.get(name)
        if theme is None:
            if len(self.themes) >= MOST_THEMES:
                del self.themes[min(self.themes, key=lambda each: self.themes[each].heard)]
            theme = self.themes[name] = Theme(int(voice.at // DAY))
        _pass(theme, int(voice.at // DAY))
        theme.counted += 1
        theme.voices = {who: at for who, at in theme.voices.items() if at > voice.at - DAY}
        theme.voices.pop(voice.who, None)
        if len(theme.voices) == MOST_VOICES:
            del theme.voices[next(iter(theme.voices))]
        theme.voices[voice.who] = voice.at
        return theme


def is_candidate(voice: Voice) -> bool:
    """Whether it would be grave if it is true, and is nobody else's text."""
    if voice.label != "crisis_candidate" or voice.copied or voice.severity < HURTING:
        return False
    return voice.severity >= _needed(voice)


def may_be_grave(mention: ClassifiedMention) -> bool:
    """Whether it is worth asking for a danger, without a closer look."""
    verdict = mention.classification
    return verdict.label == "crisis_candidate" and verdict.severity >= HURTING


def is_sure(voice: Voice) -> bool:
    """Whether the classifier would bet much on it; one that gives no probability would."""
    verdict = voice.mention.classification
    return not verdict.uncertain and verdict.scores.get("crisis_candidate", 1.0) >= SURE


def surprise_at(voices: int, rate: float) -> float:
    """-log10 of the probability of at least as many different voices on a day, when there are
    `rate` on average: the tail of a Poisson distribution."""
    term = below = math.exp(-rate)
    for count in range(1, voices):
        term *= rate / count
        below += term
    return -math.log10(max(1e-12, 1.0 - below))


def _pass(theme: Theme, day: int) -> None:
    """Days that are over become part of what is usual."""
    if day <= theme.day:
        return
    theme.usual = (theme.usual + min(theme.counted, MOST_A_DAY)) * 0.5 ** (
        (day - theme.day) / HALF_LIFE_DAYS
    )
    theme.day, theme.counted = day, 0


def _needed_surprise(voice: Voice, voices: int) -> float:
    if voices < 2:
        return SURPRISES if is_sure(voice) else math.inf
    return SURPRISES_SEVERAL


def _needed(voice: Voice) -> float:
    if voice.mention.classification.uncertain or HURTS.isdisjoint(voice.themes):
        return GRAVE
    return HURTING
