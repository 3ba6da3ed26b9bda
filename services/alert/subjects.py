"""What a watch is usually criticised for: the share of its critical voices by subject.

So that five people who speak of burns are many where nobody ever does, and five more who wait for
an answer are not.
"""

from __future__ import annotations

from typing import Final

import msgspec

MEMORY: Final = 2000
"""When so many voices are counted, all counts are halved."""
PRIOR: Final = 50.0
"""Voices that stand for what is known before: one of them speaks of any given subject."""
APART: Final = 0.2
"""Of the share of its playbook that a story has which stands apart from the first."""


class Subjects(msgspec.Struct):
    """voices: critical ones by playbook, faded."""

    voices: dict[str, int] = {}
    total: int = 0

    def learn(self, playbook: str) -> None:
        """Takes a voice in. What is said while a storm rages, of whatever, is no habit: it is to be
        left out."""
        self.voices[playbook] = self.voices.get(playbook, 0) + 1
        self.total += 1
        if self.total >= MEMORY:
            self.voices = {name: count // 2 for name, count in self.voices.items()}
            self.total = sum(self.voices.values())

    def share(self, playbook: str, *, is_first: bool) -> float:
        """Of a watch's critical voices, those that usually speak of a story's subject. is_first:
        it takes all that is said of its playbook and fits no other story."""
        share = (self.voices.get(playbook, 0) + 1.0) / (self.total + PRIOR)
        return share if is_first else APART * share
