"""The corpus: one text per line of JSON, with what people agreed it means.

`training/corpus/README.md` is its data statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from libs.common.events import Kind, Label
from libs.common.taxonomy import THEMES, Industry, Theme

__all__ = [
    "FOLDER",
    "THEMES",
    "Finding",
    "Hard",
    "Industry",
    "Language",
    "Sample",
    "Theme",
    "read",
    "read_lines",
]

FOLDER: Final = Path(__file__).with_name("corpus")

Language: TypeAlias = Literal["de", "en"]
Hard: TypeAlias = Literal[
    "sarcasm",
    "hardpraise",
    "question_complaint",
    "complaint_question",
    "metaphor",
    "other_company",
    "industry_news",
    "job_ad",
    "giveaway",
    "spam",
    "quote",
    "negation",
    "mixed",
    "hypothetical",
    "past",
    "fiction",
]
"""What makes a text hard: praise in hard words, questions that are complaints and the reverse, news
of others, and so on."""


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One text with its label.

    severity: 0 to 1, how bad it would be if it were true and seen by many. cues: parts of the text
    that decide the label. also: a second label that is true too. rating: stars of five, of
    reviews. traits: `mix` (two languages), `dialect`, `typos`.
    """

    text: Annotated[str, Meta(min_length=1, max_length=5_000)]
    lang: Language
    label: Label
    severity: Annotated[float, Meta(ge=0, le=1)]
    kind: Kind
    industry: Industry
    cues: tuple[str, ...] = ()
    theme: Theme | None = None
    hard: tuple[Hard, ...] = ()
    also: Label | None = None
    rating: Annotated[int, Meta(ge=1, le=5)] | None = None
    traits: tuple[Literal["mix", "dialect", "typos"], ...] = ()


class Finding(Exception):
    """What is wrong with a line: file, line, and what was expected."""


_DECODER: Final = msgspec.json.Decoder(Sample)


def read(folder: Path = FOLDER) -> list[Sample]:
    """Every sample, in the order of files and lines. Raises Finding at the first bad line."""
    return [
        sample
        for path in sorted(folder.glob("*.jsonl"))
        for sample in read_lines(path.name, path.read_bytes().splitlines())
    ]


def read_lines(name: str, lines: Iterable[bytes]) -> Iterator[Sample]:
    """The samples of one file. Raises Finding."""
    for number, line in enumerate(lines, start=1):
        try:
            sample = _DECODER.decode(line)
        except msgspec.DecodeError as error:
            raise Finding(f"{name}:{number}: {error}") from None
        if wrong := _wrong(sample):
            raise Finding(f"{name}:{number}: {wrong}")
        yield sample


def _wrong(sample: Sample) -> str | None:
    """What does not fit together in a sample; None when all does."""
    if missing := [cue for cue in sample.cues if cue not in sample.text]:
        return f"the cue {missing[0]!r} is not in the text"
    if (sample.label == "crisis_candidate") != (sample.theme is not None):
        return "expected a theme for crisis candidates, and for no other label"
    if sample.label == "crisis_candidate" and sample.severity < 0.5:
        return "expected a severity from 0.5 on for a crisis candidate"
    if sample.label in ("praise", "other") and sample.severity:
        return f"expected the severity 0 for {sample.label}"
    if sample.also == sample.label:
        return "expected another label in `also`"
    return None
