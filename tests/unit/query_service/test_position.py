import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.bus import CLASSIFIED, TopicPartition
from services.query.position import decode_position, encode_position


def offsets(*numbers: int) -> dict[TopicPartition, int]:
    return {TopicPartition(CLASSIFIED, n): offset for n, offset in enumerate(numbers)}


@given(st.lists(st.integers(0, 2**63 - 1), max_size=40))
def test_a_position_is_read_back(numbers: list[int]) -> None:
    assert decode_position(encode_position(offsets(*numbers))) == offsets(*numbers)


def test_partitions_that_are_not_named_are_unread() -> None:
    assert decode_position(encode_position({TopicPartition(CLASSIFIED, 2): 5})) == offsets(0, 0, 5)


def test_a_position_in_twelve_busy_partitions_is_short() -> None:
    assert len(encode_position(offsets(*[1_000_000] * 12))) <= 50


@given(st.text(max_size=30))
def test_what_is_no_position_is_refused_in_one_way(text: str) -> None:
    try:
        read = decode_position(text)
    except ValueError:
        return
    assert all(offset >= 0 for offset in read.values())


@pytest.mark.parametrize("text", ["", "AA", "AoA", "not-base64!", "Ü", "AYA"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="position"):
        decode_position(text)


def test_an_offset_beyond_64_bits_is_refused() -> None:
    huge = "Af" + "_" * 60 + "8B"
    with pytest.raises(ValueError, match="offset is out of range"):
        decode_position(huge)
