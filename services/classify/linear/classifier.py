"""The trained classifier: one pass over all texts of a batch, then a verdict for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from libs.common.events import LABELS, Classification, Kind, Label, Reason
from services.classify.classifier import Subject
from services.classify.language import KNOWN, from_platform
from services.classify.linear.explain import explain
from services.classify.linear.features import Texts, texts
from services.classify.linear.scoring import Scorer
from services.classify.linear.weights import LANGUAGES, Weights
from services.classify.reading import READ_CHARACTERS, READ_TITLE_CHARACTERS
from services.classify.rules import WORST, RulesClassifier
from services.classify.severity import Circumstances, Theme, severity
from services.classify.verdict import NOTHING, Examined, ratings, reason_of

BET: Final = 0.5
"""From this probability on the classifier would bet on its label; below it is uncertain."""
GUARDED_FROM: Final = 0.05
"""A crisis this probable is looked at by the rules too, which may raise it."""
DOUBTED_FROM: Final = 0.2
"""A crisis this probable under another label makes the verdict uncertain."""

_FAR: Final = 30.0
"""Logits beyond are certain, and their powers would not fit a number."""
_CRISIS: Final = LABELS.index("crisis_candidate")
_KINDS: Final = {kind: number for number, kind in enumerate(get_args(Kind))}
_STARS: Final = 8


def told_of(subject: Subject) -> int:
    """What the platform says of a text as one number: its kind, and its stars, rounded to five."""
    stars = 0
    rating = subject.rating
    if rating is not None and 0 < rating.best < float("inf") and 0 <= rating.value <= rating.best:
        stars = 1 + int(5 * rating.value / rating.best + 0.5)
    return _STARS * _KINDS[subject.kind] + stars


def written(subject: Subject) -> str:
    """Title and text as one, as far as they are read."""
    text = subject.text[:READ_CHARACTERS]
    return f"{subject.title[:READ_TITLE_CHARACTERS]}\n{text}" if subject.title else text


class Seen(NamedTuple):
    """What the model says of a batch. Arrays have one row per text.

    probabilities: per label. best: number of the primary label. languages: the likeliest of de, en
    and neither (None). silent: no word or sign in it.
    """

    texts: Texts
    probabilities: NDArray[np.float32]
    best: NDArray[np.intp]
    languages: list[str | None]
    silent: list[bool]


class TrainedClassifier:
    """Implements `Classifier` with the trained weights, guarded by the rules.

    The rules look at what may be a crisis: they raise the worst themes where the model hesitates,
    and say how loud and how direct a text is.
    """

    def __init__(self, weights: Weights, rules: RulesClassifier) -> None:
        own = rules.name.partition("+")[2]
        self.name = f"{weights.name}+{own}" if own else weights.name
        self._weights = weights
        self._rules = rules
        self._scorer = Scorer()
        severities = rules.severities()
        self._graveness = np.array([severities.get(name, BET) for name in weights.theme_names])

    def classify(
        self, subjects: Sequence[Subject], *, reasons: bool = True
    ) -> list[Classification]:
        """reasons: False leaves out why, which is much of the work."""
        return list(self._verdicts(subjects, reasons))

    def _verdicts(self, subjects: Sequence[Subject], reasons: bool) -> Iterator[Classification]:
        seen = self.see(subjects)
        rounded = np.round(seen.probabilities.astype(np.float64), 3).tolist()
        themes = self._themes(seen)
        for i, subject in enumerate(subjects):
            lang = from_platform(subject.lang) or (None if seen.silent[i] else seen.languages[i])
            scores = dict(zip(LABELS, rounded[i], strict=True))
            likely, label = scores["crisis_candidate"], LABELS[seen.best[i]]
            looked = self._looked(subject, label, likely, lang)
            if looked is not None and _raises(looked, subject, label, likely):
                yield self._raised(looked, scores, lang, reasons)
            elif seen.silent[i]:
                yield self._nothing(lang)
            else:
                theme, grave = themes.get(i, (None, 0.0))
                found = dict(looked.themes) if looked else {}
                if theme is not None:
                    grave = max(grave, _severity_of(found.get(theme)))
                    found[theme] = Theme((1 + likely) / 2, grave)
                circumstances = looked.circumstances if looked else _calm(subject)
                yield Classification(
                    label=label,
                    scores=scores,
                    severity=round(severity(label, scores, found, circumstances), 3),
                    reasons=self._reasons(seen, i, subject, label, theme) if reasons else (),
                    lang=lang,
                    model=self.name,
                    uncertain=_is_uncertain(label, scores, lang),
                )

    def _looked(
        self, subject: Subject, label: Label, likely: float, lang: str | None
    ) -> Examined | None:
        """What the rules see, where a crisis is likely enough to ask them."""
        if (
            label == "crisis_candidate"
            or subject.kind == "hint"
            or (likely >= GUARDED_FROM and self._rules.may_be_grave(written(subject)))
        ):
            return self._rules.examine(subject, lang)
        return None

    def see(self, subjects: Sequence[Subject]) -> Seen:
        """The model's word on each text, before the rules have a look."""
        batch = texts([written(one) for one in subjects], [told_of(one) for one in subjects])
        logits, silent = self._scorer.logits_and_silence(batch, self._weights.labels)
        labels, languages = logits[:, : len(LABELS)], logits[:, len(LABELS) :]
        probabilities = _logistic(labels * self._weights.slope + self._weights.intercept)
        best = np.argmax(probabilities + self._weights.advantage, axis=1)
        return Seen(batch, probabilities, best, _languages(languages), silent.tolist())

    def _nothing(self, lang: str | None) -> Classification:
        return Classification(
            label="other",
            scores=dict(NOTHING),
            severity=0.0,
            lang=lang,
            model=self.name,
            uncertain=True,
        )

    def _raised(
        self, looked: Examined, scores: dict[Label, float], lang: str | None, reasons: bool
    ) -> Classification:
        """A crisis candidate on the word of the rules, with their severity and reasons."""
        ruled, likely = looked.classification, scores["crisis_candidate"]
        return msgspec.structs.replace(
            ruled,
            scores={**scores, "crisis_candidate": max(likely, BET)},
            reasons=ruled.reasons if reasons else (),
            lang=lang,
            model=self.name,
            uncertain=likely < BET or lang not in KNOWN,
        )

    def _themes(self, seen: Seen) -> dict[int, tuple[str, float]]:
        """Per crisis candidate, by its place in the batch: the likeliest theme, and how bad it is,
        each theme's severity by how likely the theme is."""
        crises = np.flatnonzero(seen.best == _CRISIS)
        if not crises.size:
            return {}
        logits = self._scorer.logits(seen.texts.only(crises), self._weights.themes)
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        names = [self._weights.theme_names[best] for best in likely.argmax(axis=1)]
        grave = (likely @ self._graveness).tolist()
        return dict(zip(crises.tolist(), zip(names, grave, strict=True), strict=True))

    def _reasons(
        self, seen: Seen, i: int, subject: Subject, label: Label, theme: str | None
    ) -> tuple[Reason, ...]:
        title = min(len(subject.title), READ_TITLE_CHARACTERS) if subject.title else None
        phrases = self._scorer.phrases(
            seen.texts.of(i), int(seen.texts.told[i]), self._weights.labels, LABELS.index(label)
        )
        stated = [reason_of(sign) for sign in ratings(subject.rating) if sign.label == label]
        return (*stated, *explain(written(subject), title, phrases, label=label, cue=theme))


def _raises(looked: Examined, subject: Subject, label: Label, likely: float) -> bool:
    """Whether the rules decide: they do on the worst, on hints, and where both see a crisis though
    the model finds something else likelier."""
    ruled = looked.classification
    if ruled.label != "crisis_candidate":
        return False
    if ruled.severity >= WORST or subject.kind == "hint":
        return True
    return label != "crisis_candidate" and likely >= DOUBTED_FROM


def _is_uncertain(label: Label, scores: Mapping[Label, float], lang: str | None) -> bool:
    hidden = label != "crisis_candidate" and scores["crisis_candidate"] >= DOUBTED_FROM
    return scores[label] < BET or hidden or lang not in KNOWN


def _severity_of(theme: Theme | None) -> float:
    return theme.severity if theme else 0.0


def _calm(subject: Subject) -> Circumstances:
    """Nothing is known but the reach: how a text speaks matters for crises only."""
    return Circumstances(0.0, 0.0, subject.author.followers if subject.author else None)


def _logistic(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    bounded = np.clip(logits, -_FAR, _FAR)
    return (1 / (1 + np.exp(-bounded))).astype(np.float32)


def _languages(logits: NDArray[np.float32]) -> list[str | None]:
    """Neither language is what two zeros mean: the others are told apart from it."""
    best = logits.argmax(axis=1).tolist()
    clear = (logits.max(axis=1) > 0).tolist()
    return [LANGUAGES[n] if ours else None for n, ours in zip(best, clear, strict=True)]
