"""What the cues found in a text are worth there: covered, negated, hedged, strengthened, ironic.

Everything stays local: a negation reaches four words, a hedge its sentence. Weights are read as
probabilities and joined by noisy-or, 1 - (1 - a)(1 - b)…, so no number of weak cues makes
certainty and no cue counts twice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from libs.common.events import Label
from services.classify.cues import SENTENCE_ENDS, Found, Hit
from services.classify.reading import Reading

NEGATION_REACH: Final = 4
HEDGE_REACH: Final = 9
IRONY_REACH: Final = 16
IRONY_NEEDS: Final = 0.4
"""How strong a complaint must be to turn the praise beside it into irony."""
SENTENCE_LOOK_AHEAD: Final = 25

HEDGED: Final = 0.5
ASKED: Final = 0.55
"""A danger that is only asked about: "Stimmt es, dass …?" """
PRAISE_NEGATED: Final = 0.8
"""Part of the weight of praise that its negation has as complaint ("nicht zufrieden")."""
COMPLAINT_NEGATED: Final = 0.35
"""Part of the weight of a complaint that its negation has as praise ("keine Mängel")."""
IRONY: Final = 0.8

_CLAUSE_BREAKS: Final = frozenset((".", ",", ";", ":", "!", "?", "-", "|"))


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """A cue with what it is worth in this text. `severity` above 0 marks a theme of crises;
    tokens `first` to before `end`, both -1 when it does not stand in the text."""

    name: str
    label: Label
    weight: float
    severity: float
    first: int
    end: int


def noisy_or(weights: Iterable[float]) -> float:
    """How sure independent signs make us together, 0 to 1."""
    doubt = 1.0
    for weight in weights:
        doubt *= 1.0 - weight
    return 1.0 - doubt


def weigh(found: Found, reading: Reading) -> list[Evidence]:
    """The evidence for labels, in the order of the text."""
    if not found.evidence:
        return []
    kept = _best(_uncovered(found))
    context = _Context(found, reading.words)
    weighed = [context.weigh(hit) for hit in kept]
    evidence = [item for item in weighed if item is not None]
    return _see_irony(kept, weighed, evidence, found.modifiers.get("contrast", ()))


def weigh_noise(found: Found) -> list[Evidence]:
    """The evidence that the text is about something else, one per entry of the lexicon."""
    first = {hit.entry: hit for hit in reversed(found.noise)}
    return [
        Evidence(entry.name, "other", entry.weight, 0.0, hit.first, hit.end)
        for entry, hit in first.items()
    ]


class _Context:
    """The modifiers around a hit."""

    def __init__(self, found: Found, words: Sequence[str]) -> None:
        modifiers, spent = found.modifiers, found.spent
        # A negation inside a phrase ("nicht schlecht") has done its work there.
        self._follows = [p for p in modifiers.get("negates_what_follows", ()) if p not in spent]
        self._precedes = [p for p in modifiers.get("negates_what_precedes", ()) if p not in spent]
        self._contrast = modifiers.get("contrast", ())
        self._intensifier = modifiers.get("intensifier", ())
        self._hedge = modifiers.get("hedge", ())
        self._words = words

    def weigh(self, hit: Hit) -> Evidence | None:
        entry = hit.entry
        name, label, weight, severity = entry.name, entry.label, entry.weight, entry.severity
        if 0 <= hit.first - _before(self._intensifier, hit.first) <= 2:
            weight = 1.0 - (1.0 - weight) ** 1.5
        if self._negated(hit):
            if label == "praise":
                return Evidence(
                    f"not_{name}", "complaint", weight * PRAISE_NEGATED, 0, hit.first, hit.end
                )
            if label == "complaint":
                return Evidence(
                    f"no_{name}", "praise", weight * COMPLAINT_NEGATED, 0, hit.first, hit.end
                )
            if severity:
                return None
        if severity:
            if self._hedged(hit.first):
                weight *= HEDGED
            if not entry.asks and self._asked(hit.end):
                weight *= ASKED
        return Evidence(name, label, weight, severity, hit.first, hit.end)

    def _negated(self, hit: Hit) -> bool:
        if hit.scattered and hit.first < _before(self._follows, hit.end):
            return True
        before = _before(self._follows, hit.first)
        if hit.first - before <= NEGATION_REACH and self._joined(before + 1, hit.first):
            return True
        after = _after(self._precedes, hit.end)
        return after - hit.end < NEGATION_REACH and self._joined(hit.end, after)

    def _joined(self, begin: int, end: int) -> bool:
        if not _CLAUSE_BREAKS.isdisjoint(self._words[begin:end]):
            return False
        return not begin <= _after(self._contrast, begin) < end

    def _hedged(self, first: int) -> bool:
        before = _before(self._hedge, first)
        return first - before <= HEDGE_REACH and SENTENCE_ENDS.isdisjoint(
            self._words[before + 1 : first]
        )

    def _asked(self, end: int) -> bool:
        for word in self._words[end : end + SENTENCE_LOOK_AHEAD]:
            if word in SENTENCE_ENDS:
                return word == "?"
        return False


def _uncovered(found: Found) -> list[Hit]:
    """The hits that do not lie within a longer phrase and not at a harmless one."""
    phrases = [hit for hit in found.evidence if hit.end - hit.first > 1 and not hit.scattered]
    if not phrases and not found.harmless:
        return found.evidence
    longest, harmless = _lengths(phrases), _lengths(found.harmless)
    return [hit for hit in found.evidence if not _covered(hit, longest, harmless)]


def _lengths(hits: Iterable[Hit]) -> dict[int, int]:
    """Per word, the length of the longest hit that lies over it."""
    lengths: dict[int, int] = {}
    for hit in hits:
        for word in range(hit.first, hit.end):
            lengths[word] = max(lengths.get(word, 0), hit.end - hit.first)
    return lengths


def _covered(hit: Hit, longest: Mapping[int, int], harmless: Mapping[int, int]) -> bool:
    first, last, length = hit.first, hit.end - 1, hit.end - hit.first
    if max(harmless.get(first, 0), harmless.get(last, 0)) >= (1 if hit.scattered else length):
        return True
    return not hit.scattered and min(longest.get(first, 0), longest.get(last, 0)) > length


def _best(hits: Sequence[Hit]) -> list[Hit]:
    """One hit per group and place, and one per entry of the lexicon: the strongest."""
    if len(hits) < 2:
        return list(hits)
    by_place: dict[tuple[str, int], Hit] = {}
    for hit in {hit.entry: hit for hit in reversed(hits)}.values():
        known = by_place.setdefault((hit.entry.name, hit.first), hit)
        if known.entry.weight < hit.entry.weight:
            by_place[hit.entry.name, hit.first] = hit
    return sorted(by_place.values(), key=_first)


def _see_irony(
    hits: Sequence[Hit],
    weighed: Sequence[Evidence | None],
    evidence: list[Evidence],
    contrast: Sequence[int],
) -> list[Evidence]:
    """Praise of the ironic kind beside a strong complaint, with no "but" between, joins it."""
    ironic = {
        (item.first, item.name)
        for hit, item in zip(hits, weighed, strict=True)
        if hit.entry.ironic and item is not None and item.label == "praise"
    }
    if not ironic:
        return evidence
    strong = [
        item.first
        for item in evidence
        if item.label in ("complaint", "crisis_candidate") and item.weight >= IRONY_NEEDS
    ]
    if not strong:
        return evidence
    return [
        Evidence("irony", "complaint", item.weight * IRONY, 0.0, item.first, item.end)
        if (item.first, item.name) in ironic and _beside(item.first, strong, contrast)
        else item
        for item in evidence
    ]


def _beside(place: int, others: Sequence[int], contrast: Sequence[int]) -> bool:
    for other in (_before(others, place), _after(others, place)):
        begin, end = sorted((place, other))
        if end - begin <= IRONY_REACH and not begin <= _after(contrast, begin) < end:
            return True
    return False


def _before(places: Sequence[int], place: int) -> int:
    index = bisect_left(places, place)
    return places[index - 1] if index else -1_000


def _after(places: Sequence[int], place: int) -> int:
    index = bisect_left(places, place)
    return places[index] if index < len(places) else 1_000_000


def _first(hit: Hit) -> int:
    return hit.first
