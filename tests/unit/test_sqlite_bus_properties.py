"""Whatever publishers and members of a group do, in any order: nothing is lost, nothing is
skipped, the order per key stays."""

from __future__ import annotations

import asyncio
import itertools
import math
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from libs.common.bus import Consumer, Message, Rebalance, Record, Topic, TopicPartition, after
from libs.common.bus.sqlite import SqliteBus
from libs.common.errors import PartitionLost

TOPIC = "topic"
GROUP = "group"
PLACES = tuple(TopicPartition(TOPIC, number) for number in range(3))
T = TypeVar("T")


class Watch:
    """A clock that can be stopped; stopped, its member gives no more signs of life."""

    def __init__(self, time: Callable[[], datetime]) -> None:
        self._time = time
        self._stopped: datetime | None = None

    def __call__(self) -> datetime:
        return self._stopped or self._time()

    def stop(self) -> None:
        self._stopped = self._time()


@dataclass(eq=False)
class Member:
    """A member as the test follows it.

    owners: who was told last that a partition is its own; committed: by the group; expected: the
    next offset that must come; unfinished: what came and is not committed.
    """

    bus: SqliteBus
    watch: Watch
    stack: AsyncExitStack
    owners: dict[TopicPartition, Member]
    committed: dict[TopicPartition, int]
    consumer: Consumer = field(init=False)
    expected: dict[TopicPartition, int] = field(default_factory=dict)
    unfinished: list[Record] = field(default_factory=list)

    async def join(self) -> None:
        assert not self.expected
        self.consumer = await self.stack.enter_async_context(
            self.bus.consumer(GROUP, [TOPIC], rebalance=Rebalance(self.assigned, self.revoked))
        )

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        assert self.expected.keys().isdisjoint(partitions)
        self.expected |= {place: self.committed[place] for place in partitions}
        self.owners |= dict.fromkeys(partitions, self)

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        for place in partitions:
            del self.expected[place]
        self.unfinished = [
            each
            for each in self.unfinished
            if TopicPartition(each.topic, each.partition) not in partitions
        ]

    async def poll(self, limit: int) -> None:
        """Polls, and checks that exactly the next records come."""
        records = await self.consumer.poll(limit, 0.0)
        assert len(records) <= limit
        for record in records:
            place = TopicPartition(record.topic, record.partition)
            assert self.owners[place] is self
            assert record.offset == self.expected[place]
            self.expected[place] += 1
        self.unfinished += records

    async def commit(self, count: int) -> None:
        """Commits the oldest unfinished records; only an owner can."""
        offsets = after(self.unfinished[:count])
        try:
            await self.consumer.commit(offsets)
        except PartitionLost:
            return
        assert all(self.owners[place] is self for place in offsets)
        del self.unfinished[:count]
        self.committed |= offsets


class Group(RuleBasedStateMachine):
    members = Bundle("members")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.published: defaultdict[str, list[int]] = defaultdict(list)
        self.numbers = itertools.count()
        self.owners: dict[TopicPartition, Member] = {}
        self.committed = dict.fromkeys(PLACES, 0)
        self.opened: list[tuple[SqliteBus, AsyncExitStack]] = []
        self.publisher, _, _ = self.open()
        self.run(self.publisher.create_topics([Topic(TOPIC, len(PLACES))]))

    def run(self, work: Awaitable[T]) -> T:
        async def done() -> T:
            return await work

        return self.runner.run(done())

    def open(self) -> tuple[SqliteBus, Watch, AsyncExitStack]:
        watch = Watch(lambda: self.now)
        bus = SqliteBus(self.folder / "log.db", session_timeout=10.0, clock=watch)
        stack = AsyncExitStack()
        self.opened.append((bus, stack))
        return bus, watch, stack

    @rule(keys=st.lists(st.sampled_from("abcdefg"), min_size=3, max_size=20))
    def publish(self, keys: list[str]) -> None:
        batch = [(key, next(self.numbers)) for key in keys]
        for key, number in batch:
            self.published[key].append(number)
        self.run(self.publisher.publish([Message(TOPIC, key, str(n).encode()) for key, n in batch]))

    @initialize(target=members)
    def first(self) -> Member:
        self.publish(list("abcdefg"))
        return self.admit()

    @rule(target=members)
    def join(self) -> Member:
        return self.admit()

    def admit(self) -> Member:
        bus, watch, stack = self.open()
        member = Member(bus, watch, stack, self.owners, self.committed)
        self.run(member.join())
        return member

    @rule(member=members, limit=st.integers(1, 20))
    def poll(self, member: Member, limit: int) -> None:
        self.run(member.poll(limit))

    @rule(member=members, limit=st.integers(1, 20), part=st.sampled_from([1.0, 0.6, 0.3]))
    def work(self, member: Member, limit: int, part: float) -> None:
        """Commits what came before or what comes now, at least a part of it."""
        if not member.unfinished:
            self.run(member.poll(limit))
        self.run(member.commit(math.ceil(part * len(member.unfinished))))

    @rule(member=members, limit=st.integers(1, 20))
    def sleep(self, member: Member, limit: int) -> None:
        """While the machine sleeps every session ends; the first to wake takes it all, and the
        others do not know it yet."""
        self.now += timedelta(seconds=20)
        self.run(member.stack.aclose())
        self.run(member.join())
        self.run(member.poll(limit))

    @rule(member=consumes(members))
    def leave(self, member: Member) -> None:
        self.run(member.stack.aclose())

    @rule(member=consumes(members))
    def crash(self, member: Member) -> None:
        member.watch.stop()
        self.now += timedelta(seconds=20)

    @invariant()
    def lag_is_what_was_not_committed(self) -> None:
        published = sum(map(len, self.published.values()))
        lag = self.run(self.publisher.lag(GROUP, [TOPIC]))
        assert sum(lag.values()) == published - sum(self.committed.values())

    @invariant()
    def order_per_key_is_kept(self) -> None:
        records = self.run(self.everything())
        found: defaultdict[str | None, list[int]] = defaultdict(list)
        for record in records:
            found[record.key].append(int(record.value or b""))
        assert found == {key: numbers for key, numbers in self.published.items() if numbers}

    async def everything(self) -> list[Record]:
        async with self.publisher.reader([TOPIC]) as reader:
            return await reader.poll(10_000, 0.0)

    def teardown(self) -> None:
        try:
            self.now += timedelta(seconds=20)
            self.run(self.what_is_left_comes_to_an_heir())
        finally:
            for bus, stack in self.opened:
                self.run(stack.aclose())
                self.run(bus.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    async def what_is_left_comes_to_an_heir(self) -> None:
        """Everybody's session is over; a new member gets all that was not committed."""
        bus, watch, stack = self.open()
        heir = Member(bus, watch, stack, self.owners, self.committed)
        await heir.join()
        await heir.poll(10_000)
        total = sum(map(len, self.published.values()))
        assert len(heir.unfinished) == total - sum(self.committed.values())


TestGroup = Group.TestCase
TestGroup.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
