"""The judge of the storm benchmark, with detections made by hand: perfect, silent, noisy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.storm_judge import Burst, Seen, StormResult, WatchJudge, WatchResult
from benchmarks.storm_report import report
from benchmarks.storm_run import Judged, judge_watch, scaled
from benchmarks.storm_trace import Band, draw, worth_drawing
from benchmarks.table import write_into
from libs.common.events import ClassifiedMention, Label, SourceHealthChanged
from sandbox.simulator.plan import plan
from sandbox.simulator.truth import CampaignTruth, DangerTruth, Spell, Step, StormTruth, WatchTruth
from sandbox.simulator.writing import Simulated
from tests.unit.alert.builders import a_mention
from tests.unit.sandbox.simulating import library, settings

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
GOOD_NEWS = Spell(
    id="good-news-1", kind="good_news", begin=20_000, end=20_500, factor=9.0, lasting=240.0
)
GUARDED = settings(seed=9, days=40, watches=1, storms=5, confusion=0.15, dangers=0.001)


class Told(NamedTuple):
    at: datetime
    level: int
    rule: str = "level"


def a_storm(name: str = "storm-1", *, begin: int = 1_000) -> StormTruth:
    """Level 2 after half an hour, level 3 after an hour, level 1 after 200 minutes, over after
    300."""
    steps = ((0, 1), (30, 2), (60, 3), (200, 1), (300, 0))
    return StormTruth(
        id=name,
        watch="motorrad",
        theme="fire",
        name="Velora 3",
        shape="sudden",
        circumstance="none",
        peak=3,
        begin=begin,
        end=begin + 300,
        onset=begin + 30,
        levels=tuple(Step(begin + minute, level) for minute, level in steps),
    )


def a_truth(*storms: StormTruth) -> WatchTruth:
    """Thirty days with a good-news burst and a campaign, besides the storms."""
    campaign = CampaignTruth(
        id="reviews-1", kind="reviews", platform="x", begin=9_000, end=9_100, copies=20
    )
    return WatchTruth(
        watch="motorrad",
        industry="automotive",
        per_hour=80.0,
        begin=MONDAY,
        days=30,
        storms=storms,
        spells=(GOOD_NEWS,),
        campaigns=(campaign,),
        outages=(),
        level_shifts=(),
    )


def paged(
    judge: WatchJudge,
    minute: float,
    *,
    origin: str | None = None,
    level: int = 2,
    rule: str = "level",
    label: Label = "complaint",
    native_id: str = "1",
) -> None:
    """A mention of this origin had somebody paged at this minute."""
    at = MONDAY + timedelta(minutes=minute)
    mention = a_mention(native_id, watch="motorrad", label=label)
    judge.note(Simulated(at.timestamp(), 1, mention, origin), [Told(at, level, rule)])


def only(result: WatchResult) -> StormResult:
    (storm,) = result.storms
    return storm


def test_the_delay_runs_from_the_onset_to_the_first_page_in_time() -> None:
    judge = WatchJudge(a_truth(a_storm()))
    paged(judge, 1_034, origin="storm-1", level=2)
    paged(judge, 1_071, origin="storm-1", level=3)
    storm = only(judge.result())
    assert storm.delay == pytest.approx(4.0)
    assert (storm.measured, len(storm.pages), storm.warned) == (3, 2, False)


@pytest.mark.parametrize(
    ("minute", "delay", "unaware"),
    [(1_024.9, None, 0.0), (1_025, 0.0, 0.0), (1_300, 270.0, 270.0), (1_300.1, None, None)],
)
def test_found_is_from_five_minutes_before_the_onset_to_the_end(
    minute: float, delay: float | None, unaware: float | None
) -> None:
    judge = WatchJudge(a_truth(a_storm()))
    paged(judge, minute, origin="storm-1")
    storm = only(judge.result())
    assert storm.delay == (delay if delay is None else pytest.approx(delay))
    assert storm.warned == (minute < 1_025)
    assert storm.unaware == (unaware if unaware is None else pytest.approx(unaware))


def test_a_page_by_an_ordinary_mention_is_about_the_storm_only_while_it_rages() -> None:
    judge = WatchJudge(a_truth(a_storm()))
    paged(judge, 1_010)
    paged(judge, 1_100)
    paged(judge, 1_259)
    paged(judge, 1_261)
    result = judge.result()
    assert [round(page.minute) for page in only(result).pages] == [1_100, 1_259]
    assert [round(false.page.minute) for false in result.false] == [1_010, 1_261]


def test_of_two_storms_the_page_is_about_the_one_its_mention_belongs_to() -> None:
    judge = WatchJudge(a_truth(a_storm("storm-1"), a_storm("storm-2", begin=1_020)))
    paged(judge, 1_080, origin="storm-2")
    first, second = judge.result().storms
    assert (len(first.pages), len(second.pages)) == (0, 1)


def test_true_dangers_and_campaigns_are_no_false_pages() -> None:
    truth = a_truth()
    judge = WatchJudge(truth)
    danger = a_mention("7", watch="motorrad")
    truth.dangers.append(DangerTruth(mention=danger.id, at=MONDAY, theme="fire", severity=0.9))
    paged(judge, 3_000, rule="danger", label="crisis_candidate", native_id="7")
    paged(judge, 9_050)
    paged(judge, 12_000, origin="reviews-1")
    result = judge.result()
    assert result.excused == {"danger": 1, "campaign": 2}
    assert result.false == []


def test_a_harmless_text_taken_for_a_danger_is_a_false_page_of_its_own_kind() -> None:
    judge = WatchJudge(a_truth())
    paged(judge, 3_000, rule="danger", label="crisis_candidate")
    paged(judge, 4_000, rule="burst")
    assert [(false.page.rule, false.mistaken) for false in judge.result().false] == [
        ("danger", True),
        ("burst", False),
    ]


def test_a_page_in_a_good_news_burst_is_false_and_its_level_is_noted() -> None:
    judge = WatchJudge(a_truth())
    paged(judge, 20_100, origin=GOOD_NEWS.id, level=2)
    paged(judge, 20_200, rule="danger", label="crisis_candidate", level=3)
    result = judge.result()
    assert result.good_news == [Burst(told=3, measured=2)]
    assert len(result.false) == 2


class Perfect:
    """Knows the truth: pages once a minute after the true level rises, with that level."""

    def __init__(self) -> None:
        self._truth = plan(GUARDED, 0, library().industries).truth
        self._told = dict.fromkeys((storm.id for storm in self._truth.storms), 1)

    def fold(self, event: ClassifiedMention | SourceHealthChanged) -> Sequence[Told]:
        if not isinstance(event, ClassifiedMention):
            return []
        pages = []
        for storm in self._truth.storms:
            level = storm.level_at(self._truth.minute(event.collected_at))
            if level > self._told[storm.id]:
                self._told[storm.id] = level
                pages.append(Told(event.collected_at, level))
        return pages

    def expected(self, watch: str, at: datetime) -> Band | None:
        return Band(10.0, 30.0)


class Silent:
    def fold(self, event: ClassifiedMention | SourceHealthChanged) -> Sequence[Told]:
        return []


class Noisy:
    """Pages at every hundredth mention."""

    def __init__(self) -> None:
        self._heard = 0

    def fold(self, event: ClassifiedMention | SourceHealthChanged) -> Sequence[Told]:
        self._heard += 1
        if self._heard % 100 or not isinstance(event, ClassifiedMention):
            return []
        return [Told(event.collected_at, 2, "burst")]


def guarded(detection: Perfect | Silent | Noisy, *drawn: str) -> Judged:
    return judge_watch(GUARDED, lambda: detection, drawn, 0, library())


def test_who_knows_the_truth_finds_every_storm_at_once_and_pages_for_nothing_else() -> None:
    result = guarded(Perfect()).result
    serious = [storm for storm in result.storms if storm.truth.peak >= 3]
    assert serious
    assert all(storm.delay is not None and storm.delay < 20 for storm in serious)
    assert [s.measured for s in result.storms if s.truth.peak >= 2] == [
        s.truth.peak for s in result.storms if s.truth.peak >= 2
    ]
    assert result.false == []


def test_who_is_silent_finds_nothing_and_is_never_wrong() -> None:
    result = guarded(Silent()).result
    assert {storm.delay for storm in result.storms} == {None}
    assert {storm.measured for storm in result.storms} == {0}
    assert (result.false, result.excused) == ([], {})


def test_who_pages_all_the_time_finds_storms_and_is_mostly_wrong() -> None:
    result = guarded(Noisy()).result
    assert any(storm.delay is not None for storm in result.storms)
    assert len(result.false) > 50


def test_the_report_has_every_table_and_its_figures() -> None:
    judge = WatchJudge(a_truth(a_storm("storm-1"), a_storm("storm-2", begin=5_000)))
    paged(judge, 1_034, origin="storm-1", level=3)
    paged(judge, 6_000, rule="burst")
    text = report("Simulated", [judge.result()])
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:-1]]
        for line in text.splitlines()
        if len(cells := line.split("|")) > 3
    }
    assert rows["storms of level 3 and above found"] == ["50.0% of 2", "≥ 98 %"]
    assert rows["… median delay of 2 at 60/h and more"] == ["4.0", "≤ 5 min"]
    assert rows["… found, or paged about while they smouldered"] == ["50.0% of 2", ""]
    assert rows["false pages per watch and month"] == ["1.01", "≤ 1"]
    assert rows["3"] == ["1", "0", "0", "1", "0", "0", "0", "0.50"]
    assert rows["sudden"] == ["2", "50.0% of 2", "4.0", "4.0"]
    assert rows["burst"] == ["1"]


def test_the_page_keeps_what_stands_around_the_tables(tmp_path: Path) -> None:
    page = tmp_path / "detection.md"
    page.write_text("# Detection\n\nBefore.\n", encoding="utf-8")
    write_into(page, "storms", "first")
    page.write_text(page.read_text(encoding="utf-8") + "After.\n", encoding="utf-8")
    write_into(page, "storms", "second")
    begin = "<!-- storms: written by `make bench ARGS=storms` -->"
    end = "<!-- storms: end -->"
    expected = f"# Detection\n\nBefore.\n\n{begin}\nsecond\n\n{end}\nAfter.\n"
    assert page.read_text(encoding="utf-8") == expected


def test_storms_are_drawn_with_counts_levels_and_pages(tmp_path: Path) -> None:
    drawn = worth_drawing([plan(GUARDED, 0, library().industries).truth])
    assert len(set(drawn)) == 3
    judged = guarded(Perfect(), *drawn)
    assert {trace.storm.id for trace in judged.traces} == set(drawn)
    for trace in judged.traces:
        assert sum(trace.mentions) > sum(trace.critical) > 0
        assert all(isinstance(page, Seen) for page in trace.pages)
        assert Band(10.0, 30.0) in trace.bands
    draw(judged.traces, judged.result.storms, tmp_path / "docs" / "storms.png")
    assert (tmp_path / "docs" / "storms.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_fraction_of_the_time_has_as_many_storms_a_year() -> None:
    whole, tenth = scaled(1.0, 1), scaled(0.1, 1)
    assert (whole.days, whole.storms, whole.watches) == (1826, 10, 20)
    assert (tenth.days, tenth.storms, tenth.watches) == (183, 1, 20)
