"""Public data sets that may be trained on. They are read where they lie; no text of them is kept.

What a set says nothing of stays unsaid: a tweet that is no complaint may well be praise. The tweets
by speech act are about politics, so none of them is a crisis of a company.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from libs.common.events import LABELS, Label
from services.classify.linear.features import texts
from services.classify.linear.weights import LANGUAGES
from training.examples import Examples

Row: TypeAlias = dict[str, str | int | bool]

_QUESTIONS: Final = frozenset(("f", "w-f", "alt-f"))
"""Yes/no questions, questions with a question word, alternative questions."""


def _complaint_tweet(row: Row) -> dict[Label, bool]:
    return {"complaint": bool(row["complaint"])}


def _tweet_act(row: Row) -> dict[Label, bool]:
    return {"question": row["act"] == "QUE", "crisis_candidate": False}


def _sentence(row: Row) -> dict[Label, bool]:
    said: dict[Label, bool] = {
        "question": row["sentence"] in _QUESTIONS,
        "crisis_candidate": False,
    }
    return said | {"complaint": True} if row["fine"] == "COMPLAIN" else said


_SETS: Final[dict[str, tuple[str, Callable[[Row], dict[Label, bool]]]]] = {
    "complaints_en.jsonl": ("en", _complaint_tweet),  # X-CI data set, MIT
    "tweet_acts_en.jsonl": ("en", _tweet_act),  # BSD-2
    "speech_acts_de.jsonl": ("de", _sentence),  # CC BY 4.0
}


def public_sets(folder: Path) -> Iterator[Examples]:
    """The sets that lie in this folder."""
    for name, (lang, said_of) in _SETS.items():
        if (folder / name).exists():
            rows = _rows(folder / name)
            yield _examples([str(row["text"]) for row in rows], lang, list(map(said_of, rows)))


def complaint_tweets(folder: Path, *, brands_only: bool) -> tuple[list[str], NDArray[np.bool_]]:
    """complaints_en.jsonl: the tweets, and which complain. brands_only: leaves out tweets that
    were picked at random and speak to no brand."""
    rows = _rows(folder / "complaints_en.jsonl")
    if brands_only:
        rows = [row for row in rows if not str(row["domain"]).startswith("random")]
    return [str(row["text"]) for row in rows], np.array([bool(row["complaint"]) for row in rows])


def railway_mentions(folder: Path) -> tuple[list[str], NDArray[np.bool_]]:
    """railway_de_dev.jsonl (CC BY-NC 4.0, to measure with and never to train on): the mentions,
    and which are taken for complaints, those that are relevant and negative."""
    rows = _rows(folder / "railway_de_dev.jsonl")
    negative = [bool(row["relevant"]) and row["sentiment"] == "negative" for row in rows]
    return [str(row["text"]) for row in rows], np.array(negative)


def _rows(file: Path) -> list[Row]:
    return [msgspec.json.decode(line, type=Row) for line in file.read_bytes().splitlines()]


def _examples(read: list[str], lang: str, said: list[dict[Label, bool]]) -> Examples:
    targets = np.full((len(read), len(LABELS)), -1, np.int8)
    for n, labels in enumerate(said):
        for label, holds in labels.items():
            targets[n, LABELS.index(label)] = holds
    return Examples(
        texts(read, [0] * len(read)),
        targets,
        np.full(len(read), LANGUAGES.index(lang), np.int8),
        np.zeros(len(read), np.int64),
    )
