"""A mention as the detectors see it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from libs.common.events import ClassifiedMention, Engagement, Kind, Label, Reason
from services.alert.detector import Voice
from services.alert.voice import author_of, news_at, voice_of
from tests.unit.alert.builders import NIGHT, a_mention
from tests.unit.alert.detectors.voices import a_reason

NOW = NIGHT.timestamp()
HOURS = 3600.0


def a_voice(mention: ClassifiedMention, who: int = 1, *, copied: bool = False) -> Voice:
    return voice_of(mention, NOW, who, copied, abusive=False)


def themes(*reasons: Reason, label: Label = "crisis_candidate") -> tuple[str, ...]:
    mention = a_mention(label=label, reasons=reasons)
    return a_voice(mention).themes


def test_a_mention_becomes_a_voice() -> None:
    mention = a_mention(followers=1200)
    assert a_voice(mention, who=7, copied=True) == Voice(
        mention=mention,
        at=NOW,
        who=7,
        label="crisis_candidate",
        critical=True,
        severity=0.82,
        themes=("safety_defect",),
        reach=1200,
        copied=True,
        abusive=False,
    )


@pytest.mark.parametrize(
    ("label", "critical"),
    [
        ("complaint", True),
        ("crisis_candidate", True),
        ("question", False),
        ("praise", False),
        ("other", False),
    ],
)
def test_complaints_and_crisis_candidates_are_critical(label: Label, critical: bool) -> None:
    assert a_voice(a_mention(label=label)).critical is critical


def counts_at(mention: ClassifiedMention, clock: float = 0.0) -> float | None:
    """clock: the watch's, before the mention."""
    collected = mention.collected_at.timestamp()
    return news_at(mention, collected, max(clock, collected))


def test_it_counts_when_it_was_published_and_never_after_it_was_collected() -> None:
    early = a_mention(published_at=NIGHT - timedelta(hours=2))
    future = a_mention(published_at=NIGHT + timedelta(days=300))
    assert counts_at(early) == NOW - 2 * HOURS
    assert counts_at(future) == NOW


def test_themes_are_those_of_the_deciding_reasons_the_heaviest_first() -> None:
    assert themes(
        a_reason("fraud", 0.5),
        a_reason("fire", 0.4),
        a_reason("complaint", 0.9, "complaint"),
        a_reason("fire", 0.3),
    ) == ("fire", "fraud")


def test_if_no_reason_speaks_for_the_label_all_count() -> None:
    reasons = a_reason("outage", 0.2, "other"), a_reason("complaint", 0.9, "complaint")
    assert themes(*reasons) == ("complaint", "outage")
    assert themes() == ()


def test_reach_is_what_the_platform_says_more_of() -> None:
    def reach(followers: int | None, views: int | None) -> int:
        mention = replace(a_mention(followers=followers), engagement=Engagement(views=views))
        return a_voice(mention).reach

    assert (reach(10, 900), reach(900, None)) == (900, 900)
    assert (reach(None, None), reach(-5, None)) == (0, 0)
    assert reach(10**30, None) == 2**53


def test_an_author_is_the_same_in_every_process() -> None:
    assert author_of(a_mention(author="anton")) == 18102955157134435650
    assert author_of(a_mention("2", author="anton")) == author_of(a_mention("1", author="anton"))
    assert author_of(a_mention(author="berta")) != author_of(a_mention(author="anton"))


def test_mentions_without_an_author_are_voices_of_their_own() -> None:
    assert author_of(a_mention("1", author=None)) != author_of(a_mention("2", author=None))


def aged(hours: float, *, backfill: bool = False, kind: Kind = "post") -> ClassifiedMention:
    """Published so long before it was collected."""
    published_at = NIGHT - timedelta(hours=hours)
    return a_mention(published_at=published_at, backfill=backfill, kind=kind)


@pytest.mark.parametrize(
    ("mention", "clock", "late"),
    [
        (aged(24), NOW, False),
        (aged(24.1), NOW, True),
        (aged(24.1), 0.0, True),
        (aged(1), NOW + 22 * HOURS, False),
        (aged(1), NOW + 24 * HOURS, True),
        (aged(0, backfill=True), NOW, True),
        (aged(100, kind="hint"), NOW, False),
        (aged(0, kind="hint", backfill=True), NOW, True),
        (aged(-50), NOW, False),
    ],
    ids=[
        *("a day old", "older", "older on a new watch", "waited", "waited for too long"),
        *("from the past", "a hint about the past", "a hint from the past", "from the future"),
    ],
)
def test_what_is_late(mention: ClassifiedMention, clock: float, late: bool) -> None:
    assert (counts_at(mention, clock) is None) is late
