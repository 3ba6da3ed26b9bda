"""The trained classifier: one pass over all texts of a batch, then a verdict for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Final, NamedTuple, get_args

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
_language: Final = lru_cache(maxsize=256)(from_platform)
"""Platforms say the same few things again and again."""


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
    """What the model says of a batch. Arrays and lists have one row per text.

    read: title and text as one. probabilities: per label. scores: the same as they are told,
    rounded. best: number of the primary label. languages: the likeliest of de, en and neither
    (None). silent: no word or sign in it.
    """

    read: list[str]
    texts: Texts
    probabilities: NDArray[np.float32]
    scores: NDArray[np.float64]
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
        seen = self.see(subjects)
        themes = self._themes(seen)
        looked = self._looked(subjects, seen)
        why = self._reasons(subjects, seen, themes) if reasons else repeat(())
        rows = zip(
            subjects,
            seen.scores.tolist(),
            seen.best.tolist(),
            seen.languages,
            seen.silent,
            _doubts(seen),
            why,
            strict=False,
        )
        verdicts = []
        for i, (subject, row, best, found, silent, doubted, because) in enumerate(rows):
            lang = _language(subject.lang) if subject.lang else None
            if lang is None and not silent:
                lang = found
            label, scores = LABELS[best], _scores(row)
            if i in looked and _raises(looked[i], subject, label, scores["crisis_candidate"]):
                verdicts.append(self._raised(looked[i], scores, lang, reasons))
            elif silent:
                verdicts.append(self._nothing(lang))
            else:
                verdicts.append(
                    Classification(
                        label=label,
                        scores=scores,
                        severity=_severity(subject, label, scores, themes.get(i), looked.get(i)),
                        reasons=because,
                        lang=lang,
                        model=self.name,
                        uncertain=doubted or lang not in KNOWN,
                    )
                )
        return verdicts

    def _looked(self, subjects: Sequence[Subject], seen: Seen) -> dict[int, Examined]:
        """What the rules see, by place in the batch, where a crisis is likely enough to ask."""
        sure = (seen.best == _CRISIS) | (seen.texts.told // _STARS == _KINDS["hint"])
        asked = sure | (seen.scores[:, _CRISIS] >= GUARDED_FROM)
        looked = {}
        for i in np.flatnonzero(asked).tolist():
            if sure[i] or self._rules.may_be_grave(seen.read[i]):
                lang = _language(subjects[i].lang) or (
                    None if seen.silent[i] else seen.languages[i]
                )
                looked[i] = self._rules.examine(subjects[i], lang)
        return looked

    def see(self, subjects: Sequence[Subject]) -> Seen:
        """The model's word on each text, before the rules have a look."""
        read = [written(subject) for subject in subjects]
        batch = texts(read, [told_of(subject) for subject in subjects])
        logits, silent = self._scorer.logits_and_silence(batch, self._weights.labels)
        labels, languages = logits[:, : len(LABELS)], logits[:, len(LABELS) :]
        probabilities = _logistic(labels * self._weights.slope + self._weights.intercept)
        best = np.argmax(probabilities + self._weights.advantage, axis=1)
        scores = probabilities.astype(np.float64).round(3)
        likeliest = _languages(languages)
        return Seen(read, batch, probabilities, scores, best, likeliest, silent.tolist())

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
        likely = scores["crisis_candidate"]
        return Classification(
            label="crisis_candidate",
            scores={**scores, "crisis_candidate": max(likely, BET)},
            severity=looked.severity,
            reasons=looked.reasons() if reasons else (),
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
        self, subjects: Sequence[Subject], seen: Seen, themes: Mapping[int, tuple[str, float]]
    ) -> Iterator[tuple[Reason, ...]]:
        """Why, per text."""
        phrases = self._scorer.phrases(seen.texts, self._weights.labels, seen.best)
        for i, (subject, best) in enumerate(zip(subjects, seen.best.tolist(), strict=True)):
            label = LABELS[best]
            title = min(len(subject.title), READ_TITLE_CHARACTERS) if subject.title else None
            cue = themes[i][0] if i in themes else None
            why = explain(seen.read[i], title, phrases[i], label=label, cue=cue)
            if subject.rating is not None:
                signs = [sign for sign in ratings(subject.rating) if sign.label == label]
                why = (*map(reason_of, signs), *why)
            yield why


def _raises(looked: Examined, subject: Subject, label: Label, likely: float) -> bool:
    """Whether the rules decide: they do on the worst, on hints, and where both see a crisis though
    the model finds something else likelier."""
    if looked.label != "crisis_candidate":
        return False
    if looked.severity >= WORST or subject.kind == "hint":
        return True
    return label != "crisis_candidate" and likely >= DOUBTED_FROM


def _severity(
    subject: Subject,
    label: Label,
    scores: dict[Label, float],
    likeliest: tuple[str, float] | None,
    looked: Examined | None,
) -> float:
    """likeliest: theme and how bad it is, for crisis candidates. looked: what the rules saw."""
    if looked is None and label in _UNTOUCHED:
        return _UNTOUCHED[label]
    found = dict(looked.themes) if looked else {}
    if likeliest is not None:
        theme, grave = likeliest
        known = found.get(theme)
        grave = max(grave, known.severity if known else 0.0)
        found[theme] = Theme((1 + scores["crisis_candidate"]) / 2, grave)
    # Without a look nothing is known but the reach: how a text speaks matters for crises only.
    followers = subject.author.followers if subject.author else None
    circumstances = looked.circumstances if looked else Circumstances(0.0, 0.0, followers)
    return round(severity(label, scores, found, circumstances), 3)


_UNTOUCHED: Final = {
    label: severity(label, NOTHING, {}, Circumstances(0.0, 0.0, None))
    for label in LABELS
    if label not in ("complaint", "crisis_candidate")
}
"""Severities that depend on nothing where there is no danger."""


def _scores(row: Sequence[float]) -> dict[Label, float]:
    """Written out, since it is done for every text. The order is that of LABELS."""
    complaint, question, praise, crisis, other = row
    return {
        "complaint": complaint,
        "question": question,
        "praise": praise,
        "crisis_candidate": crisis,
        "other": other,
    }


def _doubts(seen: Seen) -> list[bool]:
    """Per text, whether its label is not likely enough to bet on, or a crisis may be hidden."""
    scores, best = seen.scores, seen.best
    hidden = (best != _CRISIS) & (scores[:, _CRISIS] >= DOUBTED_FROM)
    doubts: list[bool] = ((scores[np.arange(best.size), best] < BET) | hidden).tolist()
    return doubts


def _logistic(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    bounded = np.clip(logits, -_FAR, _FAR)
    return (1 / (1 + np.exp(-bounded))).astype(np.float32)


def _languages(logits: NDArray[np.float32]) -> list[str | None]:
    """Neither language is what two zeros mean: the others are told apart from it."""
    best = logits.argmax(axis=1).tolist()
    clear = (logits.max(axis=1) > 0).tolist()
    return [LANGUAGES[n] if ours else None for n, ours in zip(best, clear, strict=True)]
