"""Texts to learn from, with what was said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from libs.common.events import LABELS, Rating
from services.classify.classifier import Utterance
from services.classify.linear.classifier import told_of
from services.classify.linear.features import Texts, texts
from services.classify.linear.weights import LANGUAGES
from training.corpus import Sample

PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts to learn from.

    targets: per text and label, 1 when the text has it, 0 when not, -1 when nobody said.
    languages: per text, its place in LANGUAGES, or len(LANGUAGES) for any other language, or -1.
    parts: what is held out together.
    """

    texts: Texts
    targets: NDArray[np.int8]
    languages: NDArray[np.int8]
    parts: NDArray[np.int64]


def told_variants(samples: Sequence[Sample]) -> list[int]:
    """What the platform says of each sample; of every second one nothing, as callers often know
    no more than the text."""
    return [0 if n % 2 else told_of(_subject(sample)) for n, sample in enumerate(samples)]


def examples_of(samples: Sequence[Sample]) -> Examples:
    targets = np.zeros((len(samples), len(LABELS)), np.int8)
    for n, sample in enumerate(samples):
        targets[n, LABELS.index(sample.label)] = 1
        if sample.also is not None:
            targets[n, LABELS.index(sample.also)] = 1
    return Examples(
        texts([sample.text for sample in samples], told_variants(samples)),
        targets,
        np.array([LANGUAGES.index(sample.lang) for sample in samples], np.int8),
        parts_of(samples),
    )


def parts_of(samples: Sequence[Sample]) -> NDArray[np.int64]:
    """In which third of its language and industry each sample stands. The corpus was written in
    parts, to other instructions each, and later parts stand behind earlier ones: so who has not
    seen a third meets texts of another kind, as it does in life."""
    files = [(sample.lang, sample.industry) for sample in samples]
    sizes, so_far = Counter(files), Counter[tuple[str, str]]()
    parts = np.zeros(len(samples), np.int64)
    for n, file in enumerate(files):
        parts[n] = PARTS * so_far[file] // sizes[file]
        so_far[file] += 1
    return parts


def _subject(sample: Sample) -> Utterance:
    rating = None if sample.rating is None else Rating(value=sample.rating, best=5.0)
    return Utterance(text=sample.text, kind=sample.kind, rating=rating)


def joined(parts: Sequence[Examples]) -> Examples:
    """The examples of all parts, in that order."""
    codes = np.concatenate([part.texts.codes for part in parts])
    lengths = np.concatenate([np.diff(part.texts.offsets) for part in parts])
    told = np.concatenate([part.texts.told for part in parts])
    return Examples(
        Texts(codes, np.concatenate(([0], np.cumsum(lengths))), told),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.languages for part in parts]),
        np.concatenate([part.parts for part in parts]),
    )
