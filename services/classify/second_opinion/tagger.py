"""A tagger that has uncertain verdicts and crisis candidates looked at a second time."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

import msgspec

from libs.common import metrics
from libs.common.bus import CLASSIFIED, Message
from libs.common.clock import Clock, utc_now
from libs.common.events import Classification, Mention, to_message
from libs.common.http import open_client
from services.classify.second_opinion.asking import Asking
from services.classify.second_opinion.endpoint import Endpoint
from services.classify.second_opinion.opinion import Opinion, Why
from services.classify.second_opinion.question import Question, question_about
from services.classify.second_opinion.spending import Spending
from services.classify.second_opinion.verdict import with_opinion
from services.classify.settings import SecondOpinionSection
from services.classify.tagging import NAME, Tagged, Tagger, classified

USER_AGENT: Final = "Brandmelder"


class GivesOpinions(Protocol):
    """Answers what it can, in bounded time."""

    async def about(self, questions: Sequence[Question]) -> dict[Question, Opinion | Why]: ...


@asynccontextmanager
async def with_second_opinion(
    tagger: Tagger, settings: SecondOpinionSection | None, clock: Clock = utc_now
) -> AsyncIterator[Tagger]:
    """The tagger with second opinions; without settings, the tagger as it is."""
    if settings is None:
        yield tagger
        return
    patience = settings.timeout.total_seconds()
    async with open_client(
        user_agent=USER_AGENT, allow_private=settings.allow_private, timeout=patience
    ) as client:
        endpoint = Endpoint(client, settings.endpoint, settings.model, settings.api_key, clock)
        spending = Spending(settings.budget, settings.requests_per_minute)
        asking = Asking(endpoint, spending, patience, clock)
        yield SecondOpinion(tagger, asking, settings.model)


class SecondOpinion:
    """Implements `Tagger` over another one. Where no opinion comes, its verdict stays."""

    def __init__(self, tagger: Tagger, opinions: GivesOpinions, model: str) -> None:
        """model: who gives the opinions; added to the name of the model in the verdicts."""
        self._tagger = tagger
        self._opinions = opinions
        self._model = model

    async def tag(self, mentions: Sequence[Mention]) -> Tagged:
        """Crisis candidates are asked about first: money and time may not reach for all."""
        tagged = await self._tagger.tag(mentions)
        if not tagged.second_looks:
            return tagged
        own = {n: _verdict(tagged.messages[n]) for n in tagged.second_looks}
        in_order = sorted(own, key=lambda n: own[n].label != "crisis_candidate")
        questions = {n: question_about(mentions[n]) for n in in_order}
        answers = await self._opinions.about(
            list(dict.fromkeys(question for question in questions.values() if question))
        )
        messages, labels = list(tagged.messages), Counter(tagged.labels)
        for n, question in questions.items():
            answer = answers[question] if question else "no text"
            if isinstance(answer, str):
                metrics.SECOND_OPINIONS.labels(answer).inc()
                continue
            verdict, outcome = with_opinion(mentions[n], own[n], answer, self._model)
            metrics.SECOND_OPINIONS.labels(outcome).inc()
            labels.subtract([own[n].label])
            labels.update([verdict.label])
            event = classified(mentions[n], verdict)
            messages[n] = to_message(CLASSIFIED, event.watch, event, service=NAME)
        return Tagged(messages, +labels, tagged.second_looks)


def _verdict(message: Message) -> Classification:
    return _DECODER.decode(message.value or b"").classification


class _Judged(msgspec.Struct):
    """Of a classified mention, what was added to it."""

    classification: Classification


_DECODER: Final = msgspec.json.Decoder(_Judged)
