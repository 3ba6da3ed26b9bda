"""What the live stream does when the log misbehaves. The rest is tested over real logs."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager

from libs.common.bus import CLASSIFIED, Offsets, Reader, Record, Start, TopicPartition
from libs.common.errors import BusUnavailable, Retryable
from libs.common.events import LabelCorrected, to_message
from libs.common.query import parse
from services.query.correction import Mark
from services.query.live import CATCHING_UP, Filter, Live
from services.query.news import Told, news
from services.query.position import encode_position
from services.query.settings import StreamSettings
from tests.unit.query_service.building import NOON, NOTHING_SAID, a_mention

PLACE = TopicPartition(CLASSIFIED, 0)
ALL = Filter(parse("").query)


class Log:
    """One partition from offset `first` on, whose reads fail as often as `failures` says."""

    def __init__(self, first: int, end: int, failures: int = 0) -> None:
        self.first, self.stop, self.failures = first, end, failures
        self.starts: list[Start] = []
        self.grown = asyncio.Event()

    @asynccontextmanager
    async def reader(self, topics: Sequence[str], start: Start) -> AsyncIterator[Reader]:
        assert topics == [CLASSIFIED]
        self.starts.append(start)
        begin = self.stop if start == "end" else self.first
        yield LogReader(self, max(start[PLACE], begin) if isinstance(start, dict) else begin)

    def grow(self) -> None:
        self.stop += 1
        self.grown.set()


class LogReader:
    def __init__(self, log: Log, at: int) -> None:
        self.log, self.at = log, at

    async def poll(self, limit: int, wait: float) -> list[Record]:
        if self.log.failures:
            self.log.failures -= 1
            raise BusUnavailable("the log is away")
        if self.at == self.log.stop:
            self.log.grown.clear()
            await asyncio.wait_for(self.log.grown.wait(), 5)
        at, self.at = self.at, self.log.stop
        return [a_record(offset) for offset in range(at, self.log.stop)]

    async def start(self) -> Offsets:
        return {PLACE: self.log.first}

    async def position(self) -> Offsets:
        return {PLACE: self.at}

    async def end(self) -> Offsets:
        return {PLACE: self.log.stop}


def a_record(offset: int) -> Record:
    message = to_message(CLASSIFIED, "w", a_mention(offset), service="test")
    return Record(CLASSIFIED, 0, offset, 0, "w", message.value, message.headers)


async def test_a_position_older_than_the_log_starts_anew_and_says_so() -> None:
    log = Log(first=10, end=12)
    live = Live(log.reader, StreamSettings(), NOTHING_SAID)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(live.run(stop))
        with live.listening() as listener:
            chunks = live.chunks(listener, ALL, encode_position({PLACE: 3}))
            assert (await anext(chunks)).startswith(b"retry:")
            told = await anext(chunks)
            log.grow()
            following = await anext(chunks)
            await chunks.aclose()
        stop.set()
        log.grow()
    assert told.startswith(b"event: reset\n")
    assert told.endswith(f"id: {encode_position({PLACE: 12})}\n\n".encode())
    assert b'"native_id":"12"' in following


async def test_a_log_that_was_away_is_read_on_from_where_it_stood() -> None:
    log = Log(first=0, end=5, failures=2)
    live = Live(log.reader, StreamSettings(), NOTHING_SAID)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(live.run(stop))
        with live.listening() as listener:
            chunks = live.chunks(listener, ALL, None)
            await anext(chunks)
            log.grow()
            told = await anext(chunks)
            await chunks.aclose()
        stop.set()
        log.grow()
    assert b'"native_id":"5"' in told
    assert log.starts == ["end", {PLACE: 5}, {PLACE: 5}]


class AwayStore:
    """Implements `Said`: nobody answers."""

    async def marks(self, ids: Collection[str]) -> Mapping[str, Mark]:
        raise Retryable("the store is away")

    async def shown(self, ids: Collection[str]) -> Mapping[str, bytes]:
        raise Retryable("the store is away")


async def test_without_the_store_mentions_are_told_with_a_gap() -> None:
    log = Log(first=0, end=5)
    live = Live(log.reader, StreamSettings(), AwayStore())
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(live.run(stop))
        with live.listening() as listener, live.listening() as late:
            chunks = live.chunks(listener, ALL, None)
            await anext(chunks)
            log.grow()
            told = [await anext(chunks)]
            while b"event: gap" not in told[-1]:
                told.append(await anext(chunks))
            missed = live.chunks(late, ALL, encode_position({PLACE: 3}))
            await anext(missed)
            caught_up = await anext(missed)
            await chunks.aclose()
            await missed.aclose()
        stop.set()
        log.grow()
    assert b'"native_id":"5"' in b"".join(told)
    assert b'event: gap\ndata: {"dropped":1}\n' in told[-1]
    assert b'"native_id":"3"' in caught_up
    assert b'event: gap\ndata: {"dropped":3}\n' in caught_up


class Forgetful(AwayStore):
    """Knows no mention, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []

    async def shown(self, ids: Collection[str]) -> Mapping[str, bytes]:
        self.asked.append(set(ids))
        return {}


async def test_the_corrections_of_a_batch_are_looked_up_at_once() -> None:
    said = Forgetful()
    corrections = [LabelCorrected(id=str(n), watch="w", at=NOON) for n in range(4)]
    messages = [to_message(CLASSIFIED, "w", each, service="test") for each in corrections]
    records = [Record(CLASSIFIED, 0, n, 0, "w", m.value, m.headers) for n, m in enumerate(messages)]
    assert await news(records, said) == Told([None] * 4)
    assert said.asked == [{"0", "1", "2", "3"}]
    assert await news(records, AwayStore()) == Told([None] * 4, unsure=4)


async def test_nothing_is_read_while_nobody_listens() -> None:
    log = Log(first=0, end=5)
    live = Live(log.reader, StreamSettings(), NOTHING_SAID)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(live.run(stop))
        await asyncio.sleep(0)
        stop.set()
    assert log.starts == []


async def test_listeners_that_take_nothing_keep_nobody_from_catching_up() -> None:
    log = Log(first=0, end=5)
    live = Live(log.reader, StreamSettings(), NOTHING_SAID)
    stop = asyncio.Event()
    position = encode_position({PLACE: 3})
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(live.run(stop))
        with ExitStack() as listening:
            stuck = []
            for _ in range(CATCHING_UP):
                chunks = live.chunks(listening.enter_context(live.listening()), ALL, position)
                await anext(chunks)
                assert b'"native_id":"3"' in await anext(chunks)
                stuck.append(chunks)
            late = live.chunks(listening.enter_context(live.listening()), ALL, position)
            await anext(late)
            missed = await anext(late)
            for chunks in (*stuck, late):
                await chunks.aclose()
        stop.set()
        log.grow()
    assert b'"native_id":"3"' in missed
    assert b'"native_id":"4"' in missed
