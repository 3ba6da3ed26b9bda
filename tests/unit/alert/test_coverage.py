"""Which sources could not be read when."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from libs.common.events import SourceHealthChanged
from services.alert.coverage import MOST_SPELLS, Ledger
from tests.unit.alert.builders import NIGHT

MINUTE = timedelta(minutes=1)


def told(
    at: int, well: bool, *, source: str = "forum", since: int | None = None
) -> SourceHealthChanged:
    """at, since: minutes after NIGHT."""
    return SourceHealthChanged(
        source=source,
        kind="discourse",
        at=NIGHT + at * MINUTE,
        health="ok" if well else "blocked",
        well=well,
        since=NIGHT + (at if since is None else since) * MINUTE,
    )


def after(*changes: SourceHealthChanged) -> Ledger:
    ledger = Ledger()
    for change in changes:
        ledger.fold(change)
    return ledger


def blind(ledger: Ledger, minute: float) -> set[str]:
    return set(ledger.blind((NIGHT + minute * MINUTE).timestamp()))


def test_a_source_is_blind_since_it_fell_ill_until_it_was_well() -> None:
    ledger = after(told(10, False, since=2), told(60, True, since=50))
    seen = {minute: blind(ledger, minute) for minute in (1, 2, 49, 50, 70)}
    assert seen == {1: set(), 2: {"forum"}, 49: {"forum"}, 50: set(), 70: set()}


def test_a_source_that_is_still_ill_is_blind_from_then_on() -> None:
    ledger = after(told(0, False), told(5, False, source="blog"), told(9, True, source="blog"))
    assert [blind(ledger, minute) for minute in (6, 10, 9_999)] == [
        {"forum", "blog"},
        {"forum"},
        {"forum"},
    ]


def test_another_illness_is_the_same_blindness() -> None:
    ledger = after(told(0, False), told(20, False), told(40, True))
    assert [blind(ledger, minute) for minute in (0, 30, 41)] == [{"forum"}, {"forum"}, set()]


def test_repeats_and_overtaken_reports_change_nothing() -> None:
    ill, well = told(0, False), told(30, True)
    assert after(ill, ill, well, well, ill) == after(ill, well)


def test_well_without_an_illness_is_nothing() -> None:
    assert after(told(0, True)) == Ledger()


def test_the_past_is_forgotten_after_some_days() -> None:
    ledger = after(told(0, False), told(5, True), told(60 * 24 * 9, False, source="blog"))
    assert set(ledger.sources) == {"blog"}


def test_only_so_many_spells_of_a_source_are_kept() -> None:
    ledger = after(*(told(minute, minute % 2 == 1) for minute in range(400)))
    assert len(ledger.sources["forum"].spells) == MOST_SPELLS
    assert len(msgspec.msgpack.encode(ledger)) < 2_000


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(0, 40)), max_size=30))
def test_spells_are_in_order_and_the_ledger_survives_saving(
    steps: list[tuple[int, bool, int]],
) -> None:
    ledger, restored, minute = Ledger(), Ledger(), 0
    for step, well, ago in steps:
        minute += step
        change = told(minute, well, since=max(0, minute - ago))
        ledger.fold(change)
        restored.fold(change)
        restored = msgspec.msgpack.decode(msgspec.msgpack.encode(restored), type=Ledger)
        ends = [
            moment
            for history in ledger.sources.values()
            for spell in history.spells
            for moment in (spell.since, spell.until)
            if moment is not None
        ]
        assert ends == sorted(ends)
    assert restored == ledger
