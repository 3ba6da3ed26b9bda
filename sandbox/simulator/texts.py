"""The texts of the corpus, and the verdict a classifier gives on each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np
from ruamel.yaml import YAML

from libs.common.errors import ConfigurationError
from libs.common.events import LABELS, Classification, Kind, Label, Rating, Reason

Language: TypeAlias = Literal["de", "en"]
CORPUS: Final = Path(__file__).resolve().parents[2] / "training" / "corpus"
"""The corpus of a checkout; an installed package does not have it."""
MODEL: Final = "simulated-1"
SHORT: Final = 60
COMPLAINT, QUESTION, PRAISE, CRISIS, OTHER = range(5)
BUCKETS: Final = 4

_CUES: Final = MappingProxyType(
    {
        "environment": "environmental_damage",
        "legal": "legal_action",
        "boycott": "boycott_call",
        "press": "press_enquiry",
    }
)
"""Themes of the corpus that the classifier's cues call by another name."""
_RIGHT: Final = ((0.45, True), (0.72, False), (0.88, False), (0.98, False))
_WRONG: Final = ((0.24, True), (0.42, True), (0.52, False), (0.83, False))
"""The label's score, and whether the classifier would not bet on it: the quarters of what our
classifier gives on the gold sets where it is right and where it is wrong."""
_TRUE_DANGER: Final = (-0.08, -0.02, 0.03, 0.08)
_FALSE_DANGER: Final = (0.52, 0.59, 0.65, 0.72)
_MILDER: Final = (0.2, 0.25, 0.3, 0.35)


class _Sample(msgspec.Struct, frozen=True):
    text: str
    lang: Language
    label: Label
    severity: float
    kind: Kind
    industry: str
    cues: tuple[str, ...] = ()
    theme: str | None = None
    rating: int | None = None
    hard: tuple[str, ...] = ()


class Line:
    """One text of the corpus, with its verdicts as they are first asked for."""

    __slots__ = ("_sample", "_verdicts", "cue", "kind", "label", "lang", "rating", "text")

    def __init__(self, sample: _Sample) -> None:
        self._sample = sample
        self._verdicts: dict[int, Classification] = {}
        self.text = sample.text
        self.lang: Language = sample.lang
        self.kind: Kind = sample.kind
        self.label = LABELS.index(sample.label)
        self.cue = None if sample.theme is None else _CUES.get(sample.theme, sample.theme)
        self.rating = (
            None if sample.rating is None else Rating(value=float(sample.rating), best=5.0)
        )

    @property
    def severity(self) -> float:
        return self._sample.severity

    def verdict(self, found: int, bucket: int) -> Classification:
        """The classifier's verdict, if it takes the text for LABELS[found]; bucket: how sure it
        is, from 0 to BUCKETS - 1."""
        key = found * BUCKETS + bucket
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._verdicts[key] = self._verdict(found, bucket)
        return verdict

    def _verdict(self, found: int, bucket: int) -> Classification:
        right = found == self.label
        label = LABELS[found]
        return Classification(
            label=label,
            scores=_scores(found, self.label, bucket),
            severity=self._severity(found, bucket),
            reasons=self._reasons(label, right=right),
            lang=self.lang,
            model=MODEL,
            uncertain=(_RIGHT if right else _WRONG)[bucket][1],
        )

    def _severity(self, found: int, bucket: int) -> float:
        if found == CRISIS:
            if self.label != CRISIS:
                return _FALSE_DANGER[bucket]
            return round(min(1.0, max(0.5, self.severity + _TRUE_DANGER[bucket])), 3)
        if found == COMPLAINT:
            return _MILDER[bucket] if self.label != COMPLAINT else self.severity
        return 0.1 if found == QUESTION else 0.0

    def _reasons(self, label: Label, *, right: bool) -> tuple[Reason, ...]:
        start, end = self._cue_at()
        words = self.text[start:end].lower().split()
        if label == "crisis_candidate":
            cue = self.cue or _FALSE_THEMES[len(self.text) % len(_FALSE_THEMES)]
        else:
            cue = " ".join(words[:3]) or label
        weight = 0.5 if right else 0.2
        return (Reason(cue=cue, field="text", start=start, end=end, label=label, weight=weight),)

    def _cue_at(self) -> tuple[int, int]:
        for cue in self._sample.cues:
            start = self.text.find(cue)
            if start >= 0:
                return start, start + len(cue)
        return 0, len(" ".join(self.text.split()[:3]))


_FALSE_THEMES: Final = ("fraud", "staff_misconduct", "safety_defect", "contamination", "outage")
"""What the classifier takes harmless texts for."""


@cache
def _scores(found: int, true: int, bucket: int) -> dict[Label, float]:
    sure = (_RIGHT if found == true else _WRONG)[bucket][0]
    rest = 1.0 - sure
    shares = [0.1 * rest] * len(LABELS)
    shares[found] = sure
    if found == true:
        shares[OTHER if found != OTHER else COMPLAINT] += 0.5 * rest
    else:
        shares[true] = min(0.9 * sure, 0.7 * rest)
    return {label: round(share, 3) for label, share in zip(LABELS, shares, strict=True)}


class Walk:
    """Lines one after the other, all of them before one comes again; then with a further, short
    line of the same kind behind it, another one each time."""

    __slots__ = ("_at", "_lines", "_round", "_short")

    def __init__(self, lines: Sequence[Line], choice: np.random.Generator) -> None:
        self._lines = [lines[number] for number in choice.permutation(len(lines))]
        self._short = [line.text for line in self._lines if len(line.text) <= SHORT] or [""]
        self._at = self._round = 0

    def next(self) -> tuple[Line, str]:
        """A line, and the text to say."""
        at = self._at
        line = self._lines[at]
        self._at += 1
        if self._at == len(self._lines):
            self._at, self._round = 0, self._round + 1
        if self._round:
            behind = self._short[(at * 7 + self._round * 131) % len(self._short)]
            return line, f"{line.text} {behind}"
        return line, line.text

    @property
    def rounds(self) -> int:
        """How often all lines have been said."""
        return self._round


class Library:
    """All lines by language, label, industry and theme."""

    def __init__(self, lines: Iterable[tuple[Line, str]]) -> None:
        self._of: defaultdict[tuple[Language, int], list[tuple[Line, str]]] = defaultdict(list)
        for line, industry in lines:
            self._of[line.lang, line.label].append((line, industry))
        self.industries = tuple(sorted({i for of in self._of.values() for _, i in of} - {"other"}))

    def about(self, lang: Language, label: int, industry: str, least: int) -> list[Line]:
        """The industry's lines with a label, and so many others that they are `least`."""
        of = self._of[lang, label]
        own = [line for line, place in of if place == industry]
        return own + [line for line, place in of if place != industry][: max(0, least - len(own))]

    def themed(self, lang: Language, cue: str, industry: str) -> list[Line]:
        """Crisis candidates of a theme: those of the industry where there are enough, else all."""
        of = [(line, place) for line, place in self._of[lang, CRISIS] if line.cue == cue]
        own = [line for line, place in of if place == industry]
        return own if len(own) >= 60 else own + [line for line, place in of if place != industry]


def read_library(folder: Path = CORPUS) -> Library:
    """Reads the folder's `*.jsonl`. Raises ConfigurationError when there is no corpus in it."""
    decoder = msgspec.json.Decoder(_Sample)
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise ConfigurationError(
            [f"{folder}: expected the corpus (*.jsonl); it is in training/corpus of the checkout"]
        )
    lines: list[tuple[Line, str]] = []
    for path in paths:
        for number, raw in enumerate(path.read_bytes().splitlines(), start=1):
            try:
                sample = decoder.decode(raw)
            except msgspec.DecodeError as error:
                raise ConfigurationError([f"{path}:{number}: {error}"]) from None
            lines.append((Line(sample), sample.industry))
    return Library(lines)


class Name(msgspec.Struct, frozen=True):
    """The three parts of an invented product's name."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    third: tuple[str, ...]


class Rewrites(msgspec.Struct, frozen=True):
    """How people change a text they copy."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    words: dict[str, str]


class Phrases(msgspec.Struct, frozen=True):
    """`phrases.yaml`."""

    about: dict[Language, tuple[str, ...]]
    themes: dict[str, dict[Language, tuple[str, ...]]]
    names: Name
    insults: dict[Language, tuple[str, ...]]
    giveaway: dict[Language, tuple[str, ...]]
    rewrites: dict[Language, Rewrites]


@cache
def phrases() -> Phrases:
    """What simulated people add to the texts of the corpus."""
    path = Path(__file__).with_name("phrases.yaml")
    return msgspec.convert(YAML(typ="safe").load(path), Phrases)
