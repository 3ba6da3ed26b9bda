"""The simulated stream: the same for the same seed, plausible, and as its truth says."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest

from libs.common.errors import ConfigurationError
from libs.common.events import ClassifiedMention, Mention, SourceHealthChanged, mention_id, to_json
from sandbox.simulator.stream import merged, streams
from sandbox.simulator.texts import read_library
from sandbox.simulator.writing import Simulated
from tests.unit.sandbox.simulating import QUIET, library, mentions, settings, simulated

_DIGEST = """
import hashlib
from libs.common.events import to_json
from tests.unit.sandbox.simulating import settings, simulated
_, events = simulated(settings(days=5, storms=1, dangers=0.01))
print(hashlib.sha256(b"".join(to_json(one.event) for one in events)).hexdigest())
"""


def digest(events: list[Simulated]) -> str:
    return hashlib.sha256(b"".join(to_json(one.event) for one in events)).hexdigest()


def test_the_same_seed_gives_the_same_stream_in_another_process() -> None:
    _, events = simulated(settings(days=5, storms=1, dangers=0.01))
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _DIGEST], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(events)


def test_another_seed_gives_another_stream() -> None:
    assert digest(simulated(settings(seed=3))[1]) != digest(simulated(settings(seed=4))[1])


def test_a_watch_is_the_same_alone_and_among_others() -> None:
    of = settings(days=2, watches=3, storms=1)
    together = list(merged(streams(of, library())))
    for number, watch in enumerate(("watch-01", "watch-02", "watch-03")):
        alone = simulated(of, number)[1]
        assert [one for one in together if _watch(one) == watch] == alone
    assert [one.at for one in together] == sorted(one.at for one in together)


def _watch(one: Simulated) -> str:
    return one.event.watch if isinstance(one.event, Mention) else one.event.source[:8]


def test_events_come_in_the_order_of_their_collection_and_never_before_publication() -> None:
    _, events = simulated(settings(storms=2))
    said = mentions(events)
    collected = [mention.collected_at for mention in said]
    assert collected == sorted(collected)
    assert all(mention.published_at < mention.collected_at for mention in said)


def test_streams_are_read_within_seconds_and_the_rest_within_minutes() -> None:
    said = mentions(simulated(settings())[1])
    delays = defaultdict(list)
    for mention in said:
        took = (mention.collected_at - mention.published_at).total_seconds()
        delays[mention.platform].append(took)
    assert max(delays["x"]) <= 12
    assert 60 < float(np.median(delays["forum"])) < 300
    assert max(delays["forum"]) <= 300 + 3600 + 10


def test_ids_are_those_of_the_posts_and_never_repeat() -> None:
    said = mentions(simulated(settings(storms=1))[1])
    assert len({mention.id for mention in said}) == len(said)
    first = said[0]
    assert first.id == mention_id(first.platform, first.native_id, first.watch)


def test_ordinary_days_have_a_rhythm_and_scatter_more_than_chance() -> None:
    of = settings(days=60)
    said = mentions(simulated(of)[1])
    by_hour = Counter((mention.published_at - of.begin) // timedelta(hours=1) for mention in said)
    counts = np.array([by_hour[hour] for hour in range(60 * 24)]).reshape(60, 24)
    assert 12 < counts.mean() < 30
    assert counts.mean(axis=0).max() > 3 * counts.mean(axis=0).min()
    busiest = counts[:, int(counts.mean(axis=0).argmax())]
    assert busiest.var() > 1.5 * busiest.mean()


def test_a_few_write_much_and_most_write_seldom() -> None:
    said = mentions(simulated(settings(days=60))[1])
    wrote = Counter(mention.author.key for mention in said if mention.author is not None)
    most = sum(count for _, count in wrote.most_common(len(wrote) // 10))
    assert most > 0.25 * len(said)
    assert sum(count == 1 for count in wrote.values()) > 0.5 * len(wrote)


def test_reasons_point_into_the_text_and_name_the_theme_of_a_danger() -> None:
    stream, events = simulated(settings(days=12, dangers=0.02))
    said = mentions(events)
    for mention in said:
        for reason in mention.classification.reasons:
            assert 0 <= reason.start < reason.end <= len(mention.text)
            assert reason.label == mention.classification.label
    dangers = {danger.mention: danger.theme for danger in stream.truth.dangers}
    found = {
        mention.id: mention.classification.reasons[0].cue
        for mention in said
        if mention.classification.label == "crisis_candidate"
    }
    assert found == dangers
    assert len(dangers) > 50


def test_the_classifier_errs_as_often_as_asked() -> None:
    right = mentions(simulated(settings(days=60))[1])
    wrong = mentions(simulated(settings(days=60, confusion=0.15))[1])
    assert [mention.text for mention in right] == [mention.text for mention in wrong]
    pairs = Counter(
        (a.classification.label, b.classification.label) for a, b in zip(right, wrong, strict=True)
    )
    errors = sum(count for (true, found), count in pairs.items() if true != found)
    assert errors / len(right) == pytest.approx(0.15, abs=0.01)
    false_dangers = sum(count for (_, found), count in pairs.items() if found == "crisis_candidate")
    assert false_dangers / len(right) == pytest.approx(0.004, abs=0.002)
    assert pairs["praise", "complaint"] > pairs["praise", "question"]


def test_raw_mentions_have_no_classification() -> None:
    _, raw = simulated(settings(raw=True, days=3))
    _, classified = simulated(settings(days=3))
    assert {type(one.event) for one in raw} == {Mention}
    first, second = raw[0].event, classified[0].event
    assert isinstance(first, Mention)
    assert isinstance(second, ClassifiedMention)
    assert (first.id, first.text, first.author) == (second.id, second.text, second.author)


def test_nothing_is_read_of_a_source_that_fails_and_its_mentions_come_late() -> None:
    stream, events = simulated(settings(days=60, per_year=replace(QUIET, outages=60)))
    for outage in stream.truth.outages:
        begin, end = stream.truth.moment(outage.begin), stream.truth.moment(outage.end)
        of_source = [m for m in mentions(events) if m.source == outage.source]
        assert not [m for m in of_source if begin <= m.collected_at < end]
        sure = end - timedelta(minutes=20)  # what is said later may be read by the next poll
        during = [m for m in of_source if begin <= m.published_at < sure and m.collected_at >= end]
        assert len(during) <= outage.late
    assert sum(outage.late for outage in stream.truth.outages) > 40
    assert sum(outage.lost for outage in stream.truth.outages) > 20
    told = [one.event for one in events if isinstance(one.event, SourceHealthChanged)]
    assert Counter(event.well for event in told)[True] == len(stream.truth.outages)
    assert all(event.at > event.since for event in told)


def test_good_news_is_praise_and_much_of_it() -> None:
    stream, events = simulated(settings(days=60, per_year=replace(QUIET, good_news=30)))
    assert stream.truth.spells
    for spell in stream.truth.spells:
        of = [one.event for one in events if one.origin == spell.id]
        said = [event for event in of if isinstance(event, ClassifiedMention)]
        labels = Counter(mention.classification.label for mention in said)
        assert labels["praise"] > 0.6 * len(said)
        assert labels["crisis_candidate"] == 0


def test_fake_reviews_are_rewrites_by_many_accounts() -> None:
    stream, events = simulated(settings(days=60, per_year=replace(QUIET, fake_reviews=20)))
    assert stream.truth.campaigns
    for campaign in stream.truth.campaigns:
        copies = [
            one.event
            for one in events
            if one.origin == campaign.id and isinstance(one.event, ClassifiedMention)
        ]
        assert sorted(copy.id for copy in copies) == sorted(campaign.members)
        assert len({copy.author.key for copy in copies if copy.author}) == len(copies)
        first = min(copies, key=lambda copy: int(copy.native_id)).text
        alike = [SequenceMatcher(None, first, copy.text).ratio() for copy in copies]
        assert float(np.median(alike)) >= 0.8
        assert len({copy.text for copy in copies}) > len(copies) / 3


def test_a_folder_without_a_corpus_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"expected the corpus \(\*\.jsonl\)"):
        read_library(tmp_path)
    (tmp_path / "de-x.jsonl").write_text('{"text": "Hallo"}\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"de-x\.jsonl:1: .*lang"):
        read_library(tmp_path)


def test_the_truth_counts_every_event() -> None:
    stream, events = simulated(settings(storms=1))
    assert stream.truth.mentions == len(events)
