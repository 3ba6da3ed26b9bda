"""Lexicon files: words and phrases that speak for something, written for people.

A file is YAML; cues stand in blocks, separated by commas or lines, `#` begins a comment:

    word            the whole word
    word*           words that begin so; *word: end so; *word*: contain it
    two words       one after the other
    this|that way   either word in this place
    here / over there   either phrase
    <set>           any entry of the set of that name; <one>|<other>|word: of either, or the word
    one + two       both in one sentence, at most eight words apart, in either order
    =schön          written exactly so (or with oe), where folding would confuse it with "schon"

Otherwise case, umlauts (ä, ae, a) and ß do not matter. A weight is how sure the cue alone makes
us, 0 to 1.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from pydantic import Field, field_validator

from libs.common.errors import ConfigurationError
from libs.common.events import Label
from libs.common.query.fold import fold
from libs.common.settings import Strict, load
from services.classify.reading import read

Language: TypeAlias = Literal["de", "en", "any"]
Weight: TypeAlias = Annotated[float, Field(gt=0, le=1)]
Block: TypeAlias = str

WITHIN: Final = 8
"""How many words may stand between the parts of a cue joined by `+`."""

_SEPARATOR: Final = re.compile(r"[,\n]")
_SET: Final = re.compile(r"<([a-z_]+)>")
_MEANS_A_SET: Final = re.compile(r"<[^\W\d]")
"""Unlike <3 and the like."""
_MORE_THAN_WORDS: Final = re.compile(r"^=|[<+|]| / ")
_STARRED_LETTERS: Final = 3
"""A starred word with fewer letters would match nearly everywhere."""


class Cue(NamedTuple):
    """One entry of a lexicon, ready to be searched.

    parts: alternatives as they stand in a `Reading.folded`, per part; all parts must be found,
    at most `within` tokens apart, in this order when `ordered`. written: if not empty, what the
    original must begin with, in lower case (or be, when the cue has no star).
    """

    source: str
    parts: tuple[frozenset[str], ...]
    within: int = 0
    ordered: bool = False
    written: tuple[str, ...] = ()

    def is_written(self, words: str) -> bool:
        """Whether these words of the original are spelt as the cue demands."""
        spelling = words.lower()
        return (
            spelling.startswith(self.written)
            if self.source[-1] == "*"
            else (spelling in self.written)
        )


class WeightedCues(Strict):
    """Cues that speak for one label, under the name that reasons show.

    severity: 0 to 1, how bad it is when true; for crisis candidates only.
    ironic: praise that turns into complaint beside a complaint ("ganz toll, zwei Stunden …").
    asks: a question by nature, so that a question mark takes nothing from it.
    """

    label: Label
    severity: Annotated[float, Field(ge=0, le=1)] = 0.0
    ironic: bool = False
    asks: bool = False
    cues: dict[Weight, Block]


class Modifiers(Strict):
    """What changes the meaning of other cues."""

    negates_what_follows: Block = ""
    negates_what_precedes: Block = ""
    contrast: Block = ""
    """"but": negation and irony do not reach across."""
    intensifier: Block = ""
    emphasis: Block = ""
    """Signs of strong feeling anywhere in the text."""
    hedge: Block = ""
    """Hypothetical or reported: "if", "could", "allegedly"."""
    first_person: Block = ""
    event: Block = ""
    """Something concrete happened: times, places, past tense."""


class Lexicon(Strict):
    """The content of a lexicon file. Every section may be left out.

    harmless: what looks like a cue and is none; the words it covers count for nothing.
    noise: texts that are about something else (job ads, give-aways); lowers all other cues.
    function_words: small words by which the language is recognised.
    """

    language: Language
    sets: dict[str, Block] = Field(default_factory=dict)
    cues: dict[str, WeightedCues] = Field(default_factory=dict)
    harmless: dict[str, Block] = Field(default_factory=dict)
    noise: dict[str, WeightedCues] = Field(default_factory=dict)
    modifiers: Modifiers = Modifiers()
    function_words: Block = ""

    @field_validator("sets")
    @classmethod
    def _sets_are_flat(cls, sets: dict[str, Block]) -> dict[str, Block]:
        for name, block in sets.items():
            for entry in entries(block):
                if _MORE_THAN_WORDS.search(entry):
                    raise ValueError(
                        f"the set {name!r} holds words and phrases only, not {entry!r}"
                    )
        return sets


def read_lexicon(path: Path) -> Lexicon:
    """The validated file. Raises ConfigurationError with file, line and path of every finding."""
    lexicon = load(path, Lexicon, {})
    findings = list(_findings(lexicon))
    if findings:
        raise ConfigurationError([f"{path}: {finding}" for finding in findings])
    return lexicon


def entries(block: Block) -> Iterator[str]:
    """The entries of a block, comments left out."""
    for line in block.splitlines():
        for entry in _SEPARATOR.split(line.partition("# ")[0]):
            if entry.strip():
                yield " ".join(entry.split())


def parse_cue(entry: str, sets: Mapping[str, Block]) -> Cue:
    """The cue of an entry. Raises ValueError saying what is wrong with it."""
    if entry.startswith("="):
        return _exact(entry, sets)
    parts = [part.strip() for part in entry.split("+")]
    if len(parts) > 1:
        return Cue(entry, tuple(_words(part, sets) for part in parts), WITHIN)
    phrase = _inner_star(entry)
    if phrase:
        return Cue(entry, tuple(_words(part, sets) for part in phrase), 0, ordered=True)
    return Cue(entry, (_words(entry, sets),))


def _exact(entry: str, sets: Mapping[str, Block]) -> Cue:
    spelling = entry[1:].lower()
    if set("+<|*") & set(spelling[:-1]):
        raise ValueError("= goes before plain words, with a star at their end at most")
    plain = spelling.rstrip("*")
    transcribed = plain.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    return Cue(entry, (_words(spelling, sets),), written=(plain, transcribed))


def _inner_star(entry: str) -> list[str]:
    """A phrase with a star inside, cut after each starred word; empty when it has none."""
    words = entry.split()
    pieces: list[list[str]] = [[]]
    for word in words:
        pieces[-1].append(word)
        if word.endswith("*"):
            pieces.append([])
    if not pieces[-1]:
        pieces.pop()
    return [" ".join(piece) for piece in pieces] if len(pieces) > 1 else []


def _words(part: str, sets: Mapping[str, Block]) -> frozenset[str]:
    """Every spelling of a part as it is searched in a folded text."""
    if not part:
        raise ValueError("expected words on both sides of +")
    return frozenset(_literal(spelling) for spelling in _spellings(part, sets))


def _spellings(part: str, sets: Mapping[str, Block]) -> Iterator[str]:
    for phrase in part.split(" / "):
        yield from _phrases(phrase, sets)


def _phrases(phrase: str, sets: Mapping[str, Block]) -> Iterator[str]:
    choices = [list(_choices(word, sets)) for word in phrase.split()]
    for chosen in itertools.product(*choices):
        yield " ".join(chosen)


def _choices(word: str, sets: Mapping[str, Block]) -> Iterator[str]:
    """What may stand in the place of one word of an entry."""
    for choice in word.split("|") if word.strip("|") else [word]:
        name = _SET.fullmatch(choice)
        if name is None:
            if _MEANS_A_SET.search(choice):
                raise ValueError(
                    f"{choice!r}: expected <set>, in small letters, as a word by itself"
                )
            yield choice
        elif name[1] in sets:
            yield from entries(sets[name[1]])
        else:
            raise ValueError(f"there is no set named {name[1]!r}")


def _literal(spelling: str) -> str:
    begins, ends = not spelling.startswith("*"), not spelling.endswith("*")
    bare = spelling.strip("*")
    if "*" in bare:
        raise ValueError(f"{spelling!r}: a star stands at the beginning or the end of a word")
    tokens = read(None, bare).tokens
    if not tokens:
        raise ValueError(f"{spelling!r} has no letters")
    letters = fold(" ".join(tokens))
    if not (begins and ends) and letters.isalnum() and len(letters) < _STARRED_LETTERS:
        raise ValueError(f"{spelling!r}: expected at least {_STARRED_LETTERS} letters with a star")
    return f"{' ' * begins}{letters}{' ' * ends}"


def _findings(lexicon: Lexicon) -> Iterator[str]:
    for place, block in _blocks(lexicon):
        for entry in entries(block):
            try:
                cue = parse_cue(entry, lexicon.sets)
            except ValueError as error:
                yield f"{place}: {entry!r}: {error}"
            else:
                if place.startswith("modifiers.") and len(cue.parts) > 1:
                    yield f"{place}: {entry!r}: a modifier is a word or a phrase, in one piece"


def _blocks(lexicon: Lexicon) -> Iterator[tuple[str, Block]]:
    for name, block in lexicon.sets.items():
        yield f"sets.{name}", block
    for section, groups in (("cues", lexicon.cues), ("noise", lexicon.noise)):
        for name, group in groups.items():
            for block in group.cues.values():
                yield f"{section}.{name}", block
    for name, block in lexicon.harmless.items():
        yield f"harmless.{name}", block
    for name in Modifiers.model_fields:
        yield f"modifiers.{name}", getattr(lexicon.modifiers, name)
