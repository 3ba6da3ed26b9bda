"""Judging anew, from the raw log to the store, on both logs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.bus import (
    CLASSIFIED,
    RAW,
    Bus,
    Message,
    Offsets,
    Reader,
    Record,
    Start,
    TopicPartition,
    streams,
)
from libs.common.bus.open import open_bus
from libs.common.bus.sqlite import SqliteBus
from libs.common.bus.sqlite.file import open_log
from libs.common.bus.sqlite.tidy import LOOK_AGAIN, Retention
from libs.common.db import migrate, open_engine
from libs.common.errors import BusUnavailable
from libs.common.events import (
    LABELS,
    Classification,
    ClassifiedMention,
    Event,
    Label,
    Mention,
    MentionDeleted,
    from_record,
    to_message,
)
from services.classify.classifier import Subject
from services.classify.reclassify import PATIENCE, Log, Outcome, Span, reclassify
from services.classify.tagging import classified
from services.query.correction import shown_of
from services.query.corrections import Corrections
from services.query.project import Project
from services.query.store import MentionStore
from tests.unit.classify.subjects import a_deletion, a_mention
from tests.unit.query_service.building import a_correction

MINUTE = timedelta(minutes=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Says:
    """Implements `Classifier`: the same of everything."""

    def __init__(self, label: Label) -> None:
        self.label = label
        self.name = f"says-{label}"

    def classify(
        self, subjects: Sequence[Subject], *, reasons: bool = True
    ) -> list[Classification]:
        scores: dict[Label, float] = dict.fromkeys(LABELS, 0.1)
        verdict = Classification(
            label=self.label, scores=scores, severity=0.3, lang="de", model=self.name
        )
        return [verdict] * len(subjects)


@pytest.fixture
async def bus(bus_url: str) -> AsyncIterator[Bus]:
    async with a_log(await open_bus(bus_url)) as bus:
        yield bus


@pytest.fixture
async def local_bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with a_log(await open_bus(f"sqlite:///{tmp_path / 'local.db'}")) as bus:
        yield bus


@asynccontextmanager
async def a_log(bus: Bus, partitions: int = 3) -> AsyncIterator[Bus]:
    await bus.create_topics(streams(partitions))
    try:
        yield bus
    finally:
        await bus.close()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(engine, "services.query")
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> MentionStore:
    return MentionStore(engine)


async def collected(bus: Bus, *events: Mention | MentionDeleted) -> None:
    """The events are on the raw log."""
    await bus.publish([to_message(RAW, e.id, e, service="ingest") for e in events])


async def stored(
    store: MentionStore, *events: Mention | MentionDeleted, model: str = "says-complaint"
) -> None:
    """The store has the events, every mention as a complaint, as this model says."""
    [verdict] = Says("complaint").classify([a_mention()])
    verdict = replace(verdict, model=model)
    await store.write([classified(e, verdict) if isinstance(e, Mention) else e for e in events])


async def tagged(bus: Bus) -> list[Event]:
    """What is on the classified log, in the order of its partitions."""
    records: list[Record] = []
    async with bus.reader([CLASSIFIED]) as reader:
        count = sum((await reader.end()).values())
        while len(records) < count:
            records += await reader.poll(1000, 5)
    records.sort(key=lambda record: (record.partition, record.offset))
    return [event for record in records if (event := from_record(record)) is not None]


async def judged_anew(
    bus: Log,
    store: MentionStore,
    label: Label = "praise",
    since: datetime = LONG_AGO,
    until: datetime | None = None,
) -> Outcome:
    return await reclassify(bus, store, Says(label), since, until, asyncio.Event())


async def label_of(store: MentionStore, mention: Mention) -> str | None:
    found = await store.get(mention.id)
    return (
        None if found is None or found.body is None else shown_of(found.body).classification.label
    )


async def test_what_is_known_gets_the_new_verdict_and_keeps_its_order(
    bus: Bus, store: MentionStore
) -> None:
    batch = [a_mention(native_id=str(n), watch="ab"[n % 2]) for n in range(40)]
    await collected(bus, *batch)
    await stored(store, *batch)
    done = await judged_anew(bus, store)
    assert done == Outcome(judged=40, changed=40, complete=True)
    told = await tagged(bus)
    assert len(told) == 40
    for event in told:
        assert isinstance(event, ClassifiedMention)
        assert event.classification.reclassified
        assert event.classification.model == "says-praise"
    await Project(store)(told)
    assert {await label_of(store, mention) for mention in batch} == {"praise"}


async def test_judged_twice_nothing_changes(bus: Bus, store: MentionStore) -> None:
    batch = [a_mention(native_id=str(n)) for n in range(5)]
    await collected(bus, *batch)
    await stored(store, *batch)
    await judged_anew(bus, store)
    await Project(store)(await tagged(bus))
    before = [await store.get(mention.id) for mention in batch]
    assert await judged_anew(bus, store) == Outcome(judged=5, complete=True)
    await Project(store)(await tagged(bus))
    assert [await store.get(mention.id) for mention in batch] == before


async def test_old_texts_stay_off_the_log(bus: Bus, store: MentionStore) -> None:
    edited, deleted = a_mention("alt", native_id="1"), a_mention("weg", native_id="2")
    now = replace(edited, text="neu", collected_at=edited.collected_at + MINUTE)
    gone = a_deletion(native_id="2")
    await collected(bus, edited, deleted, now, gone)
    await stored(store, edited, deleted, now, gone)
    assert await judged_anew(bus, store) == Outcome(judged=1, changed=1, outdated=2, complete=True)
    [told] = await tagged(bus)
    assert isinstance(told, ClassifiedMention)
    assert told.text == "neu"


async def test_what_the_store_does_not_have_yet_is_left_to_the_services(
    local_bus: Bus, store: MentionStore
) -> None:
    await collected(local_bus, a_mention())
    assert await judged_anew(local_bus, store) == Outcome(unknown=1, complete=True)
    assert await tagged(local_bus) == []


async def test_a_second_opinion_stays(local_bus: Bus, store: MentionStore) -> None:
    alone = "linear-1-7b1894a2+0a1b2c3d"  # with own lexicons
    models = ["linear-1-7b1894a2+gpt", f"{alone}+gpt", alone]
    mentions = [a_mention(native_id=model) for model in models]
    await collected(local_bus, *mentions)
    for mention, model in zip(mentions, models, strict=True):
        await stored(store, mention, model=model)
    done = await judged_anew(local_bus, store)
    assert done == Outcome(judged=1, changed=1, second_opinions=2, complete=True)
    [told] = await tagged(local_bus)
    assert getattr(told, "native_id", None) == alone


async def test_what_a_person_said_stays(
    local_bus: Bus, engine: AsyncEngine, store: MentionStore
) -> None:
    mention = a_mention()
    await collected(local_bus, mention)
    await stored(store, mention)
    await Corrections(engine).put(mention.id, a_correction("question"))
    await judged_anew(local_bus, store)
    await Project(store)(await tagged(local_bus))
    found = await store.get(mention.id)
    assert found is not None
    assert found.body is not None
    shown = shown_of(found.body)
    assert shown.classification.label == "praise"
    assert shown.corrected is not None
    assert shown.corrected.label == "question"


async def test_what_cannot_be_read_is_counted_and_passed_over(
    local_bus: Bus, store: MentionStore
) -> None:
    mention = a_mention()
    await local_bus.publish([Message(RAW, "k", b"{", ()), Message(RAW, "k", None)])
    await collected(local_bus, mention)
    await stored(store, mention)
    done = await judged_anew(local_bus, store)
    assert done == Outcome(judged=1, changed=1, unreadable=1, complete=True)


async def test_it_can_be_stopped(local_bus: Bus, store: MentionStore) -> None:
    await collected(local_bus, a_mention())
    stop = asyncio.Event()
    stop.set()
    done = await reclassify(local_bus, store, Says("praise"), LONG_AGO, None, stop)
    assert done == Outcome()
    assert await tagged(local_bus) == []


async def test_an_empty_log_is_done_at_once(local_bus: Bus, store: MentionStore) -> None:
    assert await judged_anew(local_bus, store) == Outcome(complete=True)


class Clock:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def days(tmp_path: Path) -> AsyncIterator[tuple[Bus, Clock, list[Mention]]]:
    """A log of one partition, with a mention on each of five days at noon."""
    clock = Clock()
    async with a_log(SqliteBus(tmp_path / "days.db", clock=clock), 1) as bus:
        mentions = [a_mention(native_id=str(day)) for day in range(5)]
        for mention in mentions:
            await collected(bus, mention)
            clock.now += timedelta(days=1)
        yield bus, clock, mentions


async def test_only_the_time_asked_for_is_judged(
    days: tuple[Bus, Clock, list[Mention]], store: MentionStore
) -> None:
    bus, _, mentions = days
    await stored(store, *mentions)
    done = await judged_anew(
        bus,
        store,
        since=datetime(2026, 3, 2, 12, tzinfo=UTC),
        until=datetime(2026, 3, 4, 12, tzinfo=UTC),
    )
    assert done == Outcome(judged=2, changed=2, complete=True)
    told = await tagged(bus)
    assert [getattr(event, "native_id", None) for event in told] == ["1", "2"]


async def test_a_log_that_does_not_reach_back_so_far_says_from_when_it_does(
    days: tuple[Bus, Clock, list[Mention]], store: MentionStore, tmp_path: Path
) -> None:
    bus, _, mentions = days
    await stored(store, *mentions)
    with closing(open_log(tmp_path / "days.db", 5.0)) as connection:
        # Kept for seven days: on the tenth, the first two are gone.
        tidy = Retention(lambda: int(datetime(2026, 3, 10, tzinfo=UTC).timestamp() * 1000))
        while tidy.step(connection) < LOOK_AGAIN:
            pass
    third = datetime(2026, 3, 3, 12, tzinfo=UTC)
    done = await judged_anew(bus, store)
    assert done == Outcome(judged=3, changed=3, reaches_back_to=third, complete=True)
    later = await judged_anew(bus, store, since=third + timedelta(hours=1))
    assert later == Outcome(judged=2, changed=2, complete=True)


def a_record(offset: int, partition: int = 0, at: int = 0) -> Record:
    return Record(RAW, partition, offset, at, None, b"")


def offsets(*of_partitions: int) -> dict[TopicPartition, int]:
    return {TopicPartition(RAW, number): offset for number, offset in enumerate(of_partitions)}


def a_span(ends: Offsets, until: datetime | None = None) -> Span:
    return Span(ends, dict.fromkeys(ends, 0), dict.fromkeys(ends, 0), until)


def test_a_span_ends_where_the_log_ended_at_the_start() -> None:
    span = a_span(offsets(3, 0))
    assert span.wanted([a_record(1)]) == [a_record(1)]
    assert span.wanted([a_record(2), a_record(3), a_record(0, 1)]) == [a_record(2)]
    assert not span.is_read
    assert span.reaches(offsets(4, 1))
    assert span.is_read


def test_where_reading_stands_decides_and_not_the_last_record() -> None:
    span = a_span(offsets(3, 8))
    span.wanted([a_record(1), a_record(1, 1)])
    assert span.reaches(offsets(3, 2))  # what stood at 2 is no record
    assert not span.reaches(offsets(3, 2))
    assert span.left == "partition 1 stands at 2 of 8"


def test_a_span_ends_at_a_time_in_each_partition() -> None:
    until = datetime.fromtimestamp(1, UTC)
    span = a_span(offsets(9, 9), until)
    assert span.wanted([a_record(1, at=999), a_record(2, at=1000)]) == [a_record(1, at=999)]
    assert not span.is_read
    assert span.wanted([a_record(1, 1, at=1001)]) == []
    assert span.is_read


class SlowReader:
    """Implements `Reader` over another one, of which it hands out one partition from the start and
    the other after `silence` polls; it counts the polls."""

    def __init__(self, reader: Reader, silence: int) -> None:
        self.polls = 0
        self._reader = reader
        self._silence = silence
        self._kept: list[Record] = []

    async def poll(self, limit: int, wait: float) -> list[Record]:
        self.polls += 1
        records = [*self._kept, *await self._reader.poll(limit, 0.0)]
        late = records if self.polls <= self._silence else []
        self._kept = [record for record in late if record.partition == 1]
        return [record for record in records if record not in self._kept]

    async def start(self) -> Offsets:
        return await self._reader.start()

    async def position(self) -> Offsets:
        return {**await self._reader.position(), **before(self._kept)}

    async def end(self) -> Offsets:
        return await self._reader.end()


def before(records: Sequence[Record]) -> dict[TopicPartition, int]:
    """The offsets of the first of these records."""
    return {TopicPartition(r.topic, r.partition): r.offset for r in reversed(records)}


class SlowBus:
    """A log whose reader takes its time, and that takes verdicts at once."""

    def __init__(self, bus: Bus, silence: int) -> None:
        self._bus = bus
        self._silence = silence

    @asynccontextmanager
    async def reader(
        self, topics: Sequence[str], start: Start = "beginning"
    ) -> AsyncIterator[Reader]:
        async with self._bus.reader(topics, start) as reader:
            yield SlowReader(reader, self._silence)

    async def publish(self, messages: Sequence[Message]) -> None:
        await self._bus.publish(messages)


async def in_two_partitions(bus: Bus, store: MentionStore) -> int:
    """Log and store have mentions in both partitions; how many."""
    mentions = [a_mention(native_id=str(n)) for n in range(20)]
    await collected(bus, *mentions)
    await stored(store, *mentions)
    return len(mentions)


@pytest.fixture
async def two_wide(tmp_path: Path) -> AsyncIterator[Bus]:
    async with a_log(await open_bus(f"sqlite:///{tmp_path / 'wide.db'}"), 2) as bus:
        yield bus


async def test_a_partition_that_is_silent_for_long_is_waited_for(
    two_wide: Bus, store: MentionStore
) -> None:
    count = await in_two_partitions(two_wide, store)
    done = await judged_anew(SlowBus(two_wide, silence=PATIENCE), store)
    assert done == Outcome(judged=count, changed=count, complete=True)


async def test_a_log_that_falls_silent_before_its_end_is_an_error(
    two_wide: Bus, store: MentionStore
) -> None:
    count = await in_two_partitions(two_wide, store)
    why = r"fell silent for 30 s before its end: partition 1 stands at 0 of \d+; what is done"
    with pytest.raises(BusUnavailable, match=why):
        await judged_anew(SlowBus(two_wide, silence=PATIENCE + 1), store)
    assert 0 < len(await tagged(two_wide)) < count


async def test_a_partition_whose_records_were_dropped_is_at_its_end(
    days: tuple[Bus, Clock, list[Mention]], store: MentionStore, tmp_path: Path
) -> None:
    bus, clock, _ = days
    with closing(open_log(tmp_path / "days.db", 5.0)) as connection:
        tidy = Retention(lambda: int((clock.now + timedelta(days=30)).timestamp() * 1000))
        while tidy.step(connection) < LOOK_AGAIN:
            pass
    assert await judged_anew(bus, store) == Outcome(complete=True)
