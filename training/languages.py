"""Texts in other languages than ours, so that the model knows what is neither."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from libs.common.events import LABELS
from services.classify.linear.features import texts
from services.classify.linear.weights import LANGUAGES
from training.examples import Examples

FILE: Final = Path(__file__).with_name("corpus") / "languages" / "other.jsonl"


class Line(msgspec.Struct, frozen=True):
    """lang: ISO 639-1 code of the text's language."""

    text: str
    lang: str


def languages(file: Path = FILE) -> Examples:
    """The texts as examples that have a language and no label."""
    lines = msgspec.json.decode(
        b"[" + b",".join(file.read_bytes().splitlines()) + b"]", type=list[Line]
    )
    return Examples(
        texts([line.text for line in lines], [0] * len(lines)),
        np.full((len(lines), len(LABELS)), -1, np.int8),
        np.full(len(lines), len(LANGUAGES), np.int8),
        np.zeros(len(lines), np.int64),
    )
