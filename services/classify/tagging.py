"""From mentions to the messages with their verdicts: a pure function, and who runs it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from libs.common.bus import CLASSIFIED, Message
from libs.common.events import Classification, ClassifiedMention, Label, Mention, to_message
from services.classify.classifier import Classifier, Utterance
from services.classify.rules import WORST

NAME: Final = "classify"
"""The service, as its messages name their source."""
CHUNK: Final = 100
"""So many mentions are tagged before others of the process get their turn: a few milliseconds."""


class Tagged(msgspec.Struct, frozen=True, array_like=True):
    """One message per mention, in order, and how many got which label.

    second_looks: numbers of the messages whose verdict deserves one: it is uncertain, or says
    crisis candidate and is not grave.
    """

    messages: list[Message]
    labels: dict[Label, int]
    second_looks: list[int]


class Tagger(Protocol):
    """Tags a batch without holding up the event loop for long."""

    async def tag(self, mentions: Sequence[Mention]) -> Tagged:
        """Raises Retryable when the same may work later."""
        ...


def tagged(mentions: Sequence[Mention], classifier: Classifier) -> Tagged:
    """Each mention with its verdict, keyed by its watch."""
    verdicts = classifier.classify(mentions)
    messages = [
        to_message(CLASSIFIED, mention.watch, classified(mention, verdict), service=NAME)
        for mention, verdict in zip(mentions, verdicts, strict=True)
    ]
    second_looks = [
        n
        for n, verdict in enumerate(verdicts)
        if verdict.uncertain or (verdict.label == "crisis_candidate" and not is_grave(verdict))
    ]
    return Tagged(messages, Counter(verdict.label for verdict in verdicts), second_looks)


def is_grave(verdict: Classification) -> bool:
    """A crisis candidate so severe that nothing lowers it: from there on the rules decide, and a
    text could talk a language model out of what it says."""
    return verdict.label == "crisis_candidate" and verdict.severity >= WORST


def classified(mention: Mention, classification: Classification) -> ClassifiedMention:
    """The mention with this verdict, in place of one it may have."""
    if isinstance(mention, ClassifiedMention):
        return msgspec.structs.replace(mention, classification=classification)
    return ClassifiedMention(**msgspec.structs.asdict(mention), classification=classification)


class InPlace:
    """Implements `Tagger` and `Classifies` in this process."""

    def __init__(self, classifier: Classifier) -> None:
        self.name: Final = classifier.name
        self._classifier = classifier

    async def tag(self, mentions: Sequence[Mention]) -> Tagged:
        messages: list[Message] = []
        labels: Counter[Label] = Counter()
        second_looks: list[int] = []
        for begin in range(0, len(mentions), CHUNK):
            part = tagged(mentions[begin : begin + CHUNK], self._classifier)
            messages += part.messages
            labels.update(part.labels)
            second_looks += [begin + n for n in part.second_looks]
            await asyncio.sleep(0)
        return Tagged(messages, labels, second_looks)

    async def classify(self, texts: Sequence[Utterance]) -> list[Classification]:
        return self._classifier.classify(texts)
