"""All cues of a language in one automaton: a text is searched once for all of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec
from ahocorasick_rs import AhoCorasick

from libs.common.events import Label
from services.classify.lexicon import Cue, Lexicon, Modifiers, WeightedCues, entries, parse_cue
from services.classify.reading import Reading

Place: TypeAlias = tuple[int, int]
"""Tokens: from the first to before the second."""
Section: TypeAlias = Literal["cues", "noise", "harmless", "modifiers"]

SENTENCE_ENDS: Final = frozenset(".!?|")
MOST_MATCHES: Final = 3_000
"""More are not looked at: only a text made to be slow has them."""
MODIFIERS: Final = tuple(Modifiers.model_fields)


class Entry(msgspec.Struct, frozen=True, eq=False):
    """One cue of a lexicon with what it is for. `name` is that of its group or of the modifier;
    weight and severity 0 to 1."""

    cue: Cue
    section: Section
    name: str
    label: Label = "other"
    weight: float = 0.0
    severity: float = 0.0
    ironic: bool = False
    asks: bool = False


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A cue in a text: tokens `first` to before `end`. scattered: its parts stand apart."""

    entry: Entry
    first: int
    end: int
    scattered: bool = False


class Found(msgspec.Struct, frozen=True, gc=False):
    """Everything the lexicons know of in one text.

    harmless: hits that only cover others. modifiers: where they end (number of their last
    token), ascending, by name. spent: tokens inside a phrase or part of a cue; a negation there
    has done its work.
    """

    evidence: list[Hit]
    noise: list[Hit]
    harmless: list[Hit]
    modifiers: dict[str, list[int]]
    spent: set[int]


class _Use(msgspec.Struct, frozen=True):
    """What a literal of the automaton is good for. words: its length. whole: entries that it
    fulfils alone. part: it belongs to entries of several parts. rarest: those of which it is in
    the rarest part: only texts that hold that part need to look for the others."""

    words: int
    whole: list[Entry]
    rarest: list[Entry]
    part: bool = False


class CueIndex:
    """Finds the cues of one or more lexicons."""

    def __init__(self, lexicons: Iterable[Lexicon]) -> None:
        self.entries = tuple(entry for lexicon in lexicons for entry in _entries(lexicon))
        # Modifiers are common words: a look into a dict, and only where there is evidence, costs
        # less than a hit of the automaton.
        self._small_words = _small_words(self.entries)
        uses = _uses([entry for entry in self.entries if not _is_small_word(entry)])
        self._automaton = AhoCorasick(list(uses))
        self._uses = [
            (use.words, use.whole, use.rarest, literal if use.part else None)
            for literal, use in uses.items()
        ]

    def find(self, reading: Reading) -> Found:
        folded, uses = reading.folded, self._uses
        hits: dict[Section, list[Hit]] = {"cues": [], "noise": [], "harmless": [], "modifiers": []}
        places: dict[str, list[Place]] = {}
        begun: list[Entry] = []
        spent: set[int] = set()
        matches = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        first, counted = -1, 0
        for number, start, _ in matches[:MOST_MATCHES]:
            words, whole, rarest, part = uses[number]
            # The token that begins here: spaces are counted on from the match before.
            if start >= counted:
                first += folded.count(" ", counted, start + 1)
            else:
                first -= folded.count(" ", start + 1, counted)
            counted = start + 1
            end = first + words
            for entry in whole:
                if entry.cue.written and not _written(entry.cue, reading, first, end):
                    continue
                hits[entry.section].append(Hit(entry, first, end))
                if words > 1:
                    spent.update(range(first, end))
            if part is not None:
                places.setdefault(part, []).append((first, end))
                begun += rarest
        for entry in dict.fromkeys(begun):
            if not any(part.isdisjoint(places) for part in entry.cue.parts):
                hits[entry.section] += _joined(entry, places, reading.words, spent)
        evidence = hits["cues"]
        modifiers = self._modifiers(hits["modifiers"], reading.words) if evidence else {}
        return Found(evidence, hits["noise"], hits["harmless"], modifiers, spent)

    def _modifiers(self, phrases: Sequence[Hit], words: Sequence[str]) -> dict[str, list[int]]:
        modifiers: dict[str, list[int]] = {}
        small_words = self._small_words
        for place, word in enumerate(words):
            if word in small_words:
                for name in small_words[word]:
                    modifiers.setdefault(name, []).append(place)
        for hit in phrases:
            modifiers.setdefault(hit.entry.name, []).append(hit.end - 1)
        for name in {hit.entry.name for hit in phrases}:
            modifiers[name].sort()
        return modifiers


def _written(cue: Cue, reading: Reading, first: int, end: int) -> bool:
    return cue.is_written(" ".join(reading.tokens[first:end]))


def _is_small_word(entry: Entry) -> bool:
    """A modifier of one whole word each."""
    return entry.section == "modifiers" and all(
        literal.startswith(" ") and literal.endswith(" ") and " " not in literal.strip()
        for literal in entry.cue.parts[0]
    )


def _small_words(all_entries: Iterable[Entry]) -> dict[str, tuple[str, ...]]:
    words: dict[str, tuple[str, ...]] = {}
    for entry in filter(_is_small_word, all_entries):
        for literal in entry.cue.parts[0]:
            known = words.get(literal.strip(), ())
            words[literal.strip()] = tuple(dict.fromkeys((*known, entry.name)))
    return words


def _uses(all_entries: Iterable[Entry]) -> dict[str, _Use]:
    uses: dict[str, _Use] = {}

    def use(literal: str, part: bool) -> _Use:
        known = uses.get(literal) or _Use(literal.strip().count(" ") + 1, [], [])
        uses[literal] = msgspec.structs.replace(known, part=part or known.part)
        return uses[literal]

    scattered = []
    for entry in all_entries:
        if len(entry.cue.parts) > 1:
            scattered.append(entry)
        else:
            for literal in entry.cue.parts[0]:
                use(literal, part=False).whole.append(entry)
    shared = Counter(part for entry in scattered for part in entry.cue.parts)
    for entry in scattered:
        rarest = min(entry.cue.parts, key=shared.__getitem__)
        for part in entry.cue.parts:
            for literal in part:
                found = use(literal, part=True)
                if part is rarest:
                    found.rarest.append(entry)
    return uses


def _joined(
    entry: Entry, places: Mapping[str, Sequence[Place]], words: Sequence[str], spent: set[int]
) -> Iterator[Hit]:
    """The hits of a cue of several parts. A harmless one covers its parts, not what is between."""
    standing = [
        sorted(place for literal in places if literal in part for place in places[literal])
        for part in entry.cue.parts
    ]
    for chain in _chains(entry.cue, standing, words):
        for first, end in chain:
            spent.update(range(first, end))
        if entry.section == "harmless":
            for first, end in chain:
                yield Hit(entry, first, end)
        else:
            begin, end = min(f for f, _ in chain), max(e for _, e in chain)
            yield Hit(entry, begin, end, not entry.cue.ordered)


def _chains(
    cue: Cue, places: Sequence[Sequence[Place]], words: Sequence[str]
) -> Iterator[list[Place]]:
    """For each place of the first part, the nearest places of the others, if near enough."""
    for place in places[0]:
        chain = [place]
        for others in places[1:]:
            nearest = _nearest(chain[-1], others, cue)
            if nearest is None or not _one_sentence(chain[-1], nearest, words):
                break
            chain.append(nearest)
        else:
            yield chain


def _nearest(place: Place, others: Sequence[Place], cue: Cue) -> Place | None:
    after = bisect_left(others, (place[1], 0))
    candidates: list[tuple[int, Place]] = []
    if after < len(others):
        candidates.append((others[after][0] - place[1], others[after]))
    if not cue.ordered:
        before = bisect_left(others, place) - 1
        if before >= 0 and others[before][1] <= place[0]:
            candidates.append((place[0] - others[before][1], others[before]))
    gap, nearest = min(candidates, default=(cue.within + 1, place))
    return nearest if gap <= cue.within else None


def _one_sentence(one: Place, other: Place, words: Sequence[str]) -> bool:
    (_, begin), (end, _) = sorted((one, other))
    return SENTENCE_ENDS.isdisjoint(words[begin:end])


def _entries(lexicon: Lexicon) -> Iterator[Entry]:
    sections: tuple[tuple[Section, Mapping[str, WeightedCues]], ...] = (
        ("cues", lexicon.cues),
        ("noise", lexicon.noise),
    )
    for section, groups in sections:
        for name, group in groups.items():
            for weight, block in group.cues.items():
                for entry in entries(block):
                    cue = parse_cue(entry, lexicon.sets)
                    yield Entry(
                        cue,
                        section,
                        name,
                        group.label,
                        weight,
                        group.severity,
                        group.ironic,
                        group.asks,
                    )
    for name, block in lexicon.harmless.items():
        for entry in entries(block):
            yield Entry(parse_cue(entry, lexicon.sets), "harmless", name)
    for name in MODIFIERS:
        for entry in entries(getattr(lexicon.modifiers, name)):
            yield Entry(parse_cue(entry, lexicon.sets), "modifiers", name)
