"""The gold sets: texts the model is judged by and never learns from.

`training/gold/README.md` says how they were written and labelled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from libs.common.events import LABELS, Kind, Label
from training.corpus import Industry, Language, Theme

FOLDER: Final = Path(__file__).with_name("gold")


class GoldText(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One text with its agreed label.

    labels: what the two readers said, each alone. also: a second label that is true too.
    severity: 0 to 1, the mean of both readers'. sure: both would have bet on their label.
    """

    id: str
    text: Annotated[str, Meta(min_length=1)]
    lang: Language
    label: Label
    labels: tuple[Label, Label]
    severity: Annotated[float, Meta(ge=0, le=1)]
    kind: Kind
    industry: Industry
    also: Label | None = None
    theme: Theme | None = None
    sure: bool = True


_DECODER: Final = msgspec.json.Decoder(GoldText)


def read_gold(language: Language, folder: Path = FOLDER) -> list[GoldText]:
    """The texts in one language. Raises msgspec.DecodeError for a bad line."""
    lines = (folder / f"{language}.jsonl").read_bytes().splitlines()
    return [_DECODER.decode(line) for line in lines]


def cohens_kappa(texts: Sequence[GoldText]) -> float:
    """How far the readers agree beyond chance: 1 is always, 0 as often as chance (Cohen 1960)."""
    count = len(texts)
    agreed = sum(first == second for first, second in (text.labels for text in texts)) / count
    first, second = (Counter(text.labels[reader] for text in texts) for reader in (0, 1))
    chance = sum(first[label] * second[label] for label in LABELS) / count**2
    return (agreed - chance) / (1 - chance)
