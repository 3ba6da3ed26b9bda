import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.query.cursor import Order, decode_cursor, encode_cursor
from services.query.search import Position

IDS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@given(st.integers(-(2**63), 2**63 - 1), st.text(IDS), st.sampled_from(["asc", "desc"]))
def test_a_cursor_is_read_back(published_at: int, mention_id: str, order: Order) -> None:
    position = Position(published_at, mention_id)
    assert decode_cursor(encode_cursor(position, order), order) == position


@given(st.text(max_size=40))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        decode_cursor(text, "desc")


def test_a_cursor_of_the_other_order_is_refused() -> None:
    cursor = encode_cursor(Position(1, "a"), "asc")
    with pytest.raises(ValueError, match="order=asc"):
        decode_cursor(cursor, "desc")


def test_a_time_that_no_database_holds_is_refused() -> None:
    cursor = encode_cursor(Position(2**63, "a"), "asc")
    with pytest.raises(ValueError, match="not a cursor"):
        decode_cursor(cursor, "asc")


def test_an_id_that_no_database_holds_is_refused() -> None:
    cursor = encode_cursor(Position(1, "a\0"), "desc")
    with pytest.raises(ValueError, match="not a cursor"):
        decode_cursor(cursor, "desc")
