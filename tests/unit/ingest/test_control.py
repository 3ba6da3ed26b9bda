"""Posts come, but not the word that is known to occur: the wrong thing is read."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.ingest.health.control import Control, missing
from services.ingest.health.silence import Silence
from tests.unit.ingest.building import NOW, a_post

HOUR = timedelta(hours=1)


def hours(pattern: str) -> list[tuple[datetime, float, bool]]:
    """One hour a letter, the last one now: x seen, . not seen, - not observed."""
    begin = NOW.replace(minute=0) - (len(pattern) - 1) * HOUR
    return [(begin + n * HOUR, float(c != "-"), c == "x") for n, c in enumerate(pattern)]


def test_the_word_is_found_as_queries_find_words() -> None:
    control = Control("Straßen-Bremse")
    assert control.is_in([a_post(text="nichts"), a_post(text="Die STRASSEN BREMSE quietscht")])
    assert control.is_in([a_post(text="…", title="Strassen-Bremse")])
    assert not control.is_in([a_post(text="Bremse auf der Straße")])
    assert not control.is_in([])


def test_a_word_in_quotes_or_brackets_is_still_a_word() -> None:
    assert Control('sagt "Moin"').is_in([a_post(text="Er sagt: Moin!")])
    assert Control("Moin (OR").is_in([a_post(text="moin or")])


def test_missing_is_what_was_not_seen_for_twice_its_longest_gap() -> None:
    usual = "x..x.x...x.x.x"
    assert missing("moin", hours(usual + "." * 8), None, NOW) is None
    found = missing("moin", hours(usual + "." * 9), None, NOW)
    assert found == Silence(
        'the control term "moin" was not seen for 9 h; usually at least every 4 h',
        NOW.replace(minute=0) - 8 * HOUR,
    )


def test_only_observed_time_counts() -> None:
    assert missing("moin", hours("x..x.x...x.x.x" + "-" * 50), None, NOW) is None


def test_before_its_gaps_are_known_it_is_not_missed() -> None:
    assert missing("moin", hours("x.x" + "." * 60), None, NOW) is None
    assert missing("moin", [], None, NOW) is None


def test_quiet_after_says_how_long_it_may_be_missing() -> None:
    found = missing("moin", hours("x.x...."), 3 * HOUR, NOW)
    assert found is not None
    assert found.reason == (
        'the control term "moin" was not seen for 4 h; usually at least every 2 h'
    )
    assert missing("moin", hours("x.x..."), 3 * HOUR, NOW) is None


def test_a_word_that_never_came_in_a_week_is_told() -> None:
    assert missing("moin", hours("." * 168), None, NOW) is None
    found = missing("moin", hours("." * 169), None, NOW)
    assert found is not None
    assert found.reason == 'the control term "moin" was never seen in 7 d'
