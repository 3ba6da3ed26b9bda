"""One story: what some of a watch's critical voices have in common, and how surely a text is about
the same."""

from __future__ import annotations

from collections.abc import Iterable
from math import log, log2
from typing import Final

import msgspec

from services.alert.vocabulary import Vocabulary

MOST_WHO: Final = 5
"""People that a story remembers, at its beginning."""
SILENT_SECONDS: Final = 24 * 3600.0
"""A story ends when nobody has spoken of it for so long, and later the more have: by a quarter
whenever they are twice as many, up to three days."""

_CHANCE: Final = 1.5
"""Nats that a shared word is worth less than it seems: words go together by chance."""
SHORTEST_PART: Final = 5
"""Letters of a word that may be recognised within a compound."""
_RECENT: Final = 64
"""Voices after which a story's counts are halved: it is about what is said now."""
_CORE: Final = 2
"""Voices that make a term one of the core."""
_MOST_TERMS: Final = 32
_KEPT_TERMS: Final = 20


class Story(msgspec.Struct):
    """What some voices have in common.

    key: the incident's theme; never changes. number: counts the watch's stories.
    last: when the newest voice spoke, in seconds since 1970. total: voices so far.
    recent: voices that `said` counts: in how many of them each term stands.
    who: the first people who share its words. lang: the language it began in. stems: the core terms
    that are long enough to be recognised within a compound; None until they are asked for.
    """

    key: str
    playbook: str
    number: int
    last: float
    total: int = 0
    recent: int = 0
    said: dict[str, int] = {}
    who: list[int] = []
    lang: str | None = None
    stems: list[str] | None = None

    def ends_at(self) -> float:
        """When it ends, should nobody speak of it again."""
        longer = min(3.0, 1.0 + log2(max(1, self.total)) / 4)
        return self.last + SILENT_SECONDS * longer

    def hear(self, at: float) -> None:
        """A voice is counted."""
        if at > self.last:
            self.last = at
        self.total += 1

    def learn(self, who: int, said: Iterable[str]) -> None:
        """A voice says what the story is about."""
        if len(self.who) < MOST_WHO and who not in self.who:
            self.who.append(who)
        self.recent += 1
        counts = self.said
        for term in said:
            count = counts[term] = counts.get(term, 0) + 1
            if count == _CORE:
                self.stems = None
        if self.recent >= _RECENT:
            self.recent //= 2
            self.said = {term: half for term, count in counts.items() if (half := count // 2)}
            self.stems = None
        elif len(counts) > _MOST_TERMS:
            self._drop_rare()

    def evidence(self, said: Iterable[str], vocabulary: Vocabulary, nats: float = 0.0) -> float:
        """How much likelier the story is to bring up these words than the watch is, in nats, on
        top of those given.

        They are summed in the order of the text: that of a set differs from process to process.
        """
        counts, voices = self.said, self.recent + 1
        for term in filter(counts.__contains__, said):
            chance = log(counts[term] / voices / vocabulary.share(term)) - _CHANCE
            if chance > 0.0:
                nats += chance
        return nats

    def core(self) -> list[str]:
        """The terms that more than one voice has said."""
        return [term for term, count in self.said.items() if count >= _CORE]

    def parts(self, line: str) -> list[str]:
        """The core terms that stand in this line of terms, be it within a compound (`brems` in
        `vorderradbrems`)."""
        stems = self.stems
        if stems is None:
            stems = self.stems = [term for term in self.core() if len(term) >= SHORTEST_PART]
        return [stem for stem in stems if stem in line]

    def _drop_rare(self) -> None:
        """Keeps what is said most, the newest among equals; the order stays."""
        counts = self.said
        least = sorted(counts.values())[-_KEPT_TERMS]
        rare = []
        if least > 1:
            self.stems = None
            rare = [term for term, count in counts.items() if count < least]
        rare += [term for term, count in counts.items() if count == least]
        for term in rare[: len(counts) - _KEPT_TERMS]:
            del counts[term]
