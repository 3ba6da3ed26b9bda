"""From weighed evidence to the verdict: scores, label, severity, reasons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from libs.common.events import LABELS, Classification, Kind, Label, Rating, Reason
from services.classify.cues import Found
from services.classify.reading import Reading
from services.classify.severity import Circumstances, Theme, severity
from services.classify.weigh import Evidence, noisy_or

LABEL_FROM: Final = 0.45
COMPLAINT_FROM: Final = 0.35
"""Scores below these do not make a label. A complaint that nobody sees costs more than a look."""
CRISIS_FROM: Final = 0.5
REASONS: Final = 10
"""So many reasons are given at most, the weightiest first."""
OPENING: Final = 80
"""Words at full weight; what comes later weighs less: a long text says something of everything,
and what it is about stands at its beginning."""
NOTHING: Final[dict[Label, float]] = {label: float(label == "other") for label in LABELS}
THEME_AS_COMPLAINT: Final = 0.6
SECOND_THEME: Final = 0.5


def ratings(rating: Rating | None) -> list[Evidence]:
    """What the stars say: one or two of five complain, five praise."""
    if rating is None or not rating.best > 0 or not math.isfinite(rating.value / rating.best):
        return []
    share = rating.value / rating.best
    if share <= 0.2:
        return [_sign("low_rating", "complaint", 0.85)]
    if share <= 0.4:
        return [_sign("low_rating", "complaint", 0.75)]
    if share <= 0.6:
        return [_sign("middling_rating", "complaint", 0.35)]
    if share >= 0.9:
        return [_sign("high_rating", "praise", 0.8)]
    return [_sign("good_rating", "praise", 0.55)] if share >= 0.75 else []


def kinds(kind: Kind) -> list[Evidence]:
    """What the kind of a post says: a question asks, and who hands in a hint is worried."""
    if kind == "question":
        return [_sign("asked_as_question", "question", 0.7)]
    if kind == "hint":
        return [_sign("hint", "crisis_candidate", 0.35, severity=0.6)]
    return []


class Tally:
    """Evidence summed up: how sure it makes each label and each theme.

    noise: how sure the text is about something else. That and a late place lower what a cue is
    worth, a late place less so for themes: one sentence is enough for a danger.
    """

    __slots__ = ("_doubt", "_stars", "themes")

    def __init__(self, evidence: Iterable[Evidence], noise: float) -> None:
        self.themes: dict[str, Theme] = {}
        self._doubt: dict[Label, float] = {"complaint": 1.0, "question": 1.0, "praise": 1.0}
        self._stars: dict[Label, float] = {}
        for item in evidence:
            weight = item.weight * (1.0 - noise)
            if item.first > OPENING:
                weight *= (OPENING / item.first) ** (0.25 if item.severity else 0.5)
            if item.severity:
                known = self.themes.get(item.name) or Theme(0.0, 0.0)
                sure = 1.0 - (1.0 - known.sure) * (1.0 - weight)
                self.themes[item.name] = Theme(sure, max(known.severity, item.severity))
            elif item.first < 0 and item.name.endswith("rating"):
                self._stars[item.label] = item.weight
            elif item.label in self._doubt:
                self._doubt[item.label] *= 1.0 - weight

    def scores(self) -> dict[Label, float]:
        """How much speaks for each label, 0 to 1; `other` is what the best of them leaves."""
        complaint = 1.0 - self._doubt["complaint"]
        praise = 1.0 - self._doubt["praise"]
        if self._stars:
            # Stars outweigh what words seem to say: "super" beside one star is no praise.
            low, high = self._stars.get("complaint", 0.0), self._stars.get("praise", 0.0)
            complaint = noisy_or((complaint * (1.0 - 0.7 * high), low))
            praise = noisy_or((praise * (1.0 - 0.9 * low), high))
        question = 1.0 - self._doubt["question"]
        crisis = self._crisis()
        complaint = noisy_or((complaint, crisis * THEME_AS_COMPLAINT))
        return {
            "complaint": round(complaint, 3),
            "question": round(question, 3),
            "praise": round(praise, 3),
            "crisis_candidate": round(crisis, 3),
            "other": round(1.0 - max(complaint, question, praise, crisis), 3),
        }

    def _crisis(self) -> float:
        if not self.themes:
            return 0.0
        sure = [theme.sure for theme in self.themes.values()]
        strongest = max(sure)
        return strongest + SECOND_THEME * (noisy_or(sure) - strongest)


def label_of(scores: dict[Label, float]) -> Label:
    """The primary label. A danger goes first; a complaint before the question it is put as."""
    if scores["crisis_candidate"] >= CRISIS_FROM:
        return "crisis_candidate"
    complaint, question, praise = scores["complaint"], scores["question"], scores["praise"]
    if complaint >= COMPLAINT_FROM and complaint >= 0.8 * max(question, praise):
        return "complaint"
    if max(question, praise) < LABEL_FROM:
        return "other"
    return "question" if question >= praise else "praise"


def circumstances_of(found: Found, reading: Reading, followers: int | None) -> Circumstances:
    """How the text speaks: loudly, from experience, to how many."""
    modifiers = found.modifiers
    signs = len(modifiers.get("emphasis", ())) + 0.5 * len(modifiers.get("intensifier", ()))
    signs += 0.5 * _shouted(reading.tokens)
    directness = 0.5 * bool(modifiers.get("first_person", ())) + 0.5 * bool(
        modifiers.get("event", ())
    )
    return Circumstances(min(1.0, signs / 3.0), directness, followers)


def reasons_of(evidence: Sequence[Evidence], reading: Reading) -> tuple[Reason, ...]:
    weightiest = sorted(evidence, key=_weight, reverse=True)[:REASONS]
    starts = reading.starts(max(item.end for item in weightiest))
    return tuple(_reason(item, reading, starts) for item in weightiest)


class Examined(NamedTuple):
    """What the rules make of a text: a label with its scores and severity, and what that is made
    of. evidence: all that was weighed."""

    label: Label
    scores: dict[Label, float]
    severity: float
    themes: Mapping[str, Theme]
    circumstances: Circumstances
    evidence: Sequence[Evidence]
    reading: Reading

    def reasons(self) -> tuple[Reason, ...]:
        return reasons_of(self.evidence, self.reading) if self.evidence else ()

    def verdict(self, lang: str | None, model: str) -> Classification:
        return Classification(
            label=self.label,
            scores=self.scores,
            severity=self.severity,
            reasons=self.reasons(),
            lang=lang,
            model=model,
        )


def examined(
    evidence: Sequence[Evidence],
    noise: Sequence[Evidence],
    found: Found,
    reading: Reading,
    *,
    followers: int | None,
) -> Examined:
    circumstances = circumstances_of(found, reading, followers)
    if not evidence and not noise:
        return Examined("other", dict(NOTHING), 0.0, {}, circumstances, (), reading)
    tally = Tally(evidence, noisy_or(item.weight for item in noise))
    scores = tally.scores()
    label = label_of(scores)
    bad = round(severity(label, scores, tally.themes, circumstances), 3)
    every = [*noise, *evidence]
    return Examined(label, scores, bad, tally.themes, circumstances, every, reading)


def _shouted(tokens: Sequence[str]) -> int:
    """How many words stand in capitals, abbreviations of up to three letters left out."""
    if sum(map(str.isupper, tokens)) < 2:
        return 0
    return sum(len(token) > 3 and token.isupper() for token in tokens)


def reason_of(sign: Evidence) -> Reason:
    """Evidence that does not stand in the text, as a reason."""
    return Reason(
        cue=sign.name,
        field="rating" if sign.name.endswith("rating") else "kind",
        label=sign.label,
        weight=round(sign.weight, 3),
    )


def _sign(name: str, label: Label, weight: float, severity: float = 0.0) -> Evidence:
    """Evidence that does not stand in the text."""
    return Evidence(name, label, weight, severity, -1, -1)


def _reason(item: Evidence, reading: Reading, starts: Sequence[int]) -> Reason:
    weight = round(item.weight, 3)
    if item.first < 0:
        return reason_of(item)
    last = item.end - 1
    return Reason(
        cue=item.name,
        field="title" if item.first < reading.title_tokens else "text",
        start=starts[item.first],
        end=starts[last] + len(reading.tokens[last]),
        label=item.label,
        weight=weight,
    )


def _weight(item: Evidence) -> float:
    return item.weight
