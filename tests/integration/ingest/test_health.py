"""From what was read to what operations are told, over both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.auth import Gate
from libs.common.bus import SOURCES
from libs.common.db import migrate, open_engine, writing
from libs.common.errors import BusUnavailable
from libs.common.events import SourceHealthChanged
from libs.common.service import create_app
from services.ingest.api.coverage import coverage_router
from services.ingest.collector import SourceConfig
from services.ingest.health.coverage import Interval
from services.ingest.health.keeper import HealthWatch
from services.ingest.health.observations import Observations
from services.ingest.health.reports import Reports
from services.ingest.health.silence import HOUR, hour_of
from services.ingest.health.silences import LEARNED_AT_A_LOOK, Silences
from services.ingest.post import Page
from services.ingest.posts import Known, PostStore
from services.ingest.schedule.decide import SourceState, configured
from services.ingest.stamps import stamp
from services.ingest.tables import hours
from tests.unit.ingest.building import NOW, ListBus, SetClock, a_feed_config, a_post

TOKEN = "test-token"
MINUTE = timedelta(minutes=1)
WEEK = timedelta(weeks=1)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url)
    await migrate(engine, "services.ingest")
    yield engine
    await engine.dispose()


@dataclass
class Ward:
    """The watch over one source, whose state is in the test's hands."""

    engine: AsyncEngine
    sources: Sequence[SourceConfig] = (a_feed_config(),)
    clock: SetClock = field(default_factory=SetClock)
    log: ListBus = field(default_factory=ListBus)

    def __post_init__(self) -> None:
        self.state = configured("presse", "feed x", self.clock.now)
        controls = {each.id: each.control for each in self.sources if each.control}
        self.observations = Observations(self.engine, controls)
        self.watch = HealthWatch(
            self.sources,
            self.states,
            self.observations,
            Silences(self.sources, self.observations, ZoneInfo("Europe/Berlin")),
            Reports(self.engine, self.log),
            10 * MINUTE,
            self.clock,
        )

    async def states(self) -> list[SourceState]:
        return [self.state]

    def turns(self, health: Any, reason: str | None = None, **fields: Any) -> None:
        """The source's state changes now."""
        self.state = replace(
            self.state, health=health, reason=reason, since=self.clock.now, **fields
        )

    async def reads(self, *texts: str) -> None:
        """A good page with a post for each text, published now."""
        posts = tuple(
            a_post(text=text, native_id=f"{self.clock.now}/{n}", published_at=self.clock.now)
            for n, text in enumerate(texts)
        )
        self.turns("ok", last_success=self.clock.now)
        self.observations.note("presse", Page(posts, None), self.clock.now)
        await self.observations.flush()

    async def was_busy(self, weeks: int, posts: int, source: str = "presse") -> None:
        """The weeks until now, so many posts an hour."""
        last = hour_of(self.clock.now)
        rows = [
            {
                "source": source,
                "hour": stamp(last - n * HOUR),
                "posts": posts,
                "control_seen": int(n % 4 == 0),
                "observed_seconds": 3600,
            }
            for n in range(1, weeks * WEEK // HOUR)
        ]
        async with writing(self.engine) as connection:
            await connection.execute(insert(hours), rows)

    @property
    def told(self) -> list[tuple[str, bool]]:
        events = [
            msgspec.json.decode(m.value or b"", type=SourceHealthChanged) for m in self.events
        ]
        return [(event.health, event.well) for event in events]

    @property
    def events(self) -> list[Any]:
        return [message for message in self.log.messages if message.topic == SOURCES]


async def test_a_bad_state_and_its_end_are_told_once_each(engine: AsyncEngine) -> None:
    ward = Ward(engine)
    ward.turns("ok")
    await ward.watch.tell()
    ward.turns("auth_failed", "credentials refused: 401")
    for _ in range(3):
        await ward.watch.tell()
        ward.clock.forward(minutes=20)
    assert ward.told == [("auth_failed", False)]
    assert {message.key for message in ward.events} == {"presse"}
    ward.turns("ok")
    await ward.watch.tell()
    ward.clock.forward(minutes=10)
    await ward.watch.tell()
    await ward.watch.tell()
    assert ward.told == [("auth_failed", False), ("ok", True)]


async def test_what_the_log_did_not_take_is_told_later(engine: AsyncEngine) -> None:
    ward = Ward(engine)
    ward.turns("gone", "gone: 410")
    ward.log.is_down = True
    with pytest.raises(BusUnavailable):
        await ward.watch.tell()
    ward.log.is_down = False
    await ward.watch.tell()
    assert ward.told == [("gone", False)]


async def test_of_several_copies_one_tells(engine: AsyncEngine) -> None:
    log = ListBus()
    copies = [Ward(engine, log=log) for _ in range(4)]
    for copy in copies:
        copy.turns("auth_failed", "credentials refused: 401")
    await asyncio.gather(*(copy.watch.tell() for copy in copies))
    assert copies[0].told == [("auth_failed", False)]
    for copy in copies:
        copy.turns("ok")
        copy.clock.forward(minutes=30)
    await asyncio.gather(*(copy.watch.tell() for copy in copies))
    assert copies[0].told == [("auth_failed", False), ("ok", True)]


async def test_what_was_told_outlives_a_restart(engine: AsyncEngine) -> None:
    before = Ward(engine)
    before.turns("over_budget", "over budget: the month's reads are used up")
    await before.watch.tell()
    after = Ward(engine, log=before.log)
    after.turns("over_budget", "over budget: the month's reads are used up")
    await after.watch.tell()
    assert after.told == [("over_budget", False)]
    gone = Ward(engine, sources=(), log=before.log)
    await gone.watch.tell()
    assert gone.told == [("over_budget", False), ("ok", True)]


async def test_a_dead_source_falls_silent_and_a_post_ends_it(engine: AsyncEngine) -> None:
    ward = Ward(engine)
    await ward.was_busy(weeks=4, posts=20)
    await ward.reads()
    await ward.watch.look()
    assert ward.watch.found == {}
    died = ward.clock.now
    for _ in range(4 * 6):
        ward.clock.forward(minutes=15)
        await ward.reads()
        await ward.watch.look()
    (how,) = await ward.watch.presented(ward.clock.now)
    assert how.health == "silent"
    assert how.reason is not None
    assert how.reason.startswith("0 posts in ")
    assert "; usually " in how.reason
    assert how.since <= died
    await ward.watch.tell()
    await ward.reads(*["Wieder da"] * 100)
    await ward.watch.look()
    assert ward.watch.found == {}
    ward.clock.forward(minutes=10)
    await ward.watch.tell()
    assert ward.told == [("silent", False), ("ok", True)]


async def test_of_many_sources_a_few_are_learned_at_a_look(engine: AsyncEngine) -> None:
    sources = [a_feed_config(id=f"s{n}") for n in range(LEARNED_AT_A_LOOK + 5)]
    ward = Ward(engine, sources)
    for source in sources:
        await ward.was_busy(weeks=2, posts=2, source=source.id)
    now = ward.clock.now

    def learned() -> int:
        usual = [ward.watch.silences.usual(each.id, now - 24 * HOUR, now) for each in sources]
        return sum(posts is not None for posts in usual)

    await ward.watch.silences.look(now)
    assert learned() == LEARNED_AT_A_LOOK
    await ward.watch.silences.look(now + MINUTE)
    assert learned() == len(sources)
    assert ward.watch.silences.usual("s0", now - 24 * HOUR, now) == pytest.approx(48)


async def test_a_quiet_brand_is_not_silent(engine: AsyncEngine) -> None:
    """Posts come, and no watch wants any of them."""
    ward = Ward(engine)
    await ward.was_busy(weeks=4, posts=20)
    for _ in range(24):
        ward.clock.forward(minutes=60)
        await ward.reads(*["über etwas anderes"] * 20)
        await ward.watch.look()
        assert ward.watch.found == {}


async def test_posts_without_the_control_term_are_silence(engine: AsyncEngine) -> None:
    ward = Ward(engine, sources=(a_feed_config(control="moin"),))
    await ward.was_busy(weeks=2, posts=20)
    for _ in range(12):
        ward.clock.forward(minutes=60)
        await ward.reads(*["etwas anderes"] * 20)
        await ward.watch.look()
    assert ward.watch.found["presse"].reason == (
        'the control term "moin" was not seen for 14 h; usually at least every 4 h'
    )
    await ward.reads("Moin!")
    await ward.watch.look()
    assert ward.watch.found == {}


async def test_the_sources_are_shown_with_what_was_observed(engine: AsyncEngine) -> None:
    ward = Ward(engine)
    await ward.reads("der erste Blick")
    ward.clock.forward(minutes=5)
    await ward.reads("eins", "zwei")
    await ward.watch.look()
    (view,) = await ward.watch.views()
    assert (view.health, view.seen_a_day, view.usual_a_day) == ("ok", 2, None)
    assert (view.coverage.day, view.coverage.gaps) == (1.0, ())
    assert (
        REGISTRY.get_sample_value("brandmelder_source_health", {"source": "presse", "health": "ok"})
        == 1
    )
    assert REGISTRY.get_sample_value("brandmelder_source_coverage_ratio", {"source": "presse"}) == 1
    assert (
        REGISTRY.get_sample_value(
            "brandmelder_source_last_success_timestamp_seconds", {"source": "presse"}
        )
        == ward.clock.now.timestamp()
    )


async def test_what_delivers_to_us_is_observed_while_we_live(engine: AsyncEngine) -> None:
    ward = Ward(engine)
    ward.watch.delivered = ["presse"]
    ward.turns("ok")
    for _ in range(5):
        await ward.watch.look()
        ward.clock.forward(minutes=1)
    ward.turns("auth_failed", "credentials refused: the signature is wrong")
    await ward.watch.look()
    ward.clock.forward(minutes=1)
    ward.turns("ok")
    await ward.watch.look()
    ward.clock.forward(minutes=2)
    await ward.watch.look()
    start = hour_of(NOW) + 30 * MINUTE
    assert await ward.watch.intervals("presse", Interval(start, ward.clock.now)) == [
        Interval(start, start + 4 * MINUTE),
        Interval(start + 6 * MINUTE, start + 8 * MINUTE),
    ]


async def test_the_loop_writes_what_was_noted_last(engine: AsyncEngine) -> None:
    ward = Ward(engine)
    await ward.reads()
    stop = asyncio.Event()
    running = asyncio.create_task(ward.watch.run(stop))
    ward.clock.forward(minutes=5)
    ward.observations.note("presse", Page((), None), ward.clock.now)
    stop.set()
    await running
    assert (await ward.watch.views())[0].coverage.day == 1.0


async def test_the_coverage_of_a_source_can_be_asked_for(engine: AsyncEngine) -> None:
    ward = Ward(engine)
    for minutes, complete in ((0, True), (30, True), (90, False), (120, True)):
        ward.clock.now = NOW + minutes * MINUTE
        ward.observations.note("presse", Page((), None, complete=complete), ward.clock.now)
        await ward.observations.flush()
    router = coverage_router(["presse"], ward.watch.intervals, Gate(TOKEN), ward.clock)
    app = create_app([], "test")
    app.include_router(router)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://ingest.test/sources/",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as client:
        answer = await client.get("presse/coverage", params={"from": NOW.isoformat()})
        assert answer.json() == {
            "source": "presse",
            "from": "2026-09-18T10:30:00Z",
            "to": "2026-09-18T12:30:00Z",
            "share": 0.5,
            "intervals": [
                {"from": "2026-09-18T10:30:00Z", "to": "2026-09-18T11:00:00Z"},
                {"from": "2026-09-18T12:00:00Z", "to": "2026-09-18T12:30:00Z"},
            ],
            "gaps": [{"from": "2026-09-18T11:00:00Z", "to": "2026-09-18T12:00:00Z"}],
        }
        week = (await client.get("presse/coverage")).json()
        assert (week["from"], len(week["gaps"])) == ("2026-09-11T12:30:00Z", 2)
        assert (await client.get("other/coverage")).status_code == 404
        for wrong in (
            {"from": "2027-01-01T00:00:00Z"},
            {"from": "0001-01-01T00:00:00Z"},
            {"to": "0001-01-02T00:00:00+14:00"},
            {"from": "2026-09-18T10:30:00"},
        ):
            assert (await client.get("presse/coverage", params=wrong)).status_code == 422, wrong
        assert (
            await client.get("presse/coverage", headers={"Authorization": "Bearer no"})
        ).status_code == 401


async def test_what_was_published_is_tidied_up_with_what_was_observed(engine: AsyncEngine) -> None:
    ward, posts, stop = Ward(engine), PostStore(engine), asyncio.Event()
    await posts.remember("gone", [Known("forum", "kurve/1", ("motorrad-ag",))], ward.clock.now)

    async def tidy(now: datetime) -> None:
        await posts.prune(["presse"], now)
        stop.set()

    ward.watch.tidiers = (tidy,)
    async with asyncio.timeout(20):
        await ward.watch.run(stop)
    assert await posts.known("gone", ["kurve/1"]) == []
