from __future__ import annotations

from services.ingest.reading.substitution import Substitution

VOWELS = Substitution("(a) | (e) | (x+x+)+y", b"${1:+1:${2:+2:3}}")


def test_the_group_that_matched_decides_what_comes_in_its_place() -> None:
    assert VOWELS("habe xxy ä".encode()) == ("h1b2 3 ä".encode(), 3)
    assert VOWELS(b"") == (b"", 0)


def test_what_is_beyond_the_limits_is_not_replaced() -> None:
    assert VOWELS(b"x" * 60) is None
