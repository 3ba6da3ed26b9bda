"""From a classified mention to a signal: the configured rules, and people's hints.

One mention is one story: however many rules it matches, it raises one signal, that of the
strongest rule (the first in the file among equals).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from libs.common.events import ClassifiedMention
from libs.common.query import Matcher, parse
from libs.common.settings import Language
from services.alert.playbook import Playbooks
from services.alert.settings import Rule
from services.alert.signal import HINT, Signal

HINT_LEVEL: Final = 1
HINT_WHY: Final = "a person gave a hint; every hint is seen by a human"


class Rules:
    """All rules, ready to be asked about many mentions.

    watches: names of the watches by id, for headlines; language: theirs.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        playbooks: Playbooks,
        watches: Mapping[str, str],
        language: Language,
    ) -> None:
        self._rules = {rule.id: rule for rule in rules}
        self._rank = {rule.id: (-rule.level, position) for position, rule in enumerate(rules)}
        self._matcher = Matcher({rule.id: parse(rule.when).query for rule in rules})
        self._playbooks = playbooks
        self._watches = watches
        self._language = language

    def signal(self, mention: ClassifiedMention) -> Signal | None:
        """The signal this mention raises, if any. What was read from the past, and a later verdict
        on what was known before, raise none."""
        if mention.backfill or mention.classification.reclassified:
            return None
        hinted = mention.kind == "hint"
        matched = self._matcher.match(mention) if self._rules else []
        if not matched:
            return self._signal(mention, None) if hinted else None
        rule = self._rules[min(matched, key=self._rank.__getitem__)]
        return self._signal(mention, rule)

    def names_theme(self, rule: str) -> bool:
        """Whether the rule says itself which incident its signals belong to."""
        known = self._rules.get(rule)
        return known is not None and known.theme is not None

    def _signal(self, mention: ClassifiedMention, rule: Rule | None) -> Signal:
        playbook = (
            self._playbooks.get(rule.playbook)
            if rule and rule.playbook
            else self._playbooks.about(mention, _cues(mention))
        )
        title = playbook.title.in_language(self._language)
        return Signal(
            rule=rule.id if rule else HINT,
            level=rule.level if rule else HINT_LEVEL,
            theme=rule.theme if rule and rule.theme else playbook.id,
            playbook=playbook.id,
            title=f"{self._watches.get(mention.watch, mention.watch)}: {title}",
            why=f"rule {rule.id}: {rule.why or rule.when}" if rule else HINT_WHY,
            mention=mention,
        )


def _cues(mention: ClassifiedMention) -> dict[str, float]:
    """What the classifier's reasons speak of, with their summed weights: those for the label it
    decided on, or all of them if none speaks for that."""
    classification = mention.classification
    decisive = [r for r in classification.reasons if r.label == classification.label]
    cues: dict[str, float] = {}
    for reason in decisive or classification.reasons:
        cues[reason.cue] = cues.get(reason.cue, 0.0) + reason.weight
    return cues
