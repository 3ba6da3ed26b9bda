"""Upkeep of the embedded log: what is too old or replaced goes, step by step."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.bus import Message, Record, Topic, TopicPartition
from libs.common.bus.sqlite import SqliteBus, groups, records, tidy
from libs.common.bus.sqlite.file import open_log, transaction
from libs.common.bus.sqlite.tidy import Compaction, Retention

PLACE = TopicPartition("topic", 0)
PARTITION = 1
START = 1_800_000_000_000
DAY = 24 * 3600 * 1000
Step = Callable[[sqlite3.Connection], float]


class Log:
    """One partition and its clock (milliseconds)."""

    def __init__(self, path: Path, topic: Topic) -> None:
        self.now = START
        self.connection = open_log(path, 1.0)
        with transaction(self.connection):
            records.create_topics(self.connection, [topic])

    def publish(self, *messages: Message) -> None:
        with transaction(self.connection):
            packed = records.pack(messages, 1 << 20)
            records.append(self.connection, [{PARTITION: packed}], self.now)

    def read(self, position: int = 0) -> list[Record]:
        chunks = records.fetch(self.connection, {PARTITION: position}, 1 << 30)
        return [each for chunk in chunks for each in records.to_records(PLACE, chunk, position)]

    def tidy(self, step: Step) -> int:
        """Steps until nothing is left to do; how many it took."""
        count = 0
        while step(self.connection) < tidy.LOOK_AGAIN:
            count += 1
        return count


@pytest.fixture
def kept_a_week(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "log.db", Topic("topic", 1, timedelta(days=7)))
    with closing(log.connection):
        yield log


@pytest.fixture
def compacted(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "log.db", Topic("topic", 1, compacted=True))
    with closing(log.connection):
        yield log


def message(key: str | None, value: bytes | None = b"") -> Message:
    return Message("topic", key, value)


def left(log: Log) -> list[tuple[int, str | None, bytes | None]]:
    return [(each.offset, each.key, each.value) for each in log.read()]


def test_records_stay_as_long_as_the_topic_keeps_them(kept_a_week: Log) -> None:
    log = kept_a_week
    for day in range(10):
        log.now = START + day * DAY
        log.publish(message(f"day {day}"))
    log.tidy(Retention(lambda: log.now).step)
    assert [each.key for each in log.read()] == [f"day {day}" for day in range(2, 10)]


def test_offsets_go_on_when_everything_was_too_old(kept_a_week: Log) -> None:
    log = kept_a_week
    log.publish(*[message("old")] * 5)
    log.now += 8 * DAY
    log.tidy(Retention(lambda: log.now).step)
    assert records.ends(log.connection, PARTITION) == records.Ends(5, 5)
    log.publish(message("new"))
    assert left(log) == [(5, "new", b"")]


def test_a_group_behind_the_oldest_record_goes_on_there(kept_a_week: Log) -> None:
    log = kept_a_week
    log.publish(*[message("old")] * 5)
    log.now += 8 * DAY
    log.tidy(Retention(lambda: log.now).step)
    assert groups.position(log.connection, "group", PARTITION) == 5


def test_much_that_is_too_old_goes_in_small_steps(kept_a_week: Log) -> None:
    log = kept_a_week
    for number in range(3 * tidy.STEP_ROWS):
        log.now = START + number
        log.publish(message("old"))
    log.now += 8 * DAY
    assert log.tidy(Retention(lambda: log.now).step) == 3
    assert log.read() == []


def test_a_time_finds_the_first_record_at_or_after_it(kept_a_week: Log) -> None:
    log = kept_a_week
    for now in (10, 20, 20, 15, 30):  # the clock goes back once
        log.now = START + now
        log.publish(message(None), message(None))

    def seek(milliseconds: float) -> int:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=START + milliseconds)
        return records.seek(log.connection, PLACE, PARTITION, moment)

    assert [seek(each) for each in (0, 10, 10.001, 20, 20.5, 30, 31)] == [0, 0, 2, 2, 8, 8, 10]


def test_the_last_record_of_each_key_stays_where_it_is(compacted: Log) -> None:
    log = compacted
    log.publish(message("a", b"1"), message("b", b"1"), message(None, b"1"))
    log.publish(message("a", b"2"), message("c", b"1"), message("a", b"3"))
    log.tidy(Compaction(lambda: log.now).step)
    assert left(log) == [(1, "b", b"1"), (2, None, b"1"), (4, "c", b"1"), (5, "a", b"3")]
    log.publish(message("b", b"2"))
    log.tidy(Compaction(lambda: log.now).step)
    assert left(log) == [(2, None, b"1"), (4, "c", b"1"), (5, "a", b"3"), (6, "b", b"2")]


def test_a_null_value_removes_its_key_and_goes_after_a_day(compacted: Log) -> None:
    log = compacted
    compaction = Compaction(lambda: log.now)
    log.publish(message("a", b"1"), message("b", b"1"))
    log.publish(message("a", None))
    log.tidy(compaction.step)
    assert left(log) == [(1, "b", b"1"), (2, "a", None)]
    log.now += 2 * DAY
    log.publish(message("c", b"1"))
    log.tidy(compaction.step)
    assert left(log) == [(1, "b", b"1"), (3, "c", b"1")]


async def test_a_reader_comes_past_what_was_compacted_away(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = Log(path, Topic("topic", 1, compacted=True))
    log.publish(message("a", b"1"))
    log.publish(message("b", b"1"))
    log.publish(message("b", None))
    bus = SqliteBus(path)
    async with bus.reader(["topic"]) as reader:
        log.now += 2 * DAY
        with closing(log.connection):
            log.tidy(Compaction(lambda: log.now).step)
        assert await reader.position() == {PLACE: 0}
        assert [each.offset for each in await reader.poll(10, 5)] == [0]
        assert await reader.position() == await reader.end() == {PLACE: 3}
    await bus.close()


def test_nothing_new_is_no_work(compacted: Log) -> None:
    compacted.publish(message("a", b"1"))
    compaction = Compaction(lambda: compacted.now)
    assert compacted.tidy(compaction.step) > 0
    assert compacted.tidy(compaction.step) == 0


def test_reading_from_within_a_compacted_chunk(compacted: Log) -> None:
    log = compacted
    log.publish(*[message(key, b"") for key in "aababcab"])
    log.tidy(Compaction(lambda: log.now).step)
    assert [(each.offset, each.key) for each in log.read(6)] == [(6, "a"), (7, "b")]


@given(batches=st.lists(st.lists(st.sampled_from("abcde"), min_size=1), max_size=30))
def test_compaction_keeps_exactly_the_last_of_each_key(
    tmp_path_factory: pytest.TempPathFactory, batches: Sequence[Sequence[str]]
) -> None:
    topic = Topic("topic", 1, compacted=True)
    log = Log(tmp_path_factory.mktemp("log") / "log.db", topic)
    with closing(log.connection):
        compaction = Compaction(lambda: log.now)
        for batch in batches:
            log.publish(*[message(key, b"") for key in batch])
            compaction.step(log.connection)  # in the middle of a run
        log.tidy(compaction.step)
        every = [key for batch in batches for key in batch]
        last = {key: offset for offset, key in enumerate(every)}
        assert {each.key: each.offset for each in log.read()} == last
        assert len(log.read()) == len(last)
