"""The command writes what a log would carry, and a drill plays it when its time comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from libs.common.events import ClassifiedMention, Mention, SourceHealthChanged, event_struct
from sandbox.simulator.command import Truth, simulate
from sandbox.simulator.play import play
from sandbox.simulator.writing import Event, Simulated
from services.cli import cli
from tests.unit.sandbox.simulating import settings, simulated

ASKED = ["--seed", "7", "--days", "3", "--watches", "1", "--storms", "2"]


def test_the_files_hold_every_event_as_the_log_carries_it_and_the_truth(tmp_path: Path) -> None:
    done = CliRunner().invoke(simulate, [*ASKED, "--out", str(tmp_path)])
    assert (done.exit_code, done.stderr) == (0, "")
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    events = [msgspec.convert(line["data"], event_struct(line["type"])) for line in lines]
    truth = msgspec.json.decode((tmp_path / "truth.json").read_bytes(), type=Truth)
    assert [watch.watch for watch in truth.watches] == ["watch-01"]
    assert [len(watch.storms) for watch in truth.watches] == [2]
    assert sum(watch.mentions for watch in truth.watches) == len(events)
    assert {type(event) for event in events} <= {ClassifiedMention, SourceHealthChanged}
    assert f"{len(events):,} events, watches: 1, storms: 2" in done.stdout


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        CliRunner().invoke(simulate, [*ASKED, "--raw", "--out", str(tmp_path / folder)])
    for name in ("events.jsonl", "truth.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    first = json.loads((tmp_path / "a" / "events.jsonl").read_bytes().splitlines()[0])
    assert first["type"] == "mention.collected.v1"


def test_without_a_corpus_it_says_what_is_missing(tmp_path: Path) -> None:
    asked = ["--corpus", str(tmp_path / "none"), "--out", str(tmp_path)]
    done = CliRunner().invoke(simulate, asked)
    assert done.exit_code == 2
    assert f"{tmp_path / 'none'}: expected the corpus" in done.stderr
    assert not (tmp_path / "events.jsonl").exists()


def test_the_command_is_found_though_the_services_do_not_know_it() -> None:
    done = CliRunner().invoke(cli, ["simulate", "--help"])
    assert done.exit_code == 0
    assert "say what really happened" in done.stdout
    assert "simulate" in CliRunner().invoke(cli, ["--help"]).stdout


class Drill:
    """A clock that only moves when somebody waits, and what was published at which time."""

    def __init__(self) -> None:
        self.now = datetime(2027, 3, 1, 9, tzinfo=UTC)
        self.published: list[tuple[datetime, Event]] = []

    def clock(self) -> datetime:
        return self.now

    async def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def publish(self, event: Event) -> None:
        self.published.append((self.now, event))


async def test_a_story_is_played_at_its_pace_as_if_it_happened_now() -> None:
    events = simulated(settings(days=5))[1][:50]
    drill = Drill()
    begun = drill.now
    assert await play(events, 60.0, drill.publish, clock=drill.clock, wait=drill.wait) == 50
    for (at, event), one in zip(drill.published, events, strict=True):
        assert isinstance(event, Mention)
        assert isinstance(one.event, Mention)
        passed = (at - begun).total_seconds()
        assert passed == pytest.approx((one.at - events[0].at) / 60, abs=0.001)
        assert abs((event.collected_at - at).total_seconds()) < 0.001
        took = one.event.collected_at - one.event.published_at
        assert event.collected_at - event.published_at == took
        assert (event.id, event.text) == (one.event.id, one.event.text)


async def test_health_is_moved_with_the_story() -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    ill = SourceHealthChanged(
        source="watch-01-x", at=at, health="failing", well=False, since=at - timedelta(hours=1)
    )
    drill = Drill()
    begun = drill.now
    events = [Simulated(at.timestamp(), 1, ill, None)]
    await play(events, 1.0, drill.publish, clock=drill.clock, wait=drill.wait)
    ((_, told),) = drill.published
    assert isinstance(told, SourceHealthChanged)
    assert (told.at, told.since) == (begun, begun - timedelta(hours=1))


async def test_a_story_cannot_be_played_backwards() -> None:
    drill = Drill()
    with pytest.raises(ValueError, match="speed above 0"):
        await play([], 0.0, drill.publish, clock=drill.clock, wait=drill.wait)
