"""The bursts of a watch, voice by voice, with sources that go blind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import numpy as np
from hypothesis import given, settings
from msgspec.structs import replace

from libs.common.events import Label
from services.alert.detector import Blindness, Finding, Voice
from services.alert.detectors.burst import Bursts
from services.alert.detectors.burst_exposure import MOST_SOURCES, Shares
from tests.unit.alert.detectors.voices import (
    BEGIN,
    DAY,
    HOUR,
    MINUTE,
    a_voice,
    check_survives_saving,
    size,
    streams,
)


class Blind:
    """One source is blind for a while, in seconds after the beginning."""

    def __init__(self, source: str = "", since: float = 0.0, until: float = 0.0) -> None:
        self._source, self._since, self._until = source, BEGIN + since, BEGIN + until

    def blind(self, at: float) -> frozenset[str]:
        inside = self._since <= at < self._until
        return frozenset({self._source}) if inside else frozenset()


NOBODY = Blind()


def said(
    at: float,
    *,
    source: str = "forum",
    label: Label = "other",
    copied: bool = False,
    read: float = MINUTE,
) -> Voice:
    """read: so many seconds later it was collected."""
    voice = a_voice(at, label=label, copied=copied)
    collected = datetime.fromtimestamp(BEGIN + at + read, UTC)
    return replace(voice, mention=replace(voice.mention, source=source, collected_at=collected))


def chatter(
    days: float, an_hour: float, source: str = "forum", seed: int = 1, since: float = 0.0
) -> list[Voice]:
    random = np.random.default_rng(seed)
    times = np.sort(random.uniform(0.0, days * DAY, int(random.poisson(an_hour * days * 24))))
    return [said(since + float(each), source=source) for each in times]


def together(*streams_: list[Voice]) -> list[Voice]:
    return sorted((voice for each in streams_ for voice in each), key=lambda voice: voice.at)


def found_in(
    voices: Iterable[Voice], bursts: Bursts | None = None, blind: Blindness = NOBODY
) -> list[Finding]:
    bursts = Bursts() if bursts is None else bursts
    return [finding for voice in voices for finding in bursts.fold(voice, blind)]


def test_a_burst_of_critics_is_found_in_both_series() -> None:
    bursts = Bursts()
    assert found_in(chatter(5, 12.0), bursts) == []
    storm = [said(5 * DAY + second, label="complaint") for second in range(0, 600, 4)]
    findings = found_in(storm, bursts)
    assert [each.numbers["critical"] for each in findings] == [1.0, 0.0]
    assert all(each.detector == "burst" and each.surprise > 2 for each in findings)
    assert all(each.at - BEGIN < 5 * DAY + 5 * MINUTE for each in findings)
    assert set(findings[0].numbers) == {"critical", "minutes", "count", "expected", "bar"}


def test_copies_are_a_burst_of_mentions_and_none_of_critics() -> None:
    bursts = Bursts()
    found_in(chatter(5, 12.0), bursts)
    copies = [said(5 * DAY + each, label="complaint", copied=True) for each in range(0, 600, 4)]
    assert [each.numbers["critical"] for each in found_in(copies, bursts)] == [0.0]


def test_a_blind_source_is_made_up_for_and_its_return_is_no_burst() -> None:
    """Three quarters are unread for two days; then what was said meanwhile comes at once."""
    since, until = 10 * DAY + 30 * MINUTE, 12 * DAY
    blind = Blind("forum", since, until)
    small = chatter(20, 20.0, "blog", seed=2)
    large = chatter(20, 60.0, "forum", seed=3)
    read = [each for each in large if not since <= each.at - BEGIN < until]
    missed = [each for each in large if until - 4 * HOUR <= each.at - BEGIN < until]
    bursts = Bursts()
    heard = together(small, read)
    before = [each for each in heard if each.at - BEGIN < until]
    assert found_in(before, bursts, blind) == []
    level = bursts.everything.rhythm.level
    assert 60.0 < level < 100.0
    back = [said(each.at - BEGIN, read=DAY) for each in missed]
    assert found_in(back, bursts, blind) == []
    assert found_in([each for each in heard if each.at - BEGIN >= until], bursts, blind) == []


def test_what_comes_live_counts_whatever_was_reported() -> None:
    """A source that was silent speaks again before anyone has reported it well."""
    bursts = Bursts()
    assert found_in(chatter(8, 30.0), bursts) == []
    blind = Blind("forum", 8 * DAY, 9 * DAY)
    storm = [said(8 * DAY + 2 * HOUR + each) for each in range(0, 600, 2)]
    assert len(found_in(storm, bursts, blind)) == 1


def test_shares_are_of_the_last_weeks_and_bounded() -> None:
    shares = Shares()
    for number in range(400):
        shares.add("forum" if number % 4 else "blog", BEGIN + number * HOUR)
    assert shares.seen(frozenset()) == 1.0
    assert 0.70 < shares.seen(frozenset({"blog"})) < 0.80
    for number in range(400):
        shares.add("blog", BEGIN + 300 * DAY + number * HOUR)
    assert shares.seen(frozenset({"blog"})) < 0.01
    for number in range(100):
        shares.add(f"feed-{number}", BEGIN + 400 * DAY)
    assert len(shares.weights) == MOST_SOURCES
    new = Shares()
    new.add("forum", BEGIN)
    assert new.seen(frozenset({"forum"})) == 1.0


@given(streams(60))
@settings(max_examples=40, deadline=None)
def test_the_state_survives_saving_at_any_voice(voices: list[Voice]) -> None:
    blind = Blind("bikeforum", HOUR, 30 * HOUR)

    def fold(state: Bursts, voice: Voice) -> Finding | None:
        return next(iter(state.fold(voice, blind)), None)

    check_survives_saving(Bursts, fold, voices)


def test_the_state_of_both_series_stays_below_ten_kilobytes() -> None:
    bursts = Bursts()
    for number in range(6_000):
        source = f"a-source-with-a-rather-long-name-{number % 40}"
        bursts.fold(said(number * 500.0, source=source, label="complaint"), NOBODY)
    assert size(bursts) < 10_000
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(bursts), type=Bursts) == bursts
