import asyncio
from collections.abc import Mapping

from libs.common.bus import CLASSIFIED, Record, TopicPartition
from services.query.listener import Listener, position_line
from services.query.position import decode_position

P0, P1 = TopicPartition(CLASSIFIED, 0), TopicPartition(CLASSIFIED, 1)


def a_record(offset: int, partition: int = 0) -> Record:
    return Record(CLASSIFIED, partition, offset, 0, None, b"")


def tell(
    listener: Listener, record: Record, event: bytes, live: Mapping[TopicPartition, int]
) -> None:
    listener.tell(record, event, position_line(live), live)


async def test_what_waits_comes_joined_and_in_order() -> None:
    listener = Listener(10)
    listener.add(b"a")
    listener.add(b"b")
    assert await listener.take() == b"ab"


async def test_a_slow_listener_is_told_how_much_it_lost() -> None:
    listener = Listener(2)
    for chunk in (b"a", b"b", b"c", b"d"):
        listener.add(chunk)
    assert await listener.take() == b'abevent: gap\ndata: {"dropped":2}\n\n'


async def test_what_waits_is_bounded_in_bytes_too() -> None:
    listener = Listener(10, limit_bytes=4)
    for chunk in (b"too long", b"lost"):
        listener.add(chunk)
    first = await listener.take()
    for chunk in (b"aa", b"bb", b"c"):
        listener.add(chunk)
    one_lost = b'event: gap\ndata: {"dropped":1}\n\n'
    assert first == b"too long" + one_lost
    assert await listener.take() == b"aabb" + one_lost


async def test_the_gap_is_told_before_what_came_after_it() -> None:
    listener = Listener(1)
    listener.add(b"a")
    listener.add(b"lost")
    first = await listener.take()
    listener.add(b"b")
    assert first + await listener.take() == b'aevent: gap\ndata: {"dropped":1}\n\nb'


async def test_records_that_were_told_already_are_not_told_again() -> None:
    listener = Listener(10)
    listener.has_seen({P0: 5, P1: 0})
    tell(listener, a_record(4), b"told\n", {P0: 5, P1: 0})
    tell(listener, a_record(5), b"new\n", {P0: 6, P1: 0})
    assert (await listener.take()).startswith(b"new\n")


async def test_the_id_never_falls_behind_what_was_told() -> None:
    listener = Listener(10)
    listener.has_seen({P0: 9, P1: 3})
    tell(listener, a_record(3, partition=1), b"new\n", {P0: 7, P1: 4})
    line = (await listener.take()).removeprefix(b"new\nid: ").strip()
    assert decode_position(line.decode()) == {P0: 9, P1: 4}


async def test_a_listener_that_is_woken_looks_again() -> None:
    listener = Listener(10)
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(listener.take())
        await asyncio.sleep(0)  # it waits now
        listener.wake()
    assert taking.result() == b""
