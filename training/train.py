"""Trains the shipped model: `make train`.

The same texts give the same model, bit for bit. With `--public FOLDER` the public data sets in it
that may be trained on are added (training/public.py says which).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut

from libs.common.events import LABELS
from services.classify.linear.features import texts
from services.classify.linear.weights import LANGUAGES, SHIPPED, Head, Weights, digest, pack, tag_of
from training.corpus import THEMES, Sample, read, read_lines
from training.examples import Examples, examples_of, joined
from training.features import Features
from training.fitting import Fitted, fit
from training.languages import languages
from training.matrix import Matrix
from training.meanings import Meanings, read_meanings
from training.public import public_sets

_CUES: Final = {
    "boycott": "boycott_call",
    "environment": "environmental_damage",
    "legal": "legal_action",
    "press": "press_enquiry",
}
CUES: Final = tuple(_CUES.get(theme, theme) for theme in THEMES)
"""The themes as the lexicons of the rules name them, and playbooks after them."""
VERSION: Final = "linear-1"
LABEL_SLOTS: Final = 1 << 19
THEME_SLOTS: Final = 1 << 17
CRISIS: Final = LABELS.index("crisis_candidate")
CRISIS_PRECISION: Final = 0.6
"""Of crisis candidates in the corpus, found by a model that has not seen their part. A crisis that
is overlooked is dearer than a look at what is none: from 0.75 to 0.6, recall rises from 0.75 to
0.84, and macro-F1 falls by 0.015."""
OUTPUT: Final = Path(__file__).parents[1] / "services/classify/linear" / SHIPPED


@dataclass(frozen=True, slots=True)
class Trained:
    """The model, and what it said of every sample while that was held out: logits per label."""

    weights: Weights
    held_out: NDArray[np.float64]


def held_out_logits(matrix: Matrix, examples: Examples, count: int) -> NDArray[np.float64]:
    """Logits of the first `count` examples, each from a model that never saw its part of the
    corpus; the others are always learnt from."""
    logits = np.zeros((count, len(LABELS)))
    folds = LeaveOneGroupOut().split(np.zeros(count), groups=examples.parts[:count])
    further = np.arange(count, matrix.shape[0])
    for learnt, tested in folds:
        rows = np.concatenate((learnt, further))
        for k in range(len(LABELS)):
            model = fit(matrix[rows], examples.targets[rows, k])
            logits[tested, k] = model.logits(matrix[tested])
    return logits


def head_of(features: Features, models: Sequence[Fitted]) -> Head:
    """The models' weights in the vocabulary's slots, rounded to whole numbers of 8 bits."""
    exact = features.weights(np.array([model.coefficients for model in models]).T)
    scale = np.abs(exact).max(axis=0) / 127
    vocabulary = features.vocabulary
    slots = np.zeros((vocabulary.slots, 1 + len(models)), np.int8)
    slots[:, 1:] = np.round(exact / scale)
    slots[:, 0] = np.where(vocabulary.owned, tag_of(vocabulary.owner), 0).view(np.int8)
    bias = np.array([model.intercept for model in models])
    return Head(slots, scale.astype(np.float32), bias.astype(np.float32))


def language_targets(examples: Examples, language: int) -> NDArray[np.int8]:
    """Per text 1 when it is in this language, 0 when in another, -1 when nobody said."""
    known = examples.languages >= 0
    return np.where(known, examples.languages == language, -1).astype(np.int8)


def calibrated(
    logits: NDArray[np.float64], targets: NDArray[np.int8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope and intercept per label that make probabilities of held-out logits (Platt 1999)."""
    slope, intercept = np.zeros(len(LABELS), np.float32), np.zeros(len(LABELS), np.float32)
    for k in range(len(LABELS)):
        said = targets[:, k] >= 0
        model = LogisticRegression(C=1e6).fit(logits[said, k : k + 1], targets[said, k])
        slope[k], intercept[k] = model.coef_[0, 0], model.intercept_[0]
    return slope, intercept


def advantages(
    probabilities: NDArray[np.float64], primary: NDArray[np.int64], rounds: int = 3
) -> NDArray[np.float32]:
    """What is added to each label's probability so that the largest hits the primary label best,
    by macro-F1: one label after the other, in steps of 0.02."""
    advantage = np.zeros(len(LABELS))
    steps = np.arange(-0.3, 0.301, 0.02)
    for _ in range(rounds):
        for k in range(len(LABELS)):
            tried = np.repeat(advantage[None], steps.size, axis=0)
            tried[:, k] = steps
            scores = [macro_f1((probabilities + one).argmax(axis=1), primary) for one in tried]
            best = np.flatnonzero(np.isclose(scores, max(scores)))
            advantage = tried[best[np.argmin(np.abs(steps[best]))]]  # the least, among equals
    return np.asarray(advantage - advantage.mean(), np.float32)


def wary(
    probabilities: NDArray[np.float64], primary: NDArray[np.int64], advantage: NDArray[np.float32]
) -> NDArray[np.float32]:
    """More advantage for crisis candidates, in steps of 0.02, as long as CRISIS_PRECISION of those
    found are some."""
    found, raised = advantage, advantage.copy()
    for _ in range(30):
        raised[CRISIS] += 0.02
        crises = (probabilities + raised).argmax(axis=1) == CRISIS
        if np.mean(primary[crises] == CRISIS) < CRISIS_PRECISION:
            break
        found = raised.copy()
    return found


def macro_f1(found: NDArray[np.int64], primary: NDArray[np.int64]) -> float:
    """The mean over labels of F1, the harmonic mean of precision and recall."""
    scores = []
    for k in range(len(LABELS)):
        hits = np.sum((found == k) & (primary == k))
        scores.append(2 * hits / max(np.sum(found == k) + np.sum(primary == k), 1))
    return float(np.mean(scores))


def logistic(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-logits)))


def themes_head(samples: Sequence[Sample], slots: int, meanings: Meanings) -> Head:
    """Which theme a crisis candidate is about."""
    crises = [sample for sample in samples if sample.theme is not None]
    batch = texts([sample.text for sample in crises], [0] * len(crises))
    features = Features(batch, slots, meanings)
    matrix = features.matrix(batch)
    themes = np.array([THEMES.index(sample.theme) for sample in crises if sample.theme])
    return head_of(
        features, [fit(matrix, (themes == k).astype(np.int8)) for k in range(len(THEMES))]
    )


def train(
    samples: Sequence[Sample],
    further: Sequence[Examples] = (),
    *,
    slots: int = LABEL_SLOTS,
    theme_slots: int = THEME_SLOTS,
) -> Trained:
    """The model of these samples and of further examples, which are never held out.

    slots, theme_slots: rows of the two tables, powers of two; few samples need few.
    """
    own = examples_of(samples)
    examples = joined([own, *further])
    meanings = read_meanings()
    features = Features(examples.texts, slots, meanings)
    matrix = features.matrix(examples.texts)
    held_out = held_out_logits(matrix, examples, len(samples))
    slope, intercept = calibrated(held_out, own.targets)
    primary = np.array([LABELS.index(sample.label) for sample in samples])
    probabilities = logistic(held_out * slope + intercept)
    advantage = wary(probabilities, primary, advantages(probabilities, primary))
    models = [fit(matrix, examples.targets[:, k]) for k in range(len(LABELS))]
    models += [fit(matrix, language_targets(examples, k)) for k in range(len(LANGUAGES))]
    themes = themes_head(samples, theme_slots, meanings)
    labels = head_of(features, models)
    weights = Weights(VERSION, labels, themes, slope, intercept, advantage, CUES)
    return Trained(replace(weights, name=f"{VERSION}-{digest(weights)}"), held_out)


@click.command()
@click.option("--public", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.option("--corrections", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=OUTPUT)
def main(public: Path | None, corrections: Path | None, output: Path) -> None:
    """Train the classifier.

    public: a folder with public data sets to add. corrections: what `brandmelder corrections`
    printed. output: the model's file; the shipped one unless told otherwise.
    """
    samples = read()
    if corrections is not None:
        samples += read_lines(corrections.name, corrections.read_bytes().splitlines())
    further = [languages(), *(public_sets(public) if public is not None else [])]
    trained = train(samples, further)
    file = pack(trained.weights)
    output.write_bytes(file)
    more = sum(part.texts.told.size for part in further)
    learnt = f"{len(samples)} texts and {more} further ones"
    click.echo(f"{trained.weights.name}: {learnt}, {len(file) / 1e6:.1f} MB, in {output}")


if __name__ == "__main__":
    main()
