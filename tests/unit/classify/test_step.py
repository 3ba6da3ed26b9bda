from __future__ import annotations

from datetime import UTC, datetime

import pytest

from libs.common.bus import CLASSIFIED, Message, Record
from libs.common.errors import InvalidEvent
from libs.common.events import ClassifiedMention, Noted, from_record
from services.classify.load import load_classifier
from services.classify.rules import RulesClassifier, load_rules
from services.classify.step import classify_step
from services.classify.tagging import CHUNK, InPlace, classified
from tests.unit.classify.subjects import a_deletion, a_mention


@pytest.fixture(scope="module")
def rules() -> RulesClassifier:
    return load_rules()


def event_of(message: Message) -> object:
    record = Record(message.topic, 0, 0, 0, message.key, message.value, message.headers)
    return from_record(record)


async def test_a_mention_goes_on_with_its_verdict_keyed_by_its_watch(
    rules: RulesClassifier,
) -> None:
    mention = a_mention("Die Bremse hat versagt", watch="board", followers=7)
    [message] = await classify_step(InPlace(rules))([mention])
    assert (message.topic, message.key) == (CLASSIFIED, "board")
    assert event_of(message) == classified(mention, rules.classify([mention])[0])


async def test_a_deletion_passes_through_keyed_by_its_watch(rules: RulesClassifier) -> None:
    deletion = a_deletion(watch="board")
    [message] = await classify_step(InPlace(rules))([deletion])
    assert (message.topic, message.key, event_of(message)) == (CLASSIFIED, "board", deletion)


async def test_a_batch_keeps_its_order_whatever_its_size(rules: RulesClassifier) -> None:
    events = [
        a_deletion(native_id=str(n)) if n % 7 == 0 else a_mention(native_id=str(n))
        for n in range(CHUNK * 2 + 3)
    ]
    messages = await classify_step(InPlace(rules))(events)
    assert [getattr(event_of(m), "native_id", None) for m in messages] == [
        event.native_id for event in events
    ]
    assert await classify_step(InPlace(rules))([]) == []


async def test_what_is_uncertain_deserves_a_second_look_and_what_is_grave_none() -> None:
    classifier = load_classifier()
    texts = ("Die Bremse hat versagt!", "Danke, super!", "Asdf qwer", "Wann kommt sie?")
    mentions = [a_mention(texts[n % 4], native_id=str(n), lang="de") for n in range(CHUNK * 2 + 3)]
    tagged = await InPlace(classifier).tag(mentions)
    verdicts = classifier.classify(mentions)
    wanted = [n for n, v in enumerate(verdicts) if v.uncertain]
    assert tagged.second_looks == wanted
    assert 0 < len(wanted) < len(mentions)
    assert wanted[-1] >= 2 * CHUNK


async def test_the_same_event_gives_the_same_message(rules: RulesClassifier) -> None:
    step = classify_step(InPlace(rules))
    assert await step([a_mention()]) == await step([a_mention()])


async def test_another_event_is_refused(rules: RulesClassifier) -> None:
    note = Noted(incident="i", at=datetime(2026, 1, 1, tzinfo=UTC), by="anna", text="?")
    with pytest.raises(InvalidEvent, match="Noted does not belong on the raw stream"):
        await classify_step(InPlace(rules))([note])


def test_a_second_verdict_replaces_the_first(rules: RulesClassifier) -> None:
    old, new = rules.classify([a_mention("Super!"), a_mention("Nie wieder!")])
    again = classified(classified(a_mention(), old), new)
    assert isinstance(again, ClassifiedMention)
    assert again == classified(a_mention(), new)
