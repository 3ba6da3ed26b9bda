"""What is wrong with a query, for the person who wrote it, in English and German."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from libs.common.errors import BrandmelderError

Language: TypeAlias = Literal["en", "de"]


@dataclass(frozen=True, slots=True)
class Wording:
    """One statement in both languages."""

    en: str
    de: str

    def format(self, **values: str | int) -> Wording:
        """The statement with its values; long ones are cut short."""
        short = {name: _shortened(str(value)) for name, value in values.items()}
        return Wording(self.en.format(**short), self.de.format(**short))

    def in_language(self, language: Language) -> str:
        return self.de if language == "de" else self.en


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a query: `position` counts characters from 0, line and column from 1."""

    position: int
    line: int
    column: int

    @classmethod
    def at(cls, query: str, position: int) -> Place:
        line_start = query.rfind("\n", 0, position) + 1
        return cls(position, query.count("\n", 0, position) + 1, position - line_start + 1)


class QueryError(BrandmelderError):
    """The query cannot be understood.

    position: 0-based offset of what is wrong; `line` and `column` are 1-based.
    found: the text found there; None at the end of the query.
    what: what is wrong. expected: what would have been right.
    """

    def __init__(
        self, query: str, position: int, *, found: str | None, what: Wording, expected: Wording
    ) -> None:
        self.place = Place.at(query, position)
        self.found = found
        self.what = what
        self.expected = expected
        super().__init__(self.message())

    @property
    def position(self) -> int:
        return self.place.position

    @property
    def line(self) -> int:
        return self.place.line

    @property
    def column(self) -> int:
        return self.place.column

    def message(self, language: Language = "en") -> str:
        """One line that says where, what is wrong and what was expected."""
        what = self.what.in_language(language)
        expected = self.expected.in_language(language)
        return f"{_where(self.place, language)}: {what}. {_EXPECTED[language]} {expected}."


@dataclass(frozen=True, slots=True)
class QueryWarning:
    """The query is understood, but perhaps not as its writer meant it."""

    place: Place
    what: Wording

    @property
    def position(self) -> int:
        return self.place.position

    def message(self, language: Language = "en") -> str:
        return f"{_where(self.place, language)}: {self.what.in_language(language)}."


_LONGEST: Final = 300
_EXPECTED: Final = {"en": "Expected:", "de": "Erwartet:"}


def _where(place: Place, language: Language) -> str:
    if language == "de":
        return f"Zeile {place.line}, Zeichen {place.column}"
    return f"Line {place.line}, character {place.column}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
