"""Storms run as their script says, and the script follows the definition of the levels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from libs.common.events import ClassifiedMention
from sandbox.simulator.plan import chance, plan
from sandbox.simulator.settings import Settings
from sandbox.simulator.storm import OPEN_CHANNELS, REACHED, Script, script, usual
from sandbox.simulator.truth import Circumstance, Shape
from sandbox.simulator.writing import Simulated
from tests.unit.sandbox.simulating import library, settings, simulated

STORMY = settings(seed=5, days=60, storms=8)


def a_script(
    peak: int, *, per_hour: float = 20.0, shape: Shape = "sudden", seed: int = 1
) -> Script:
    return script(
        chance(seed),
        id="storm",
        watch="watch-01",
        theme="fire",
        name="Velora 3",
        shape=shape,
        circumstance="none",
        peak=peak,
        rise=5_000,
        per_hour=per_hour,
    )


def critical(events: list[Simulated], storm: str) -> list[ClassifiedMention]:
    """What the critics of a storm said themselves, in the order of publication."""
    said = [
        one.event
        for one in events
        if one.origin == storm
        and isinstance(one.event, ClassifiedMention)
        and one.event.kind not in ("repost", "article")
        and one.event.classification.label in ("complaint", "crisis_candidate")
    ]
    return sorted(said, key=lambda mention: mention.published_at)


@pytest.mark.parametrize(
    ("level", "quiet", "busy"),
    [(1, 2, 12), (2, 4, 36), (3, 10, 120), (4, 30, 360), (5, 100, 960), (6, 300, 2400)],
)
def test_a_levels_intensity_follows_the_size_of_the_watch(
    level: int, quiet: float, busy: float
) -> None:
    assert usual(level, 0.1) == quiet
    assert usual(level, 120.0) == pytest.approx(busy)


@pytest.mark.parametrize("peak", range(1, 7))
@pytest.mark.parametrize("per_hour", [0.1, 5.0, 120.0])
@pytest.mark.parametrize("shape", ["sudden", "slow_burn"])
def test_the_true_level_is_the_highest_that_the_intensity_reaches(
    peak: int, per_hour: float, shape: Shape
) -> None:
    written = a_script(peak, per_hour=per_hour, shape=shape)
    for voices, level in zip(written.voices, written.levels, strict=True):
        reached = [n for n in range(2, peak + 1) if voices >= REACHED * usual(n, per_hour)]
        assert level == max(reached, default=1)
    assert written.levels.max() == peak
    assert written.truth.level_at(written.truth.begin - 1) == 0
    assert written.truth.level_at(written.truth.end) == 0
    for minute in range(written.truth.begin, written.truth.end, 7):
        assert written.truth.level_at(minute) == written.levels[minute - written.truth.begin]


def test_the_onset_is_the_first_minute_of_level_two() -> None:
    assert a_script(1).truth.onset is None
    truth = a_script(4).truth
    assert truth.onset is not None
    assert (truth.level_at(truth.onset - 1), truth.level_at(truth.onset)) == (1, 2)


def test_a_sudden_storm_is_at_its_peak_within_the_hour_and_a_slow_one_smoulders() -> None:
    for seed in range(20):
        sudden, slow = (a_script(4, shape=shape, seed=seed) for shape in ("sudden", "slow_burn"))
        assert int(np.argmax(sudden.levels == 4)) <= 60 + 45
        assert int(np.argmax(slow.levels >= 2)) >= 6 * 60


def test_as_many_different_people_speak_up_as_the_script_says() -> None:
    stream, events = simulated(STORMY)
    for planned, voices in zip(stream.plan.storms, stream.truth.storms, strict=True):
        people = {m.author.key for m in critical(events, voices.id) if m.author}
        expected = float(planned.script.voices.sum()) / 60
        assert len(people) == pytest.approx(expected, rel=0.25, abs=15)


def test_a_storm_opens_channels_and_brings_the_press_as_it_grows() -> None:
    stream, events = simulated(STORMY)
    for storm in stream.truth.storms:
        said = critical(events, storm.id)
        assert len({mention.platform for mention in said}) <= OPEN_CHANNELS[storm.peak]
        articles = [
            one.event
            for one in events
            if one.origin == storm.id
            and isinstance(one.event, ClassifiedMention)
            and one.event.kind == "article"
        ]
        assert bool(articles) == (storm.peak >= 3)
        if storm.peak >= 5:
            assert len({article.url.split("/")[2] for article in articles if article.url}) >= 3
            assert any(article.source.endswith("newspapers") for article in articles)


def test_what_belongs_together_can_be_told_by_its_words() -> None:
    stream, events = simulated(STORMY)
    for storm in stream.truth.storms:
        stem = storm.name.split()[0]
        said = critical(events, storm.id)
        named = sum(stem in mention.text for mention in said)
        assert named > 0.75 * len(said)
        assert not [
            one
            for one in events
            if one.origin is None
            and isinstance(one.event, ClassifiedMention)
            and stem in one.event.text
        ]


def test_the_voices_of_a_large_storm_do_not_copy_each_other() -> None:
    stream, events = simulated(STORMY)
    largest = max(stream.truth.storms, key=lambda storm: storm.members)
    said = critical(events, largest.id)
    texts = Counter(mention.text for mention in said)
    assert len(said) > 500
    assert len(texts) > 0.95 * len(said)


def test_every_kind_of_storm_occurs_in_five_years() -> None:
    of = Settings(seed=1, days=1826, watches=20, storms=10)
    planned = [plan(of, number, library().industries).truth for number in range(of.watches)]
    storms = [storm for truth in planned for storm in truth.storms]
    assert len(storms) == 200
    assert {storm.peak for storm in storms} == set(range(1, 7))
    kinds: set[Circumstance] = {"none", "pair", "marketing", "night", "outage"}
    assert {storm.circumstance for storm in storms} == kinds
    assert {storm.shape for storm in storms} == {"sudden", "slow_burn"}
    for truth in planned:
        pairs = [storm for storm in truth.storms if storm.circumstance == "pair"]
        for first, second in zip(pairs[::2], pairs[1::2], strict=True):
            assert first.theme != second.theme
            assert first.begin < second.end
            assert second.begin < first.end
