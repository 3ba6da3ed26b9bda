"""How well stories are told apart, measured on the corpus: two themes of one trade, mixed with
complaints about anything. Its texts tell of unrelated events, which is harder than life: what one
theme's texts share are its words, and no product or place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations
from random import Random
from typing import Final, NamedTuple

import msgspec

from services.alert.playbook import GENERAL, load_playbooks
from services.alert.stories import VAGUE, Stories
from services.alert.vocabulary import terms_of
from tests.unit.alert.story_builders import a_voice
from training.corpus import Sample, read

CUES: Final = {
    "environment": "environmental_damage",
    "boycott": "boycott_call",
    "legal": "legal_action",
    "press": "press_enquiry",
}
"""What the classifier calls a theme, where the corpus has another name."""


class Trade(NamedTuple):
    crises: Mapping[str, Sequence[Sample]]
    complaints: Sequence[Sample]
    ordinary: Sequence[Sample]


class Pairs(NamedTuple):
    """Two voices of one theme in one story; of two in one; of one in two."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def and_(self, other: Pairs) -> Pairs:
        return Pairs(*(mine + more for mine, more in zip(self, other, strict=True)))

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


@cache
def trades() -> list[Trade]:
    crises: dict[tuple[str, str], dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    others: dict[tuple[str, str, bool], list[Sample]] = defaultdict(list)
    for sample in read():
        if sample.theme is not None:
            crises[sample.lang, sample.industry][sample.theme].append(sample)
        else:
            others[sample.lang, sample.industry, sample.label == "complaint"].append(sample)
    return [
        Trade(themes, others[(*key, True)], others[(*key, False)])
        for key, themes in sorted(crises.items())
    ]


def playbook_of(theme: str) -> str:
    cue = CUES.get(theme, theme)
    return load_playbooks().about(a_voice(theme=cue).mention, {cue: 1.0}).id


def mixed(trade: Trade, themes: Sequence[str], random: Random) -> tuple[Pairs, int, int]:
    """Pairs of voices; complaints that went astray into a crisis; the state's bytes."""
    stories = Stories()
    for sample in random.sample(trade.ordinary, min(200, len(trade.ordinary))):
        stories.vocabulary.take(terms_of(sample.text))
    stream = [(theme, sample) for theme in themes for sample in trade.crises[theme]]
    stream += [("", sample) for sample in random.sample(trade.complaints, 20)]
    random.shuffle(stream)
    crises, astray = [], 0
    for number, (theme, sample) in enumerate(stream):
        voice = a_voice(number, sample.text, theme=theme or None, lang=sample.lang)
        story = stories.place(voice, playbook_of(theme) if theme else GENERAL)
        if theme:
            crises.append((theme, story.key))
        else:
            astray += story.playbook not in VAGUE
    return pairs(crises), astray, len(msgspec.msgpack.encode(stories))


def pairs(placed: Sequence[tuple[str, str]]) -> Pairs:
    right = wrong = missed = 0
    for (theme, key), (other_theme, other_key) in combinations(placed, 2):
        if key == other_key:
            right += theme == other_theme
            wrong += theme != other_theme
        else:
            missed += theme == other_theme
    return Pairs(right, wrong, missed)


def test_themes_of_one_trade_are_told_apart() -> None:
    random = Random(5)
    total, astray, streams = Pairs(), 0, 0
    for trade in trades():
        themes = sorted(t for t, texts in trade.crises.items() if len(texts) >= 5)
        themes = [theme for theme in themes if playbook_of(theme) not in VAGUE]
        chosen = random.sample(themes, 2)
        if playbook_of(chosen[0]) == playbook_of(chosen[1]):
            continue
        found, strays, size = mixed(trade, chosen, random)
        total, astray, streams = total.and_(found), astray + strays, streams + 1
        assert size <= 8000

    assert streams >= 25
    assert total.precision >= 0.95
    assert total.recall >= 0.85
    assert astray / (20 * streams) <= 0.05
