"""What campaigns say: one text, copied and rewritten, by accounts that look alike."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import numpy as np

from libs.common.events import Mention
from sandbox.simulator.channels import suited
from sandbox.simulator.people import Crowd
from sandbox.simulator.plan import CAMPAIGN, MINUTES, CampaignPlan, WatchPlan
from sandbox.simulator.texts import BUCKETS, COMPLAINT, OTHER, Language, Library, Line, phrases
from sandbox.simulator.writing import Saying, Scribe, Simulated

LONG: Final = range(80, 240)
"""So many characters has what is worth copying."""


class CampaignVoices:
    """What one campaign says. members: the ids of its mentions so far."""

    def __init__(
        self, plan: WatchPlan, campaign: CampaignPlan, at: int, library: Library, scribe: Scribe
    ) -> None:
        self._campaign = campaign
        self._scribe = scribe
        choice = plan.chance(CAMPAIGN, at)
        self._choice = random.Random(int(choice.integers(2**62)))
        lang: Language = "de" if choice.random() < plan.settings.german else "en"
        label = COMPLAINT if campaign.truth.kind == "reviews" else OTHER
        lines = library.about(lang, label, plan.truth.industry, 0)
        fitting = [line for line in lines if len(line.text) in LONG] or lines
        self._line = fitting[int(choice.integers(len(fitting)))]
        crowd = Crowd(f"{campaign.truth.id}/people", 10**6, plan.settings.seed, (1.0, 1.0))
        self._people = crowd
        self._accounts = 1 if campaign.truth.kind == "reviews" else 2
        self._said = 0
        self.members: list[str] = []

    def say(self, day: int, begin: float) -> Iterator[Simulated]:
        """The campaign's mentions on a day that begins at this second."""
        moments = self._campaign.moments
        first, last = np.searchsorted(moments, (day * MINUTES, (day + 1) * MINUTES))
        for moment in moments[first:last].tolist():
            at = begin + moment * 60.0 - day * MINUTES * 60.0
            bucket, late = self._choice.randrange(1, BUCKETS), self._choice.random()
            saying = self._saying()
            simulated = self._scribe.write(
                at, self._line.label, bucket, late, saying, self._campaign.truth.id
            )
            if simulated is not None:
                if isinstance(simulated.event, Mention):
                    self.members.append(simulated.event.id)
                yield simulated

    def _saying(self) -> Saying:
        channel = self._campaign.channel
        kind = suited(self._line.kind, channel)
        text = self._line.text
        if self._campaign.truth.kind == "reviews" and self._said:
            text = rewritten(self._line, self._choice)
        author = self._people.number(self._said // self._accounts)
        self._said += 1
        return Saying(self._line, text, kind, channel, author)


def rewritten(line: Line, choice: random.Random) -> str:
    """The text as somebody would change it a little who copies it: a word for another, something
    put before or behind; at least four fifths of it stay."""
    rewrites = phrases().rewrites[line.lang]
    words = line.text.split(" ")
    for _ in range(max(1, len(words) // 12)):
        at = choice.randrange(len(words))
        words[at] = rewrites.words.get(words[at], words[at])
    if choice.random() < 0.3:
        at = choice.randrange(len(words))
        words[at] = words[at].upper()
    before, after = choice.choice(rewrites.before), choice.choice(rewrites.after)
    return f"{before}{' '.join(words)}{after}"
