"""A repeat changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.events import mention_id
from services.alert.seen import EXACT, TURN, Seen

DAY = 24 * 3600.0
IDS = [mention_id("forum", str(number), "motorrad-ag") for number in range(30_000)]


def new(seen: Seen, ids: Iterable[str], clock: float = 0.0) -> list[str]:
    """Which of them were new."""
    return [each for each in ids if seen.is_new(each, clock)]


def saved(seen: Seen) -> Seen:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(seen), type=Seen)


def test_what_was_seen_is_not_new() -> None:
    seen = Seen()
    assert new(seen, ["a", "b", "a", IDS[0], IDS[0], "b"]) == ["a", "b", IDS[0]]


def test_a_batch_that_comes_again_after_a_crash_changes_nothing() -> None:
    seen = Seen()
    new(seen, IDS[:10_000])
    before = msgspec.msgpack.encode(seen)
    restored = saved(seen)
    assert new(restored, IDS[8_000:10_000]) == []
    assert msgspec.msgpack.encode(restored) == before


def test_the_newest_are_known_exactly_and_the_old_are_forgotten() -> None:
    seen = Seen()
    new(seen, IDS)
    assert new(saved(seen), IDS[-EXACT:]) == []
    assert new(saved(seen), IDS[: -EXACT - 2 * TURN]) == IDS[: -EXACT - 2 * TURN]


def test_no_new_mention_is_taken_for_a_known_one() -> None:
    assert new(Seen(), IDS) == IDS


def test_ids_are_known_for_a_day() -> None:
    seen, clock = Seen(), 1e9
    for number in range(500):
        assert seen.is_new(IDS[number], clock + 600.0 * number)
        if number >= 143:
            assert not seen.is_new(IDS[number - 143], clock + 600.0 * number)
    assert sum(map(len, seen.shelves)) < 4 * 200


def test_after_a_long_silence_nothing_old_is_kept() -> None:
    seen = Seen()
    new(seen, IDS[:100], 1e9)
    assert seen.is_new(IDS[200], 1e9 + 3 * DAY)
    assert seen.is_new(IDS[201], 1e9 + 6 * DAY)
    assert sum(map(len, seen.shelves)) <= 8


def test_the_state_stays_bounded() -> None:
    seen = Seen()
    sizes = []
    for number, each in enumerate(IDS):
        seen.is_new(each, 1e9 + number * 20.0)
        sizes.append(sum(map(len, seen.shelves)))
    assert max(sizes) <= 4 * (EXACT + TURN)
    assert len(msgspec.msgpack.encode(seen)) < 19_500


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0.0, 1.0, 9000.0, 90_000.0]))),
    st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_saving_at_any_mention_changes_nothing(steps: list[tuple[int, float]], every: int) -> None:
    kept, restored = Seen(), Seen()
    clock = 1e9
    for number, (each, passed) in enumerate(steps):
        clock += passed
        assert restored.is_new(IDS[each], clock) == kept.is_new(IDS[each], clock)
        if number % every == 0:
            restored = saved(restored)
    assert msgspec.msgpack.encode(restored) == msgspec.msgpack.encode(kept)


@given(st.lists(st.integers(0, 60)))
def test_within_a_day_it_remembers_as_a_set_would(numbers: list[int]) -> None:
    assert new(Seen(), (IDS[n] for n in numbers)) == [IDS[n] for n in dict.fromkeys(numbers)]


def test_ids_of_any_form_are_told_apart() -> None:
    ids = ["", "f", "zz", "12 34 56 78 9a", "1234567890", "1234567891", "ä" * 32, "1234"]
    assert new(Seen(), ids) == ids
    assert new(Seen(), [*ids, *ids]) == ids
