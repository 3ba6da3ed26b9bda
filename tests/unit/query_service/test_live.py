"""What the live stream does when the log misbehaves. The rest is tested over real logs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager

from libs.common.bus import CLASSIFIED, Offsets, Reader, Record, Start, TopicPartition
from libs.common.errors import BusUnavailable
from libs.common.events import to_message
from libs.common.query import parse
from services.query.live import CATCHING_UP, Filter, Live
from services.query.position import encode_position
from services.query.settings import StreamSettings
from tests.unit.query_service.building import a_mention

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

    async def end(self) -> Offsets:
        return {PLACE: self.log.stop}


def a_record(offset: int) -> Record:
    message = to_message(CLASSIFIED, "w", a_mention(offset), service="test")
    return Record(CLASSIFIED, 0, offset, 0, "w", message.value, message.headers)


async def test_a_position_older_than_the_log_starts_anew_and_says_so() -> None:
    log = Log(first=10, end=12)
    live = Live(log.reader, StreamSettings())
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
    live = Live(log.reader, StreamSettings())
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


async def test_nothing_is_read_while_nobody_listens() -> None:
    log = Log(first=0, end=5)
    live = Live(log.reader, StreamSettings())
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(live.run(stop))
        await asyncio.sleep(0)
        stop.set()
    assert log.starts == []


async def test_listeners_that_take_nothing_keep_nobody_from_catching_up() -> None:
    log = Log(first=0, end=5)
    live = Live(log.reader, StreamSettings())
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
