"""What people say mentions are: kept apart from the verdict, on both databases."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine
from libs.common.events import ClassifiedMention, to_json
from libs.common.query import parse
from services.query.correction import Correction, ShownMention, shown_of
from services.query.corrections import Corrections, Gone, Kept, NotInText
from services.query.search import Search
from services.query.store import Found, MentionStore, Verdict
from services.query.tables import label_corrections
from tests.unit.query_service.building import NOON, a_correction, a_deletion, a_mention

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url)
    await migrate(engine, "services.query")
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> MentionStore:
    return MentionStore(engine)


@pytest.fixture
def people(engine: AsyncEngine) -> Corrections:
    return Corrections(engine)


async def found_by(store: MentionStore, query: str) -> list[str]:
    page = await store.search(Search(parse(query).query))
    return [shown_of(body).native_id for body in page.bodies]


async def shown(store: MentionStore, mention: ClassifiedMention) -> ShownMention:
    found = await store.get(mention.id)
    assert found is not None
    assert found.body is not None
    return shown_of(found.body)


def judged_anew(mention: ClassifiedMention, label: str) -> ClassifiedMention:
    verdict = msgspec.structs.replace(mention.classification, label=label, reclassified=True)
    return msgspec.structs.replace(mention, classification=verdict)


async def said(people: Corrections) -> list[tuple[str, Correction]]:
    return [(each.mention.native_id, each.correction) async for each in people.since()]


async def test_a_corrected_mention_is_shown_and_found_by_what_the_person_says(
    store: MentionStore, people: Corrections
) -> None:
    mention = a_mention(label="complaint")
    await store.write([mention, a_mention(2)])
    kept = await people.put(mention.id, a_correction("praise"))
    assert isinstance(kept, Kept)
    assert kept.changed
    assert await store.get(mention.id) == Found(kept.body)
    told = await shown(store, mention)
    assert told.classification == mention.classification
    assert told.corrected is not None
    assert (told.corrected.label, told.corrected.severity) == ("praise", 0.0)
    assert (told.corrected.by, told.corrected.at) == ("Anna", NOON)
    assert await found_by(store, "label:praise") == ["1"]
    assert await found_by(store, "bremse label:complaint") == ["2"]
    assert await found_by(store, "severity>=0.4") == ["2"]


async def test_all_that_was_said_is_kept_and_shown_with_the_mention_alone(
    store: MentionStore, people: Corrections
) -> None:
    mention = a_mention(label="complaint")
    await store.write([mention])
    correction = a_correction(
        "crisis_candidate",
        severity=0.9,
        theme="safety_defect",
        cues=("Die Bremse", "versagt"),
        note="siehe \U0001f525 Forum",
    )
    await people.put(mention.id, correction)
    assert await said(people) == [("1", correction)]
    told = (await shown(store, mention)).corrected
    assert told is not None
    assert (told.theme, told.cues, told.note) == (
        "safety_defect",
        ("Die Bremse", "versagt"),
        "siehe \U0001f525 Forum",
    )
    [listed] = (await store.search(Search(parse("").query))).bodies
    assert shown_of(listed).corrected == replace(told, theme=None, cues=(), note=None)


async def test_the_same_label_again_keeps_what_was_not_sent(
    store: MentionStore, people: Corrections
) -> None:
    mention = a_mention()
    await store.write([mention])
    full = a_correction(
        "crisis_candidate", severity=0.9, theme="fire", cues=("Bremse", "Maschine"), note="n"
    )
    await people.put(mention.id, full)
    ben = a_correction("crisis_candidate", by="Ben", at=NOON + MINUTE)
    await people.put(mention.id, ben, {"label", "by"})
    assert await said(people) == [("1", full._replace(by="Ben", at=NOON + MINUTE))]
    await people.put(mention.id, ben._replace(severity=0.6, note=None), {"severity", "note"})
    kept = full._replace(by="Ben", at=NOON + MINUTE, severity=0.6, note=None)
    assert await said(people) == [("1", kept)]
    await store.write([a_mention(text="Die Bremse klappert", collected=2 * MINUTE)])
    await people.put(mention.id, ben, {"label"})
    assert await said(people) == [("1", kept._replace(cues=("Bremse",)))]
    await people.put(mention.id, a_correction("complaint"), {"label"})
    assert await said(people) == [("1", a_correction("complaint"))]


async def test_what_was_edited_since_is_told_apart(
    store: MentionStore, people: Corrections
) -> None:
    mention = a_mention()
    await store.write([mention])
    await people.put(mention.id, a_correction("praise"))
    await store.write([a_mention(collected=2 * MINUTE, author=None)])
    assert [each.edited async for each in people.since()] == [False], "the text is the same"
    await store.write([a_mention(text="Ganz anders", collected=3 * MINUTE)])
    assert [each.edited async for each in people.since()] == [True]
    again = await people.put(mention.id, a_correction("praise"))
    assert isinstance(again, Kept)
    assert again.changed
    assert [each.edited async for each in people.since()] == [False]


async def test_what_is_deleted_and_shown_again_in_one_batch_has_lost_its_quotations(
    store: MentionStore, people: Corrections
) -> None:
    mention = a_mention(text="Geheimnis")
    again = a_mention(text="neu", collected=3 * 60 * MINUTE)
    await store.write([mention])
    await people.put(mention.id, a_correction("question", cues=("Geheimnis",), note="Geheimnis"))
    await store.write([a_deletion(mention), again])
    [kept] = [each async for each in people.since()]
    assert kept.correction == a_correction("question")
    assert kept.edited


async def test_the_same_correction_again_changes_nothing(
    store: MentionStore, people: Corrections
) -> None:
    mention = a_mention()
    await store.write([mention])
    first = await people.put(mention.id, a_correction("praise"))
    later = a_correction("praise", at=NOON + MINUTE)
    again = await people.put(mention.id, later)
    assert isinstance(first, Kept)
    assert again == Kept(first.body, changed=False)
    assert await said(people) == [("1", a_correction("praise"))]


async def test_the_last_correction_holds(store: MentionStore, people: Corrections) -> None:
    mention = a_mention()
    await store.write([mention])
    await people.put(mention.id, a_correction("praise"))
    await people.put(mention.id, a_correction("question", by="Uwe", at=NOON + MINUTE))
    assert await found_by(store, "label:question") == ["1"]
    assert await said(people) == [("1", a_correction("question", by="Uwe", at=NOON + MINUTE))]


async def test_taken_back_the_verdict_holds_again(store: MentionStore, people: Corrections) -> None:
    mention = a_mention(label="complaint")
    await store.write([mention])
    await people.put(mention.id, a_correction("praise"))
    assert await people.take_back(mention.id) == Kept(to_json(mention), changed=True)
    assert await people.take_back(mention.id) == Kept(to_json(mention), changed=False)
    assert await store.get(mention.id) == Found(to_json(mention))
    assert await found_by(store, "label:complaint severity>=0.4") == ["1"]
    assert await said(people) == []


async def test_no_repeat_edit_or_later_verdict_overwrites_a_person(
    store: MentionStore, people: Corrections
) -> None:
    mention = a_mention(label="complaint")
    await store.write([mention])
    await people.put(mention.id, a_correction("praise"))
    edited = a_mention(text="Die Gabel klappert", label="question", collected=2 * MINUTE)
    for event, classified in (
        (mention, "complaint"),
        (judged_anew(mention, "other"), "other"),
        (edited, "question"),
        (judged_anew(edited, "crisis_candidate"), "crisis_candidate"),
    ):
        await store.write([event])
        told = await shown(store, mention)
        assert told.classification.label == classified
        assert told.corrected is not None
        assert await found_by(store, "label:praise severity=0") == ["1"]
        assert await found_by(store, f"label:{classified}") == []


async def test_a_later_verdict_never_turns_a_text_back(store: MentionStore) -> None:
    mention, other = a_mention(), a_mention(2)
    edited = a_mention(text="Die Gabel klappert", collected=2 * MINUTE)
    await store.write([mention, other, edited, a_deletion(other)])
    stale = [judged_anew(each, "praise") for each in (mention, other, a_mention(3))]
    assert await store.write(stale) == Counter()
    assert await found_by(store, "") == ["1"]
    assert await found_by(store, "gabel label:complaint") == ["1"]
    assert await store.write([judged_anew(edited, "praise")]) == Counter(stored=1)
    assert await store.write([judged_anew(edited, "praise")]) == Counter()
    assert await found_by(store, "gabel label:praise") == ["1"]


async def test_what_the_classifier_said_can_be_asked_for(
    store: MentionStore, people: Corrections
) -> None:
    mention, other = a_mention(), a_mention(2)
    deletion = a_deletion(other)
    await store.write([mention, other, deletion])
    await people.put(mention.id, a_correction("praise"))
    assert await store.verdicts([mention.id, other.id, "nobody"]) == {
        mention.id: Verdict(mention.collected_at, "complaint", "test-1"),
        other.id: Verdict(deletion.deleted_at, None, None),
    }


async def test_a_deletion_forgets_what_was_quoted_and_noted(
    engine: AsyncEngine, store: MentionStore, people: Corrections
) -> None:
    mention = a_mention(text="Geheimnis")
    await store.write([mention])
    await people.put(mention.id, a_correction("question", cues=("Geheimnis",), note="Geheimnis"))
    await store.write([a_deletion(mention)])
    assert await store.get(mention.id) == Found(None)
    assert await said(people) == []
    assert await people.put(mention.id, a_correction()) == Gone()
    assert await people.take_back(mention.id) == Gone()
    async with engine.connect() as connection:
        [row] = (await connection.execute(text("SELECT * FROM label_corrections"))).all()
    assert "Geheimnis" not in str(row)
    assert "question" in row


async def test_a_mention_that_is_shown_again_has_the_persons_label_again(
    store: MentionStore, people: Corrections
) -> None:
    mention = a_mention()
    again = msgspec.structs.replace(mention, collected_at=mention.collected_at + 60 * 3 * MINUTE)
    await store.write([mention])
    await people.put(mention.id, a_correction("praise"))
    await store.write([a_deletion(mention), again])
    assert await found_by(store, "label:praise") == ["1"]


async def test_a_mention_that_never_was_cannot_be_corrected(people: Corrections) -> None:
    assert await people.put("nobody", a_correction()) is None
    assert await people.take_back("nobody") is None


async def test_cues_that_are_not_in_the_text_are_named_and_nothing_is_kept(
    store: MentionStore, people: Corrections
) -> None:
    mention = a_mention(text="Die Bremse versagt", title="Achtung")
    await store.write([mention])
    wrong = a_correction(cues=("Bremse", "Gabel", "Achtung", "Lenker"))
    assert await people.put(mention.id, wrong) == NotInText([1, 3])
    assert await said(people) == []


async def test_corrections_are_read_out_in_their_order_however_many(
    engine: AsyncEngine, store: MentionStore
) -> None:
    people = Corrections(engine, chunk=4)
    batch = [a_mention(n, watch="board" if n % 2 else "motorrad-ag") for n in range(12)]
    await store.write(batch)
    for n, mention in enumerate(batch):
        # Three share a moment, so that the id has to decide.
        await people.put(mention.id, a_correction(at=NOON + (11 - n) // 3 * MINUTE))
    told = [each async for each in people.since()]
    assert [each.correction.at for each in told] == sorted(each.correction.at for each in told)
    assert {each.mention.native_id for each in told} == {str(n) for n in range(12)}
    later = [each async for each in people.since(NOON + 2 * MINUTE, "board")]
    assert {each.mention.native_id for each in later} == {"1", "3", "5"}


async def test_whoever_comes_first_the_persons_label_holds(
    engine: AsyncEngine, database_url: str
) -> None:
    another = open_engine(database_url)
    store, people = MentionStore(engine), Corrections(another)
    batch = [a_mention(number) for number in range(30)]
    await store.write(batch)
    edits = [a_mention(n, "Die Gabel klappert", collected=2 * MINUTE) for n in range(30)]
    await asyncio.gather(
        store.write(edits),
        *(people.put(mention.id, a_correction("praise")) for mention in batch),
        store.write([judged_anew(each, "question") for each in edits]),
    )
    await another.dispose()
    assert len(await found_by(store, "label:praise")) == 30
    assert await found_by(store, "NOT label:praise") == []


async def test_the_table_is_that_of_the_migration(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        made = await connection.run_sync(
            lambda sync: inspect(sync).get_columns("label_corrections")
        )
    assert {column["name"] for column in made} == {c.name for c in label_corrections.columns}
