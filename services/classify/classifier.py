"""What a classifier is: mentions in, verdicts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from libs.common.events import Author, Classification, Kind, Rating


class Subject(Protocol):
    """What a classifier looks at. A `Mention` is one."""

    @property
    def text(self) -> str: ...
    @property
    def title(self) -> str | None: ...
    @property
    def lang(self) -> str | None: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def rating(self) -> Rating | None: ...
    @property
    def author(self) -> Author | None: ...


class Utterance(msgspec.Struct, frozen=True, kw_only=True):
    """A subject that is no mention: a text somebody asks about."""

    text: str
    title: str | None = None
    lang: str | None = None
    kind: Kind = "post"
    rating: Rating | None = None
    author: Author | None = None


class Classifier(Protocol):
    """Tags texts. Pure: equal subjects get equal verdicts, and nothing is read or written."""

    @property
    def name(self) -> str:
        """Name and version, for example `rules-1`; stamped on every verdict."""
        ...

    def classify(
        self, subjects: Sequence[Subject], *, reasons: bool = True
    ) -> list[Classification]:
        """One verdict per subject, in order. Never raises because of what a text contains.

        reasons: False may leave out why, where that saves work.
        """
        ...
