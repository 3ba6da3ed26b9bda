"""Lines of JSON in, a verdict per line out: what `brandmelder classify` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from libs.common.events import Author, Classification, Kind, Rating
from services.classify.classifier import Classifier, Utterance

BATCH: Final = 256

Stars: TypeAlias = Annotated[float, Meta(ge=0)]


class StarsOf(msgspec.Struct, frozen=True):
    """A review's stars: `value` out of `best`."""

    value: Stars
    best: Annotated[float, Meta(gt=0)] = 5.0


class Writer(msgspec.Struct, frozen=True):
    """Who wrote it; only the reach counts."""

    followers: Annotated[int, Meta(ge=0, lt=2**53)] | None = None


class Line(msgspec.Struct, frozen=True):
    """What is asked. Unknown keys are ignored. A plain number as `rating` is out of five."""

    text: str
    title: str | None = None
    lang: str | None = None
    kind: Kind = "post"
    rating: Stars | StarsOf | None = None
    author: Writer | str | None = None

    def utterance(self) -> Utterance:
        stars = StarsOf(self.rating) if isinstance(self.rating, float) else self.rating
        followers = self.author.followers if isinstance(self.author, Writer) else None
        return Utterance(
            text=self.text,
            title=self.title,
            lang=self.lang,
            kind=self.kind,
            rating=None if stars is None else Rating(value=stars.value, best=stars.best),
            author=None if followers is None else Author(key="", followers=followers),
        )


class Failure(msgspec.Struct, frozen=True):
    """Stands in place of a verdict."""

    error: str


def classify_lines(
    classifier: Classifier, lines: Iterable[bytes], *, reasons: bool = True
) -> Iterator[bytes]:
    """One line of JSON per line, in order: a verdict, or `{"error": …}` with the line's number."""
    remaining = enumerate(lines, start=1)
    while batch := list(islice(remaining, BATCH)):
        asked = [_asked(number, line) for number, line in batch]
        yield b"".join(
            _ENCODER.encode(answer) + b"\n" for answer in _answers(classifier, asked, reasons)
        )


def _asked(number: int, line: bytes) -> Utterance | Failure:
    try:
        return _DECODER.decode(line).utterance()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Failure(f"line {number}: {error}")


def _answers(
    classifier: Classifier, asked: Sequence[Utterance | Failure], reasons: bool
) -> Iterator[Classification | Failure]:
    utterances = [one for one in asked if isinstance(one, Utterance)]
    verdicts = iter(classifier.classify(utterances, reasons=reasons))
    for one in asked:
        yield one if isinstance(one, Failure) else next(verdicts)


_DECODER: Final = msgspec.json.Decoder(Line)
_ENCODER: Final = msgspec.json.Encoder()
